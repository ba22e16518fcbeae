"""In: checked events of many requests at once. Out: all of them in the buffer, in few transactions. Writes no interactions; what is kept becomes interactions at the drain.

One thread of a web process commits what waits as one group, with a database connection of its own; a request is answered when its
group is committed. While one group is written the next one gathers, so the busier it is the larger the groups and the cheaper each event.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError, connection

from touchline.intake import keep
from touchline.kernel.errors import TouchlineError

QUEUE_EVENTS = 20_000
"""Events that may wait to be committed; beyond them requests are told to come back."""
QUEUE_BYTES = 64 * 1024 * 1024
GROUP_EVENTS = 5_000
"""Events of one transaction, unless one request has more."""
BUSY_SECONDS = 10
"""So long a group waits for another writer of a SQLite file; a client gives up not much later."""

LOG_PAGES = 8_000
"""Pages, of 4 KB, that the write-ahead log of a SQLite file may have before they are written back."""

Row = tuple[str, str]
Outcome = tuple[int, ...] | None
"""What became of a request's events: committed, but for those whose positions these are, which the database refuses whoever asks;
None: the database could not, and the same request is welcome later."""

_log = logging.getLogger("touchline.intake")


class Closed(TouchlineError):
    """The server is stopping."""

    code = "stopping"


@dataclass(slots=True)
class _Request:
    rows: Sequence[Row]
    size: int
    settled: asyncio.Future[Outcome]
    outcome: Outcome = None


@dataclass
class Written:
    """What the writer did since it began.

    accepted    events that are new
    duplicates  events that were kept before
    groups      transactions
    failed      tries that the database refused or could not take
    """

    accepted: int = 0
    duplicates: int = 0
    groups: int = 0
    failed: int = 0


@dataclass
class Writer:
    """The thread that commits. It starts with the first request and ends with `close`, after everything that waited.

    now          the workspace's clock, microseconds UTC: when events were received
    queue_events, queue_bytes  how much may wait
    """

    now: Callable[[], int]
    queue_events: int = QUEUE_EVENTS
    queue_bytes: int = QUEUE_BYTES
    written: Written = field(default_factory=Written)

    def __post_init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._events = self._bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Events that wait to be committed, or are being."""
        return self._events

    @property
    def alive(self) -> bool:
        """Whether the thread does its work, or has had none yet."""
        return self._thread is None or self._thread.is_alive()

    def offer(self, rows: Sequence[Row]) -> asyncio.Future[Outcome] | None:
        """Have the events committed: what will tell of it, or None where too much waits already. To be called from the loop.

        Raises Closed.
        """
        if self._closed:
            raise Closed
        size = sum(len(body) for _, body in rows)
        # Whatever a single request holds is taken where nothing waits.
        if self._events and (self._events + len(rows) > self.queue_events or self._bytes + size > self.queue_bytes):
            return None
        if self._thread is None or not self._thread.is_alive():
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="touchline-intake", daemon=True)
            self._thread.start()
        request = _Request(rows, size, asyncio.get_running_loop().create_future())
        self._events += len(rows)
        self._bytes += size
        self._waiting.put(request)
        return request.settled

    async def close(self) -> None:
        """Commit what waits and end the thread; later offers are refused."""
        self._closed = True
        if self._thread is not None and self._thread.is_alive():
            self._waiting.put(None)
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _run(self) -> None:
        try:
            while (request := self._waiting.get()) is not None:
                group, ends = self._group(request)
                try:
                    self._commit(group)
                finally:
                    self._tell(group)
                if ends:
                    return
        finally:
            connection.close()

    def _group(self, first: _Request) -> tuple[list[_Request], bool]:
        """(the request and those that wait behind it, as many as one transaction takes; whether the end was reached)."""
        group, events = [first], len(first.rows)
        while events < GROUP_EVENTS:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return group, True
            group.append(more)
            events += len(more.rows)
        return group, False

    def _commit(self, group: list[_Request]) -> None:
        """Commit all as one; where the database refuses that, each request by itself, and of a refused one each event."""
        self.written.groups += 1
        outcome = self._kept([row for request in group for row in request.rows])
        for request in group:
            # A database that is away costs all of them; what it refuses must not cost the others.
            request.outcome = outcome if outcome in ((), None) else self._kept(request.rows)
            if request.outcome:
                alone = [self._kept([row]) for row in request.rows]
                refused = tuple(position for position, each in enumerate(alone) if each)
                request.outcome = None if None in alone else refused

    def _kept(self, rows: Sequence[Row]) -> Outcome:
        """Commit the rows: () where that is done, (0,) where the database refuses any of them, None where it cannot now."""
        for again in (True, False):
            try:
                if connection.connection is None:
                    _open()
                new = keep(rows, received_at=self.now())
            except (OperationalError, InterfaceError) as fault:
                _failed(self.written, fault)
                if connection.vendor == "sqlite" or not again:
                    return None  # it waited for its turn already
                # The connection may have been lost while nobody wrote, or two processes waited for each other.
            except Exception as fault:
                _failed(self.written, fault)
                return (0,)
            else:
                self.written.accepted += new
                self.written.duplicates += len(rows) - new
                return ()
        return None

    def _tell(self, group: list[_Request]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it everybody who would have been told
                self._loop.call_soon_threadsafe(self._settle, group)

    def _settle(self, group: list[_Request]) -> None:
        for request in group:
            self._events -= len(request.rows)
            self._bytes -= request.size
            if not request.settled.done():
                request.settled.set_result(request.outcome)


def _open() -> None:
    """A connection that says `committed` only of what a power cut would leave, which PostgreSQL does by itself."""
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            # Pages of the index of ids are touched at random; each is written back once for many commits.
            cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")


def _failed(written: Written, fault: Exception) -> None:
    """Note it, without what the database says of it: that may quote an event."""
    written.failed += 1
    _log.warning("intake could not be committed: %s", type(fault).__name__)
    connection.close()
