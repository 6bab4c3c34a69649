# The bots of the end-to-end tests, one file each. The context is tests/bots.
ARG BASE=botsession/pipecat:1.14.0
ARG DISTRIBUTION=botsession/operator:dev
FROM ${BASE} AS testbot
COPY *.py /app/

# For `runtime: Bundled`: as if its author had installed botsession-operator[runtime]. The operator's image has it in /app.
FROM ${DISTRIBUTION} AS distribution
FROM testbot AS testbot-bundled
COPY --from=distribution /app /opt/botsession
ENV PYTHONPATH=/opt/botsession
