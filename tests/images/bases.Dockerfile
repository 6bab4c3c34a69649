# Three ways in which people lay Pipecat out in an image; the images beside this file are built from them. The context is requirements/.
# uv stands in for pip because it takes seconds; what it leaves behind is laid out as pip leaves it.
ARG PYTHON_BASE=python:3.11-slim-bookworm
ARG NEWER_PYTHON_BASE=python:3.13-slim-trixie

FROM ${PYTHON_BASE} AS tools
RUN python3 -m venv /tools
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/pip \
    if [ -e /ca.pem ]; then export PIP_CERT=/ca.pem; fi && /tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

# As dailyco/pipecat-base and uv's own guide have it: a newer Python, uv in the image, the environment in /app/.venv.
FROM ${NEWER_PYTHON_BASE} AS uv-venv
COPY --from=tools /tools/bin/uv /bin/uv
WORKDIR /app
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=quickstart.txt,target=/tmp/requirements.txt \
    if [ -e /ca.pem ]; then export SSL_CERT_FILE=/ca.pem; fi && \
    uv venv --quiet && uv pip install --quiet --compile-bytecode --no-deps --require-hashes -r /tmp/requirements.txt && uv pip check --quiet

# `pip install pipecat-ai` as root, into the system's own Python.
FROM ${PYTHON_BASE} AS system-python
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/tools/bin/uv,target=/bin/uv \
    --mount=type=bind,source=quickstart.txt,target=/tmp/requirements.txt \
    if [ -e /ca.pem ]; then export SSL_CERT_FILE=/ca.pem; fi && export UV_LINK_MODE=copy && \
    uv pip install --quiet --compile-bytecode --system --break-system-packages --no-deps --require-hashes -r /tmp/requirements.txt && \
    uv pip check --quiet --system

# A virtual environment made by python -m venv, in a folder that is not the bot's.
FROM ${PYTHON_BASE} AS opt-venv
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends tini >/dev/null && rm -rf /var/lib/apt/lists/*
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/tools/bin/uv,target=/bin/uv \
    --mount=type=bind,source=quickstart.txt,target=/tmp/requirements.txt \
    if [ -e /ca.pem ]; then export SSL_CERT_FILE=/ca.pem; fi && export UV_LINK_MODE=copy && \
    python3 -m venv /opt/venv && VIRTUAL_ENV=/opt/venv uv pip install --quiet --compile-bytecode --no-deps --require-hashes -r /tmp/requirements.txt && \
    VIRTUAL_ENV=/opt/venv uv pip check --quiet
