# The base of the bots in examples/ and tests/: Pipecat, a speech synthesiser and a recogniser that need no account and no network.
# A bot's own image adds its files to this one, so that an edit is rebuilt in a second.
ARG PYTHON_BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${PYTHON_BASE}
# libgomp1 and libportaudio2 are what the wheels of pocketsphinx and sounddevice expect of the system.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends espeak-ng >/dev/null && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /venv
COPY hack/install-lock requirements/sdist.txt requirements/pipecat.txt /tmp/
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/pip \
    if [ -e /ca.pem ]; then export PIP_CERT=/ca.pem; fi && \
    /tmp/install-lock /venv/bin/python3 /tmp/pipecat.txt
ENV PATH=/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONUNBUFFERED=1
WORKDIR /app
