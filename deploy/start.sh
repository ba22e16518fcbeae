#!/bin/sh
# What the container runs: make the workspace at its first start, then serve it. What follows is passed on to `touchline up`.
set -eu
: "${TOUCHLINE_WORKSPACE:=/workspace}"
export TOUCHLINE_WORKSPACE
[ -e "$TOUCHLINE_WORKSPACE/touchline.yaml" ] || touchline new "$TOUCHLINE_WORKSPACE" --template "${TOUCHLINE_TEMPLATE:-blank}"
touchline check
exec touchline up --host "${TOUCHLINE_LISTEN:-0.0.0.0}" --port "${TOUCHLINE_PORT:-8000}" "$@"
