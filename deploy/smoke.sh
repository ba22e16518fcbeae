#!/bin/sh
# Install into a temporary folder, make a workspace there, start the service as a container does, and wait until it says that it is ready.
# It proves what the container file does but for the container: the pins, the built package with all its files, the start.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
service=
trap 'if [ -n "$service" ]; then kill "$service" 2>/dev/null || true; wait "$service" 2>/dev/null || true; fi; rm -rf "$place"' EXIT
PIP_NO_COMPILE=1 "$root/deploy/install.sh" "$place/touchline"  # what is used is compiled when it is; in the image all of it is

# Nothing of the checkout, and nothing of whoever calls, may be what makes it work.
unset DATABASE_URL PYTHONPATH VIRTUAL_ENV
PATH="$place/touchline/bin:$PATH"
TOUCHLINE_WORKSPACE="$place/workspace"
TOUCHLINE_LISTEN=127.0.0.1
TOUCHLINE_PORT=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PATH TOUCHLINE_WORKSPACE TOUCHLINE_LISTEN TOUCHLINE_PORT
cd "$place"
python -c 'import sys, touchline; sys.exit(not touchline.__file__.startswith(sys.prefix))' || { echo "it is not the installed package that runs" >&2; exit 1; }
sh "$root/deploy/start.sh" > "$place/out" 2> "$place/log" &
service=$!
left=240
until python "$root/deploy/ready.py"; do
  left=$((left - 1))
  if [ "$left" -eq 0 ] || ! kill -0 "$service" 2>/dev/null; then
    echo "the service did not become ready" >&2; cat "$place/out" "$place/log" >&2; exit 1
  fi
  sleep 0.5
done
# A page with the style sheet that it names: what is no Python is in the package, too.
python - <<'PAGE'
import os, re, urllib.request
at = f"http://127.0.0.1:{os.environ['TOUCHLINE_PORT']}"
page = urllib.request.urlopen(f"{at}/accounts/login/", timeout=30).read().decode()
for found in re.findall(r'(?:href|src)="(/(?:look|static)/[^"]+)"', page):
    assert urllib.request.urlopen(at + found, timeout=30).status == 200, found
assert "/look/" in page, page[:500]
PAGE
echo "installed, started, ready"
