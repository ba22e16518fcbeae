"""In: files, a compiled import, a ledger. Out: the ledger with what was not in it, and counts. Writes every kind that a mapping names.

Two passes over each file: the first finds keys that come more than once, the second maps, checks, recognises and appends
chunk by chunk. An interaction's id follows from the file alone, so that a second run, after a crash too, adds what is missing and no more.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import polars as pl
from django.db import connections, transaction

from touchline.intake import targets
from touchline.intake.appending import append
from touchline.intake.casting import KEY, cast
from touchline.intake.drain import drain
from touchline.intake.identifying import Identification
from touchline.intake.keys import Known, line_ids, resolved
from touchline.intake.mapping import RULE, LineMapping
from touchline.intake.occurrence import NTH, Occurrences
from touchline.intake.readers import CHUNK_BYTES, CHUNK_ROWS, LINE, NUMBER, Chunk, Reader, open_file
from touchline.intake.rejects import Rejects
from touchline.intake.rows import DTYPES, Draft, Terms
from touchline.intake.turns import importing, turn
from touchline.kernel.errors import UnknownName
from touchline.ledger import AnyLedger
from touchline.playbook.compiled import Import, Playbook
from touchline.recognition.counting import reserve
from touchline.recognition.staging import read_numbers

_TAKEN = {"id": pl.String, "content": pl.UInt64}
"""Keys that lines of this file have taken, and what the first line of each said."""
_OURS = ("seq", "id", "version", "bucket", "received_at", "batch", "role", "source", "digest")
_SAID = tuple(name for name in DTYPES if name not in _OURS)
"""Ledger columns that hold what a line says, and of whom."""


@dataclass(frozen=True)
class Progress:
    """How far an import is.

    file          name of the file
    read          lines so far, of all files
    share         of all bytes, 0 to 1
    rate          lines a second
    seconds_left  None before anything is known
    """

    file: str
    read: int
    share: float
    rate: float
    seconds_left: float | None


@dataclass(frozen=True)
class ImportResult:
    """What became of the files.

    read          lines, good or bad; where a line makes one interaction, read = accepted + duplicates + rejected
    accepted      interactions added; a line of several adds several, and one whose `when` does not hold adds none
    duplicates    interactions whose key was there already, in the ledger or earlier in the file
    differing     those of the duplicates whose key stood earlier in the same file with other content
    rejected      lines that were rejected, each whole
    rejects_file  where their numbers and reasons are; None without any, and in a dry run
    customers     distinct customers of the lines that were not rejected, whether or not they were new
    reasons       reason -> lines
    """

    read: int
    accepted: int
    duplicates: int
    rejected: int
    rejects_file: Path | None
    customers: int
    differing: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def import_file(
    paths: Sequence[Path | str], imp: Import, playbook: Playbook, ledger: AnyLedger, *, received_at: int,
    progress: Callable[[Progress], None] | None = None, rejects_dir: Path | None = None, dry_run: bool = False,
    rows_at_once: int | None = None,
) -> ImportResult:  # fmt: skip
    """Import files of one kind; raises BadFile, and imports none, where one is not what the mapping expects.

    Waits while another process or thread imports the same kind, and then adds what that one did not.

    received_at   microseconds UTC; what lies more than a day after it is refused
    dry_run       count and reject as for real, and leave no trace; nothing else can recognise meanwhile
    rows_at_once  lines that are taken in together; fewer than CHUNK_ROWS cost time, hold up others for less, and tell more often how far it is
    """
    files = [Path(path) for path in paths]
    if not files:
        raise UnknownName("no file", remedy="Name at least one.")
    readers = [open_file(path, imp) for path in files]
    with (
        # What the ledger holds of the source is asked once a file: nobody else may add to it meanwhile.
        nullcontext() if dry_run else importing(imp.name),
        tempfile.TemporaryDirectory(prefix="touchline-") as scratch,
        Rejects(None if dry_run else rejects_dir, imp.name) as rejects,
    ):
        together = min(rows_at_once or CHUNK_ROWS, CHUNK_ROWS)
        run = _Run(imp, playbook, ledger, received_at, rejects, Path(scratch), dry_run=dry_run, together=together)
        meter = _Meter(files, progress)
        if dry_run:
            with transaction.atomic():
                result = run.files(files, readers, meter)
                transaction.set_rollback(True)
            return result
        with run.writer:
            result = run.files(files, readers, meter)
        # Links made on the way wait in the buffer, where no crash loses them; now they follow.
        drain(playbook, ledger, received_at=received_at)
        return result


class _Meter:
    """Tells progress: share by bytes of all files, rate by lines."""

    def __init__(self, files: Sequence[Path], told: Callable[[Progress], None] | None) -> None:
        self._sizes = [max(path.stat().st_size, 1) for path in files]
        self._names = [path.name for path in files]
        self._told = told
        self._began = time.monotonic()

    def tell(self, file: int, done: float, read_: int) -> None:
        if self._told is None:
            return
        share = (sum(self._sizes[:file]) + self._sizes[file] * done) / sum(self._sizes)
        spent = max(time.monotonic() - self._began, 1e-9)
        left = spent * (1 - share) / share if share > 0 else None
        self._told(Progress(self._names[file], read_, share, read_ / spent, left))


class _Writer:
    """Appends one chunk while the next is made ready: at most one waits, so that memory stays bounded.

    Everything that must see the chunk before it (targets, numbers) is done by the one thread that writes, in order.
    """

    def __init__(self, ledger: AnyLedger, terms: Terms) -> None:
        self._ledger, self._terms = ledger, terms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._under_way: Future[None] | None = None

    def write(self, draft: Draft, batch: int) -> None:
        """Append the rows after those before them; raises what went wrong with those."""
        self.wait()
        self._under_way = self._thread.submit(self._append, draft, batch)

    def wait(self) -> None:
        """Return when everything is in the ledger."""
        if self._under_way is not None:
            self._under_way.result()

    def _append(self, draft: Draft, batch: int) -> None:
        beside = [name for name in draft.frame.columns if name.startswith("__") or name in (NUMBER, LINE)]
        rows = Draft(draft.frame.drop(beside), draft.fixed)
        with turn():  # a target and what waits for it, in two hands at once, would not see each other
            drafts, settlement = targets.settle(rows, self._ledger, self._terms)
            targets.note_waiting(settlement, self._terms.received_at)
            append(drafts, self._ledger, batch)
            targets.note_settled(settlement)

    def __enter__(self) -> _Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        finally:
            self._thread.submit(connections.close_all)  # the thread has its own
            self._thread.shutdown()


class _Run:
    """One import under way."""

    def __init__(
        self,
        imp: Import,
        playbook: Playbook,
        ledger: AnyLedger,
        received_at: int,
        rejects: Rejects,
        scratch: Path,
        *,
        dry_run: bool,
        together: int,
    ) -> None:
        self._imp, self._ledger, self._rejects, self._scratch, self._dry = imp, ledger, rejects, scratch, dry_run
        self._together = together
        self._terms = Terms(playbook, imp.name, received_at)
        self.writer = _Writer(ledger, self._terms)
        self._mapping = LineMapping(imp, self._terms)
        kinds = [(rule.type, rule.scope) for rule in imp.persona]
        self._identification = Identification(kinds, role=imp.role, region=playbook.organisation.country)
        self._key = [name for name in imp.key if name != NUMBER]
        self._read = self._accepted = self._duplicates = self._differing = 0
        self._personas: list[pl.Series] = []
        self._before: list[pl.Series] = []
        """Ids that a dry run would have added in earlier files."""

    def files(self, paths: Sequence[Path], readers: Sequence[Reader], meter: _Meter) -> ImportResult:
        for index, (path, reader) in enumerate(zip(paths, readers, strict=True)):
            self._file(index, path, reader, meter)
        personas = pl.concat(self._personas).unique() if self._personas else pl.Series([], dtype=pl.Int64)
        return ImportResult(
            self._read, self._accepted, self._duplicates, self._rejects.total, self._rejects.path,
            _customers(personas), self._differing, dict(self._rejects.counts),
        )  # fmt: skip

    def _file(self, index: int, path: Path, reader: Reader, meter: _Meter) -> None:
        self.writer.wait()  # what an earlier file brought is known too
        known = Known(self._ledger, self._imp.name, self._scratch)
        occurrences = self._occurrences(reader)
        taken = pl.DataFrame(schema=_TAKEN)
        batch = 0 if self._dry else reserve("batch", 1)
        for chunk in _coalesced(reader.chunks(list(self._imp.types)), self._together):
            self._rejects.add(path.name, chunk.rejected)
            self._read += chunk.frame.height + chunk.rejected.height
            draft = self._identified(path, chunk.frame, occurrences)
            fresh = ~known.among(draft.frame["id"])
            if self._before:
                fresh &= ~draft.frame["id"].is_in(pl.concat(self._before).implode())
            if not self._imp.occurrence and occurrences is not None:
                fresh, taken, differing = _first_of_key(draft, fresh, taken)
                self._differing += differing
            self._personas.append(draft.frame["persona_id"].unique())
            added = int(fresh.sum())
            self._duplicates += draft.frame.height - added
            self._accepted += added
            if added and self._dry:
                self._before.append(draft.frame["id"].filter(fresh))
            elif added:
                self.writer.write(
                    Draft(draft.frame.filter(fresh) if added < draft.frame.height else draft.frame, draft.fixed), batch
                )
            meter.tell(index, chunk.done, self._read)
        known.close()
        if occurrences is not None:
            occurrences.close()

    def _occurrences(self, reader: Reader) -> Occurrences | None:
        """The first pass; None where the line's number is part of the key, so that no two are equal."""
        if NUMBER in self._imp.key:
            return None
        occurrences = Occurrences(self._scratch)
        for chunk in reader.chunks(self._key):
            occurrences.note(
                chunk.frame.select(pl.col(name).cast(pl.String) for name in self._key), chunk.frame[NUMBER]
            )
        occurrences.settle()
        return occurrences

    def _identified(self, path: Path, frame: pl.DataFrame, occurrences: Occurrences | None) -> Draft:
        """The chunk's good interactions with id and persona; its bad lines are rejected."""
        typed = cast(frame, self._imp.types, self._imp.key, self._imp.zone)
        self._rejects.add(path.name, typed.rejected)
        lines = (
            typed.frame.with_columns(pl.lit(None, pl.Int64).alias(NTH))
            if occurrences is None
            else occurrences.numbered(typed.frame)
        )
        draft, rejected = self._mapping.drafts(lines)
        self._rejects.add(path.name, rejected)
        made = draft.frame
        nth = pl.col(NTH).fill_null(0) if self._imp.occurrence else pl.lit(0, pl.Int64)
        keys = [f"{KEY}{name}" for name in self._imp.key]
        identity = line_ids(self._imp.name, made.with_columns(nth.alias("__n")), keys, "__n", RULE)
        made = made.with_columns(identity).drop(keys)
        if len(self._mapping.rules) > 1:
            made = made.sort(NUMBER, RULE)
        draft = Draft(made, draft.fixed)
        draft = Draft(made.with_columns(_references(draft, self._imp.name)), draft.fixed)
        found = self._identification.identify(draft, self._terms.received_at)
        self._rejects.add(path.name, found.rejected)
        return Draft(found.draft.frame, {**found.draft.fixed, "role": self._imp.role})


def _coalesced(chunks: Iterator[Chunk], together: int) -> Iterator[Chunk]:
    """Small chunks put together, since each append is a commit."""
    held: list[Chunk] = []
    rows = size = 0
    for chunk in chunks:
        held.append(chunk)
        rows += chunk.frame.height
        size += int(chunk.frame.estimated_size()) if chunk.frame.height < CHUNK_ROWS else CHUNK_BYTES
        if rows >= together or size >= CHUNK_BYTES:
            yield _together(held)
            held, rows, size = [], 0, 0
    if held:
        yield _together(held)


def _together(chunks: list[Chunk]) -> Chunk:
    if len(chunks) == 1:
        return chunks[0]
    return Chunk(pl.concat([c.frame for c in chunks]), pl.concat([c.rejected for c in chunks]), chunks[-1].done)


def _references(draft: Draft, source: str) -> list[pl.Series]:
    """`about` and `in_reply_to` with interaction ids: what is no id is a key of the same import, its first interaction."""
    told = []
    if draft.varies("about") and draft.frame.schema["about"] == pl.String:
        about = draft.frame["about"]
        bare = draft.frame.select(
            pl.when(pl.col("about").str.starts_with("interaction:")).then(
                pl.col("about").str.strip_prefix("interaction:")
            )
        ).to_series()
        named = "interaction:" + resolved(source, bare, "0")
        told.append(named.fill_null(about).alias("about"))
    if draft.varies("in_reply_to") and draft.frame.schema["in_reply_to"] == pl.String:
        # `replied` names a message of ours by its message id, everything else an interaction.
        kind = draft.column("kind")
        mine = draft.frame.select(pl.when(kind != "replied").then("in_reply_to")).to_series()  # type: ignore[operator]  # every row has a kind
        told.append(resolved(source, mine, "0").fill_null(draft.frame["in_reply_to"]).alias("in_reply_to"))
    return told


def _first_of_key(draft: Draft, fresh: pl.Series, taken: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame, int]:
    """(`fresh` without lines whose key an earlier line of this file had, [id, content] of repeated keys taken so far, how
    many of those lines say something else than the earlier one).

    Only lines of repeated keys are looked at, so that what is kept stays small.
    """
    repeated = draft.frame[NTH].is_not_null()
    if not repeated.any():
        return fresh, taken, 0
    told = Draft(draft.frame.with_row_index("__place").filter(repeated), draft.fixed)
    said = told.frame.select("id", "__place", _content(told).alias("content"))
    earlier = ~pl.col("id").is_first_distinct() | pl.col("id").is_in(taken["id"].implode())
    first, again = said.filter(~earlier), said.filter(earlier)
    taken = pl.concat([taken, first.drop("__place")])
    other = pl.col("content") != pl.col("content_of_first")
    differing = again.join(taken, on="id", suffix="_of_first").filter(other).height
    return fresh.clone().scatter(again["__place"], values=False), taken, differing


def _content(draft: Draft) -> pl.Expr:
    """A number that is the same for rows that say the same, whichever of their columns are fixed in this draft."""
    values = []
    for name in _SAID:
        told = draft.column(name)
        values.append((pl.lit(None) if told is None else told).cast(DTYPES[name]).alias(name))
    return pl.struct(values).hash()


def _customers(personas: pl.Series) -> int:
    """How many customers these personas are: a persona is its own customer unless it is linked, which few are."""
    linked = read_numbers(
        {"persona_id": "persona_id", "customer": "customer"}, "recognition_persona WHERE NOT (customer = persona_id)"
    )
    mine = personas.alias("persona_id").to_frame().join(linked, on="persona_id", how="left")
    return mine.select(pl.coalesce("customer", "persona_id").n_unique()).item()
