# The bots of the end-to-end tests, one file each. The context is tests/e2e/bots.
ARG BASE=botsession/pipecat:1.14.0
FROM ${BASE}
COPY *.py /app/
