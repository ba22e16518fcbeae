"""In: a key as a request names it. Out: whether it may write, remembered for a few seconds. Writes no interactions.

Keys are looked up by one thread with a database connection of its own, so that the loop never waits for the database. What is
remembered is bounded, and so is how many lookups may wait: whoever tries keys at random is told to come back later.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import Error as DatabaseFault
from django.db import connection

from touchline.kernel.errors import TouchlineError

REMEMBERED = 5.0
"""Seconds after which a key is looked up again: a revoked one is refused by then."""
MOST = 1_000
"""Keys that are remembered, and that may wait to be looked up."""
LONGEST = 200

Verify = Callable[[str, str], object | None]
"""(key, scope) -> who that is, or None; `touchline.team.keys.verify`."""


class TooManyKeys(TouchlineError):
    """Too many unknown keys are being tried."""

    code = "too_many_keys"


def named(authorization: bytes) -> str | None:
    """The user name of a Basic authorization, which is the key; None where it is none."""
    scheme, _, told = authorization.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(told.strip(), validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, ValueError):
        return None


class Keyring:
    """Which keys may write.

    verify  looks one up; it is called in a thread and may use the database
    """

    def __init__(self, verify: Verify, *, remembered: float = REMEMBERED) -> None:
        self._verify = verify
        self._remembered = remembered
        self._known: dict[bytes | str, tuple[float, bool]] = {}
        self._asked: dict[bytes | str, asyncio.Future[bool]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="touchline-keys")

    async def may_write(self, told: bytes | str) -> bool:
        """Whether a Basic authorization, or a key, is one that may write now; raises TooManyKeys, and what the database raises."""
        known = self._known.get(told)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        key = named(told) if isinstance(told, bytes) and len(told) <= 4 * LONGEST else told
        if not isinstance(key, str) or not 0 < len(key) <= LONGEST:
            return False
        asked = self._asked.get(told)
        if asked is None:
            if len(self._asked) >= MOST:
                raise TooManyKeys
            loop = asyncio.get_running_loop()
            asked = asyncio.ensure_future(loop.run_in_executor(self._thread, self._looked_up, key))
            self._asked[told] = asked
            asked.add_done_callback(lambda done: self._noted(told, done))
        return await asyncio.shield(asked)

    def _looked_up(self, key: str) -> bool:
        try:
            return self._verify(key, "write") is not None
        except DatabaseFault:
            connection.close()  # it may have been lost while nobody asked; a new one says whether the database is there
            return self._verify(key, "write") is not None

    def _noted(self, told: bytes | str, done: asyncio.Future[bool]) -> None:
        self._asked.pop(told, None)
        if done.cancelled() or done.exception() is not None:
            return
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[told] = (time.monotonic() + self._remembered, done.result())

    def close(self) -> None:
        """End the thread and its connection."""
        self._thread.submit(connection.close)
        self._thread.shutdown(wait=True)
