"""The official clients for Node, installed once beside this environment: exact versions, no lock file, no scripts of theirs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CLIENTS = ("@segment/analytics-node@3.1.0", "@rudderstack/rudder-sdk-node@3.0.13")


def node_environment() -> dict[str, str]:
    """The environment in which `node` finds the clients; skips with a word where there is no node, or no way to get them."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on this machine")
    folder = Path(sys.prefix) / "node-clients" / "_".join(name.replace("/", "-") for name in CLIENTS)
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "installed"
    with (folder / "installing").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            quiet = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
            told = subprocess.run(
                [npm, "install", *quiet, "--prefix", str(folder), *CLIENTS], capture_output=True, text=True, timeout=240
            )
            if told.returncode:
                pytest.skip("the clients for Node cannot be installed here")
            done.touch()
    return {**os.environ, "NODE_PATH": str(folder / "node_modules")}
