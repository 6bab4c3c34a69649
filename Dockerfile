# Two images:  docker build --target operator .     docker build --target runtime .
# PYTHON_BASE is any Debian with Python 3.11 or newer; hack/images makes one where no registry can be reached. hack/digests renews its digest.
# Behind a private certificate authority:  --secret id=ca,src=/path/to/bundle.pem
ARG PYTHON_BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

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
COPY runtime/src/botsession_runtime /image/botsession/botsession_runtime
COPY runtime/src/botsession_contract /image/botsession/botsession_contract
COPY LICENSE /image/botsession/LICENSE
# The mount is read-only, so Python could never cache what it compiles: it is done here, for the base's version of Python.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /image/botsession

FROM scratch AS runtime
COPY --from=runtime-files /image /
ENV PATH=/bin
USER 65532:65532
CMD ["cp", "-r", "/botsession/.", "/target"]
