"""In: a letter in Typst, and data. Out: its PDF. Writes no interactions.

Letters are set in a process of their own, which is ended where a letter takes too long: Typst runs programs. It sees
the files that it is given and no others, no network, and the data as JSON, which can never become markup.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, cast

from touchline.kernel.errors import TouchlineError

SECONDS = 20.0
"""That one letter may take; the first one also loads the fonts."""

LARGEST_PDF = 16 * 1024 * 1024
"""Bytes."""

_CHILD = Path(__file__).with_name("typesetter.py")


class NotSet(TouchlineError):
    """The letter cannot be set."""

    code = "not_set"
    remedy = "Mend the template; `touchline check` says where."

    def __init__(self, fault: str, *, file: str = "", line: int = 0) -> None:
        """`fault` is Typst's own word, which may quote the data: it is not part of the message."""
        self.fault = fault
        self.file = file
        self.line = line
        super().__init__(f"{file}, line {line}" if file else fault)


@dataclass
class _Child:
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not yet written is for nobody
                    pipe.close()


class Press:
    """Sets letters, one after the other; its process starts with the first and ends with `close`."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._child: _Child | None = None
        self._turn = threading.Lock()

    def pdf(
        self, files: Mapping[str, str], main: str, data: Mapping[str, object], day: int = 0, said: str = ""
    ) -> bytes:
        """The PDF of `main` among the files, `data` being `json(bytes(sys.inputs.data))` there; raises NotSet.

        day    seconds since 1970 that the letter takes for today
        said   texts that the letter shows: one with a character that no font has is not set, as it would show boxes
        """
        job = {
            "files": dict(files),
            "main": main,
            "data": json.dumps(data, ensure_ascii=False),
            "day": day,
            "said": said,
        }
        with self._turn:
            answer = self._answer(json.dumps(job).encode() + b"\n")
        if "pdf" not in answer:
            line = answer.get("line")
            raise NotSet(
                str(answer.get("fault", "")),
                file=str(answer.get("file", "")),
                line=line if isinstance(line, int) else 0,
            )
        return base64.b64decode(str(answer["pdf"]))

    def close(self) -> None:
        """End the process."""
        with self._turn:
            self._end()

    def __enter__(self) -> Press:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answer(self, job: bytes) -> dict[str, object]:
        child = self._child = self._child or _started()
        try:
            said = _asked(child, job, self._seconds)
        except TimeoutError:
            self._end()
            return {"fault": f"it takes longer than {self._seconds:g} s"}
        except OSError:
            said = b""
        if not said:
            self._end()
            return {"fault": "the typesetter gave up on it"}
        return cast("dict[str, object]", json.loads(said))

    def _end(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def _started() -> _Child:
    # Nothing of the environment but what finds libraries; proxies that nobody serves, so that no package is fetched.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in os.environ}
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    return _Child(
        subprocess.Popen(  # noqa: S603 - our own interpreter on our own file; nothing from outside is in it
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=kept | nowhere,
        )
    )


def _asked(child: _Child, job: bytes, seconds: float) -> bytes:
    """The line that the child answers; empty where it died. Raises TimeoutError, OSError."""
    stdin, stdout = cast("IO[bytes]", child.process.stdin), cast("IO[bytes]", child.process.stdout)
    # The child reads all of a job before it works, so that writing never waits for a letter.
    stdin.write(job)
    stdin.flush()
    said = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(stdout, selectors.EVENT_READ)
        while not said.endswith(b"\n"):
            if not ready.select(timeout=seconds):
                raise TimeoutError
            part = os.read(stdout.fileno(), 1 << 16)
            if not part or len(said) > 2 * LARGEST_PDF:
                return b""
            said += part
    return bytes(said)
