"""`touchline up`: one command that serves, works, and ends."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from touchline import playbook
from touchline.site import serving
from touchline.site.serving import Loop, ServiceFault
from touchline.workspace.opened import Workspace

TOUCHLINE = Path(sys.executable).parent / "touchline"


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ask(url: str, *, data: bytes | None = None, key: str = "") -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=data)
    if key:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0, b""


def _until(holds: object, seconds: float = 120) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():  # type: ignore[operator] # a function
            return True
        time.sleep(0.2)
    return False


def _below(pid: int) -> set[int]:
    """The process and everything that it started."""
    found = {pid}
    for _ in range(4):
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    parent = int((entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                except OSError:
                    continue
                if parent in found:
                    found.add(int(entry.name))
    return found


def _alive(pids: set[int]) -> set[int]:
    alive = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            alive.add(pid)
    return alive


@pytest.mark.network
def test_one_command_serves_takes_events_works_and_ends(tmp_path: Path) -> None:
    root = playbook.new(tmp_path / "w", "blank")
    environment = {**os.environ, "TOUCHLINE_WORKSPACE": str(root)}
    environment.pop("DATABASE_URL", None)
    made = subprocess.run(
        [TOUCHLINE, "keys", "create", "--name", "shop", "--scope", "write", "--json"],
        env=environment, capture_output=True, check=True, text=True,
    )  # fmt: skip
    key = json.loads(made.stdout)["key"]
    port = _port()
    at = f"http://127.0.0.1:{port}"
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        service = subprocess.Popen([TOUCHLINE, "up", "--port", str(port)], env=environment, stdout=out, stderr=err)
    try:
        assert _until(lambda: _ask(f"{at}/healthz")[0] == 200), (tmp_path / "err").read_text(encoding="utf-8")
        status, body = _ask(f"{at}/readyz")
        assert (status, json.loads(body)["ready"]) == (200, True)
        link = re.search(r"/join/\S+", (tmp_path / "out").read_text(encoding="utf-8"))
        assert link is not None, "the first run says how to sign in"
        status, body = _ask(at + link[0])
        assert (status, b"first admin" in body) == (200, True)
        assert _ask(f"{at}/accounts/login/")[0] == 200

        event = {"userId": "u1", "event": "Seen", "messageId": "m1"}
        assert _ask(f"{at}/v1/track", data=json.dumps(event).encode(), key="wrong")[0] == 401
        assert _ask(f"{at}/v1/track", data=json.dumps(event).encode(), key=key)[0] == 200
        ledger = root / ".touchline" / "ledger"
        assert _until(lambda: any(ledger.rglob("*.parquet"))), "the worker drains what came in"

        processes = _below(service.pid)
        assert len(processes) >= 3, "the command, a web process and a worker"
        begun = time.monotonic()
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
        assert time.monotonic() - begun < 30
        assert _until(lambda: not _alive(processes), 10)
        log = (tmp_path / "err").read_text(encoding="utf-8")
        for line in filter(None, log.splitlines()):
            assert set(json.loads(line)) >= {"at", "level", "logger", "message"}, line
        assert key not in log
        assert link[0].split("/")[2] not in log
    finally:
        for pid in _alive(_below(service.pid)):
            os.kill(pid, signal.SIGKILL)
        service.wait()


def test_more_web_processes_than_one_need_postgresql(office: Workspace) -> None:
    with pytest.raises(ServiceFault, match="SQLite"):
        serving.up(office.settings.root, workers=2, say=print)


@pytest.mark.network
def test_a_taken_port_is_told_before_anything_starts(office: Workspace) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServiceFault, match="--port"):
            serving.up(office.settings.root, port=taken.getsockname()[1], say=print)


def test_a_worker_that_dies_is_started_again_and_not_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(serving, "_LONGEST_PAUSE", 0.02)
    loop = Loop([sys.executable, "-S", "-c", "raise SystemExit(3)"])
    loop.start()
    assert _until(lambda: loop.started >= 3, 30)
    loop.end()
    started = loop.started
    time.sleep(0.1)
    assert loop.started == started


def test_a_worker_is_ended_in_order_and_by_force_where_it_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "ENDING", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    loop = Loop([sys.executable, "-S", "-c", deaf])
    loop.start()
    assert _until(lambda: loop.started == 1, 30)
    time.sleep(0.3)
    begun = time.monotonic()
    loop.end()
    assert time.monotonic() - begun < 10


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    child = (
        "import os, sys, time; from touchline.site.parent import end_with_parent; end_with_parent();"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(120)"
    )
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(120)"
    starter = subprocess.Popen([sys.executable, "-S", "-c", parent])
    try:
        assert _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(encoding="utf-8"), 60)
        pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    finally:
        starter.kill()
        starter.wait()
    assert _until(lambda: not _alive({pid}), 20)
