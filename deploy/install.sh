#!/bin/sh
# Install Touchline from this checkout into a folder of its own, as a service has it: pinned requirements with their hashes, nothing for tests,
# and the project itself as a built package, so that nothing of the checkout is needed afterwards.
#
#   deploy/install.sh PREFIX          PYTHON=python3.11 deploy/install.sh PREFIX
#
# The container file runs it, and so does deploy/smoke.sh on the machine itself.
set -eu
[ "$#" -eq 1 ] || { echo "usage: deploy/install.sh PREFIX" >&2; exit 2; }
prefix=$1
root=$(cd "$(dirname "$0")/.." && pwd)
[ ! -e "$prefix/bin" ] || { echo "$prefix is there already: name a new folder" >&2; exit 2; }

"${PYTHON:-python3}" -m venv "$prefix"
"$prefix/bin/python" "$root/deploy/runtime.py" "$root" > "$prefix/requirements.lock"
# The pins are whole, so that nothing is left to look for; whether they are is checked at the end.
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$prefix/requirements.lock"
"$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation "$root"
"$prefix/bin/python" -m pip check --disable-pip-version-check
"$prefix/bin/touchline" --version
