# Two images:  docker build --target operator .     docker build --target runtime .
# PYTHON_BASE is any Debian with Python 3.11 or newer; hack/images makes one where no registry can be reached. hack/digests renews its digest.
# Behind a private certificate authority:  --secret id=ca,src=/path/to/bundle.pem
ARG PYTHON_BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
# Each compiles the runtime for its own version of Python, and nothing else of it goes into an image.
ARG PYTHON_3_12_BASE=python:3.12-slim-bookworm@sha256:782412e85d0f0984994c290652577d4018aff08145c85b262bb63dc0c7522254
ARG PYTHON_3_13_BASE=python:3.13-slim-trixie@sha256:8d9d0b8bcf6506481eae4907c18f5e3e7902e629f5f6d684f9e7c32e85e3ddf0
ARG PYTHON_3_14_BASE=python:3.14-slim-trixie@sha256:51dafde81dbdb6ebde285137a295cf18a47ca95234fe388a343719cb97305b3d

FROM ${PYTHON_BASE} AS build
# /build has pip and stays in this stage; /venv goes into the image and has none.
RUN python3 -m venv /build && python3 -m venv --without-pip /venv
COPY hack/install-lock requirements/operator.txt /tmp/
RUN --mount=type=secret,id=ca,target=/ca.pem,required=false --mount=type=cache,target=/root/.cache/pip \
    if [ -e /ca.pem ]; then export PIP_CERT=/ca.pem; fi && \
    /tmp/install-lock --with /build/bin/pip /venv/bin/python3 /tmp/operator.txt
# A folder on the path, and no wheel: a wheel's metadata asks for the command line's packages, so `pip check` would call them missing.
COPY operator/src/botsession_operator /app/botsession_operator
COPY runtime/src/botsession_contract /app/botsession_contract
COPY LICENSE /app/LICENSE
# Only what the operator loads is kept compiled: the official client has 1,900 modules, of which 70 are. That leaves out 50 MB.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app && \
    find /venv -name __pycache__ -prune -exec rm -r {} + && PYTHONPATH=/app /venv/bin/python3 -c 'import botsession_operator.__main__'

# Two layers, so that a new version of the operator does not bring its dependencies along again.
FROM ${PYTHON_BASE} AS operator
COPY --from=build /venv /venv
COPY --from=build /app /app
# kopf asks for the user's name, which no passwd file knows here.
ENV USER=botsession
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["python3", "-m", "botsession_operator"]

# The runtime with bytecode: the mount is read-only, so Python could not cache what it compiles. Python uses the files of its own
# version, whichever its patch release is, and ignores the others. They are unchecked: an image keeps no times to compare.
FROM scratch AS runtime-source
COPY runtime/src/botsession_runtime /botsession/botsession_runtime
COPY runtime/src/botsession_contract /botsession/botsession_contract

FROM ${PYTHON_BASE} AS bytecode-3.11
COPY --from=runtime-source /botsession /botsession
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /botsession

FROM ${PYTHON_3_12_BASE} AS bytecode-3.12
COPY --from=runtime-source /botsession /botsession
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /botsession

FROM ${PYTHON_3_13_BASE} AS bytecode-3.13
COPY --from=runtime-source /botsession /botsession
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /botsession

FROM ${PYTHON_3_14_BASE} AS bytecode-3.14
COPY --from=runtime-source /botsession /botsession
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /botsession

# What is injected into a bot's pod. It holds pure Python and one program: `cp`, for servers without image volumes, where an init
# container copies the folder (cp -r /botsession/. /target). A static busybox under the name `cp` makes that 2 MB instead of the
# 130 MB of a Python base, and the image is pulled on every node that runs a bot. Debian has one for every architecture, so this
# stage is the same with and without a registry.
FROM ${PYTHON_BASE} AS runtime-files
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends busybox-static >/dev/null && rm -rf /var/lib/apt/lists/*
RUN install -D /bin/busybox /image/bin/cp && \
    install -Dt /image/usr/share/doc/busybox-static -m 644 /usr/share/doc/busybox-static/copyright
# Debian keeps only the newest version of a package, so a pinned one would soon be gone. What was taken is written down, for hack/sbom.
RUN dpkg-query --show --showformat='${Package} ${Version}\n${Built-Using}\n' busybox-static | sed 's/ (= \(.*\))/ \1/' \
    >/image/usr/share/doc/busybox-static/versions
COPY --from=bytecode-3.11 /botsession /image/botsession
COPY --from=bytecode-3.12 /botsession /image/botsession
COPY --from=bytecode-3.13 /botsession /image/botsession
COPY --from=bytecode-3.14 /botsession /image/botsession
COPY LICENSE /image/botsession/LICENSE

FROM scratch AS runtime
COPY --from=runtime-files /image /
ENV PATH=/bin
USER 65532:65532
CMD ["cp", "-r", "/botsession/.", "/target"]
