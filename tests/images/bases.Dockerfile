# Three ways in which people lay Pipecat out in an image; the images beside this file are built from them. The context is the repository.
# uv stands in for pip because it takes seconds; what it leaves behind is laid out as pip leaves it.
ARG PYTHON_BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
ARG NEWER_PYTHON_BASE=python:3.13-slim-trixie@sha256:8d9d0b8bcf6506481eae4907c18f5e3e7902e629f5f6d684f9e7c32e85e3ddf0

FROM ${PYTHON_BASE} AS tools
RUN python3 -m venv /tools
COPY hack/install-lock requirements/tools.txt requirements/sdist.txt requirements/quickstart.txt /tools/
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/pip \
    if [ -e /ca.pem ]; then export PIP_CERT=/ca.pem; fi && /tools/install-lock /tools/bin/python3 /tools/tools.txt
# What each layout below is made with, in one folder that is mounted there.
RUN mkdir /lock && cd /tools && cp bin/uv install-lock sdist.txt quickstart.txt /lock/

# As dailyco/pipecat-base and uv's own guide have it: a newer Python, uv in the image, the environment in /app/.venv.
FROM ${NEWER_PYTHON_BASE} AS uv-venv
COPY --from=tools /lock/uv /bin/uv
WORKDIR /app
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/lock,target=/lock \
    if [ -e /ca.pem ]; then export SSL_CERT_FILE=/ca.pem; fi && export UV_COMPILE_BYTECODE=1 && uv venv --quiet && \
    /lock/install-lock --with uv .venv/bin/python /lock/quickstart.txt

# `pip install pipecat-ai` as root, into the system's own Python.
FROM ${PYTHON_BASE} AS system-python
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/lock,target=/lock \
    if [ -e /ca.pem ]; then export SSL_CERT_FILE=/ca.pem; fi && \
    export UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_BREAK_SYSTEM_PACKAGES=1 python="$(command -v python3)" && \
    /lock/install-lock --with /lock/uv "$python" /lock/quickstart.txt

# A virtual environment made by python -m venv, in a folder that is not the bot's.
FROM ${PYTHON_BASE} AS opt-venv
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends tini >/dev/null && rm -rf /var/lib/apt/lists/*
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/lock,target=/lock \
    if [ -e /ca.pem ]; then export SSL_CERT_FILE=/ca.pem; fi && export UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 && python3 -m venv /opt/venv && \
    /lock/install-lock --with /lock/uv /opt/venv/bin/python3 /lock/quickstart.txt
