#!/bin/sh
set -e
export GREETING="Hello from $(hostname)"
exec "$@"
