"""In: a workspace, and a draft of its playbook. Out: what a decision under the draft would change for how many, and its words for one customer. Writes no interactions.

The draft is tried on the workspace's own rows, in a copy that keeps nothing: it decides dry, saves no snapshot, and reads what waits
in intake as the live playbook does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from touchline.kernel.errors import FaultsFound
from touchline.kernel.times import MINUTE
from touchline.playbook.compiled import Playbook
from touchline.playbook.folder import CONVERSATIONS, TEMPLATES
from touchline.playbook.loading import Source, parse
from touchline.playbook.steps import GoneStep
from touchline.playbook.texts import Changes
from touchline.playbook.wording import in_language
from touchline.relationship.refreshing import SnapshotLike
from touchline.workspace import authoring, outlook, supposing
from touchline.workspace.opened import Workspace
from touchline.workspace.outlook import Outlook

if TYPE_CHECKING:
    from touchline.ledger import Snapshots
    from touchline.ledger.snapshots import SnapshotKey

KEPT = "forecasts"
MOST = 4
"""Forecasts that a process remembers."""

_lock = threading.Lock()


@dataclass(frozen=True)
class Forecast:
    """A decision as of an instant under the live playbook and under a draft.

    now, then  what each comes to
    changed    customers to whom something else would go, or nothing, or something instead of nothing
    gone       steps of programmes at which customers stand, and that the draft does not have
    """

    now: Outlook
    then: Outlook
    changed: int
    gone: tuple[GoneStep, ...]


@dataclass(frozen=True)
class Wording:
    """One thing to say that a file has words for: conversation, channel, variant, language."""

    conversation: str
    channel: str
    variant: str
    language: str


class Supposed(Workspace):
    """The workspace under another playbook, whose texts lie in `root`."""

    def __init__(self, live: Workspace, playbook: Playbook, root: Path) -> None:
        super().__init__(replace(live.settings, root=root), live.clock, live.actor)
        self._live = live
        self.stores.put("playbook", playbook)
        self.stores.put("ledger", live.ledger)
        self.stores.put("snapshots", _Borrowed(live.snapshots))

    def pending(self) -> pl.DataFrame:
        """What intake holds, as the live playbook reads it: to read it recognises people, which supposing does not."""
        return self._live.pending()


class _Borrowed:
    """Snapshots to read from."""

    def __init__(self, own: Snapshots) -> None:
        self._own = own

    def latest(self, at: int, seq_until: int, layout: str) -> SnapshotLike | None:
        return self._own.latest(at, seq_until, layout)

    def save(self, key: SnapshotKey, tables: Any) -> None:
        """Keep nothing."""


@contextmanager
def tried(workspace: Workspace, changes: Changes) -> Iterator[Supposed]:
    """The workspace under its playbook with these changes; raises FaultsFound."""
    with supposing.laid_out(workspace, changes) as root:
        found = supposing.examined(workspace, changes, root)
        if found.playbook is None:
            raise FaultsFound(found.faults)
        yield Supposed(workspace, found.playbook, root)


def forecast(workspace: Workspace, changes: Changes) -> Forecast:
    """What the changes would change, for how many customers; worked out once in a minute. Raises FaultsFound."""
    at = workspace.clock.now()
    key = (supposing.key_of(workspace, changes), at // MINUTE)
    kept: dict[Any, Forecast] = workspace.stores.get(KEPT, dict)
    with _lock:  # who comes meanwhile waits for the one answer instead of working it out again
        if key not in kept:
            examined = supposing.examined(workspace, changes)
            if examined.playbook is None:
                raise FaultsFound(examined.faults)
            supposed = Supposed(workspace, examined.playbook, workspace.settings.root)
            now, then = workspace.decide(dry_run=True), supposed.decide(dry_run=True)
            for old in list(kept)[: max(0, len(kept) - MOST + 1)]:
                kept.pop(old)
            kept[key] = Forecast(
                outlook.of(workspace, now, at),
                outlook.of(supposed, then, at),
                _differ(now.proposals, then.proposals),
                tuple(authoring.gone(supposed)),
            )
        return kept[key]


def wordings(playbook: Playbook, texts: Mapping[str, str], file: str) -> list[Wording]:
    """What is said in a conversation's file, or with a template's words; templates alone that others render say nothing."""
    found, named = [], {name for name in texts if name.startswith(f"{TEMPLATES}/")}
    there = {name.removeprefix(f"{TEMPLATES}/") for name in named}
    wanted = file.removeprefix(f"{TEMPLATES}/") if file in named else None
    name = _name(file, texts)
    for talk in playbook.conversations.values():
        for way in talk.ways:
            for variant in way.variants:
                for language in talk.languages:
                    used = {in_language(one, language, there) for one in (variant.template, variant.subject) if one}
                    if talk.name == name or wanted in used:
                        found.append(Wording(talk.name, way.channel, variant.name, language))
    return found


def _name(file: str, texts: Mapping[str, str]) -> str | None:
    """The conversation that a file is of; None where it is of none."""
    if not file.startswith(f"{CONVERSATIONS}/") or file not in texts:
        return None
    source = parse(texts[file].encode(), file)
    name = source.data.get("name") if isinstance(source, Source) and isinstance(source.data, dict) else None
    return name if isinstance(name, str) else None


def _differ(now: pl.DataFrame, then: pl.DataFrame) -> int:
    """How many customers are proposed something else."""
    columns = ["customer", "conversation", "channel", "variant"]
    told = [
        frame.select(columns)
        if set(columns) <= set(frame.columns)
        else pl.DataFrame(schema=dict.fromkeys(columns, pl.Null))
        for frame in (now, then)
    ]
    if any(frame.is_empty() for frame in told):
        return max(frame["customer"].n_unique() for frame in told)
    only = [one.join(other, on=columns, how="anti", nulls_equal=True) for one, other in (told, told[::-1])]
    return pl.concat([one["customer"].cast(pl.Int64) for one in only]).n_unique()
