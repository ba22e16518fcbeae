"""In: the port of a service on this machine. Out: exit code 0 where it answers that it is ready, else 1. For a container's health check."""

from __future__ import annotations

import os
import sys
import urllib.request

try:
    port = int(os.environ.get("TOUCHLINE_PORT", "8000"))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=4) as answer:
        sys.exit(0 if answer.status == 200 else 1)
except (OSError, ValueError):
    sys.exit(1)
