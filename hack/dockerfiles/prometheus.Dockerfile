# Debian's Prometheus, for the test that has one scrape the installed operator: the same with and without a registry.
# The package is unpacked, not installed: it would bring an init system's files and a web interface's libraries along.
# Python stays, for what finds the targets: Debian builds Prometheus without its discovery in Kubernetes.
ARG PYTHON_BASE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b
FROM ${PYTHON_BASE} AS package
WORKDIR /tmp
RUN apt-get update -qq && apt-get download -qq prometheus && dpkg-deb --extract prometheus_*.deb /package

FROM ${PYTHON_BASE}
COPY --from=package /package/usr/bin/prometheus /usr/bin/
COPY --from=package /package/usr/share/doc/prometheus/copyright /usr/share/doc/prometheus/
USER 65532:65532
ENTRYPOINT ["prometheus"]
