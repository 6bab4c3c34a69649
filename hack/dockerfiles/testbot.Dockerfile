# The bots of the end-to-end tests, one file each. The context is tests/bots.
ARG BASE=botsession/pipecat:1.14.0
ARG RUNTIME=botsession/runtime:dev
FROM ${BASE} AS testbot
COPY *.py /app/

# For `runtime: Bundled`: the packages of botsession-operator[runtime], where its author had put them.
FROM ${RUNTIME} AS runtime
FROM testbot AS testbot-bundled
COPY --from=runtime /botsession /opt/botsession
ENV PYTHONPATH=/opt/botsession
