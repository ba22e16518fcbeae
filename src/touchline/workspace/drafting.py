"""In: a workspace's playbook, and who wants it otherwise. Out: drafts: changed, checked, proposed, approved into the folder. Writes no interactions.

Only its author changes a draft. Whoever else may converse approves it; where nobody else may, the author does. A draft remembers what
each of its files was when it was saved: where the folder's is another one now, somebody has to look at both before it can go live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction
from django.db.models import Count, F, Q

from touchline.kernel.errors import Fault, TouchlineError, UnknownName
from touchline.playbook.texts import (
    LARGEST_TEXT,
    Changes,
    Writing,
    authored_text,
    authored_texts,
    digest,
    is_authored,
    is_taken,
    plain,
)
from touchline.team import audit
from touchline.team.actors import Actor
from touchline.team.roles import Right, Role, rights_of
from touchline.workspace import acting, supposing, versions

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

OPEN, PROPOSED, APPROVED, WITHDRAWN = "open", "proposed", "approved", "withdrawn"
MOST_FILES = 200
LARGEST_DRAFT = 2 * 1024 * 1024
"""Bytes of all its files."""

LONGEST_TITLE = 120


class DraftFault(TouchlineError):
    """The draft cannot be changed that way."""

    code = "draft"


class Moved(DraftFault):
    """The playbook has changed since."""

    code = "draft_moved"
    remedy = "Look at the difference, and save the file again as it shall be."


class Faulty(DraftFault):
    """The playbook would have faults."""

    code = "draft_faults"
    remedy = "Mend them first: they stand beside the field."


@dataclass(frozen=True)
class Change:
    """One file of a draft; a text of None is none.

    base   in the folder when it was saved in the draft
    text   as the draft wants it
    found  in the folder now; the base where the draft has ended
    """

    file: str
    base: str | None
    text: str | None
    found: str | None

    @property
    def moved(self) -> bool:
        """Whether somebody else has changed it in the folder meanwhile."""
        return self.found not in (self.base, self.text)


@dataclass(frozen=True)
class Draft:
    """A draft with its files; times are microseconds of the machine's clock."""

    number: int
    title: str
    state: str
    revision: int
    author: Actor
    changed_at: int
    ended_at: int | None
    ended_by: str
    files: tuple[Change, ...]

    @property
    def changes(self) -> dict[str, str | None]:
        """File -> its text, or None."""
        return {one.file: one.text for one in self.files}

    @property
    def moved(self) -> tuple[str, ...]:
        """The files that somebody else has changed meanwhile."""
        return tuple(one.file for one in self.files if one.moved)

    @property
    def is_alive(self) -> bool:
        """Whether it can still go live."""
        return self.state in (OPEN, PROPOSED)

    def is_of(self, actor: Actor) -> bool:
        """Whether the actor is its author."""
        return (self.author.kind, self.author.id) == (actor.kind, actor.id)


def read(workspace: Workspace, number: int) -> Draft:
    """The draft of that number, with what the folder has of its files; raises UnknownName."""
    row = _row(number)
    live, root = row.state in (OPEN, PROPOSED), workspace.settings.root
    files = tuple(
        Change(one.file, one.base, one.text, authored_text(root, one.file) if live else one.base)
        for one in row.files.order_by("file")
    )
    return _told(row, files)


def listed(*states: str, most: int = 100) -> list[tuple[Draft, int]]:
    """Drafts of these states without their texts, each with how many files it changes, the latest change first."""
    rows = _drafts().filter(state__in=states).annotate(n=Count("files")).order_by("-changed_at", "-id")
    return [(_told(row, ()), row.n) for row in rows[:most]]


def may_approve(draft: Draft, actor: Actor) -> bool:
    """Whether the actor may let it go live: somebody else than its author, unless nobody else may."""
    return actor.may(Right.CONVERSE) and (not draft.is_of(actor) or not others(draft.author))


def others(author: Actor) -> int:
    """How many members of the team, the author aside, may let a draft go live."""
    roles = [role.value for role in Role if Right.CONVERSE in rights_of(role)]
    users = apps.get_model("team", "User").objects.filter(is_active=True, role__in=roles)
    return int((users.exclude(pk=author.id) if author.kind == "user" else users).count())


def start(workspace: Workspace, title: str) -> int:
    """A new draft, in which nothing is changed yet; its number."""
    with transaction.atomic():
        made = _made(workspace.actor, title)
        acting.note(f"draft {made.pk}")
    return int(made.pk)


def write(workspace: Workspace, draft: int, file: str, text: str | None, *, base: str, seen: str) -> None:
    """Save a file in the draft, which is open again by that; None takes it away, the folder's own text takes the change back.

    base  digest of the text in the folder that the author has looked at; raises Moved where it has another one now
    seen  digest of the text that they began from, the draft's or the folder's; raises DraftFault where that is another one now
    """
    text = None if text is None else sound(text)
    found = _place(workspace, file)
    if digest(found) != base:
        raise Moved(f"{file} in the folder is another one than when it was opened")
    with transaction.atomic():
        row = _own(workspace, draft, f"change of {file}")
        kept = row.files.filter(file=file).first()
        if seen != digest(kept.text if kept is not None else found):
            remedy = "Open it again; what you wrote is only in your window."
            raise DraftFault(f"{file} was saved in another window meanwhile", remedy=remedy)
        if text == found:
            row.files.filter(file=file).delete()
        else:
            row.files.update_or_create(file=file, defaults={"base": found, "text": text})
        _hold_size(row)
        _drafts().filter(pk=row.pk).update(state=OPEN, revision=F("revision") + 1, changed_at=audit.now())
        acting.note(f"draft {draft}", file=file)


def propose(workspace: Workspace, draft: int, title: str) -> None:
    """Ask somebody else to let it go live; raises Faulty, Moved, and DraftFault where nothing is changed."""
    told = read(workspace, draft)
    _hold(told, workspace)
    with transaction.atomic():
        row = _own(workspace, draft, "proposal")
        wanted = {"state": PROPOSED, "title": _titled(title or row.title), "changed_at": audit.now()}
        if not _drafts().filter(pk=row.pk, revision=told.revision, state=OPEN).update(**wanted):
            raise DraftFault("it was changed meanwhile, or is proposed already", remedy="Look at it again.")
        acting.note(f"draft {draft}", files=len(told.files))


def approve(workspace: Workspace, draft: int, revision: int) -> int:
    """Let a proposed draft go live: its files are put into the folder; the number of the version that it makes.

    revision  what was looked at. Raises NotAllowed for the author where somebody else may; Moved, Faulty, DraftFault, NotWritten.
    """
    with versions.alone(workspace):
        versions.look_alone(workspace)
        told = read(workspace, draft)
        if told.state != PROPOSED or told.revision != revision:
            raise DraftFault(f"it is {told.state}, or was changed since you looked", remedy="Look at it again.")
        if not may_approve(told, workspace.actor):
            raise DraftFault(
                "its author does not approve it where somebody else may", remedy="Ask a colleague to look."
            )
        texts = authored_texts(workspace.settings.root)
        _hold(told, workspace)
        with Writing(workspace.settings.root, told.changes) as writing:
            with transaction.atomic():
                ended = {"state": APPROVED, "ended_at": audit.now(), "ended_by": workspace.actor.name[:120]}
                if not _drafts().filter(pk=draft, state=PROPOSED, revision=revision).update(**ended):
                    raise DraftFault("somebody else was quicker", remedy="Look at it again.")
                if authored_texts(workspace.settings.root) != texts:
                    raise Moved("somebody changed the folder at this moment")
                after = {name: text for name, text in {**texts, **told.changes}.items() if text is not None}
                row = versions.keep(
                    after,
                    told.title,
                    author=told.author.name,
                    approved_by=workspace.actor.name,
                    draft=draft,
                    written=False,
                )
                acting.note(f"draft {draft}", version=row.pk, files=len(told.files))
            versions.place(row, writing)
    return int(row.pk)


def withdraw(workspace: Workspace, draft: int) -> None:
    """End a draft that shall not go live; raises DraftFault where it has ended."""
    with transaction.atomic():
        _row(draft)
        ended = {"state": WITHDRAWN, "ended_at": audit.now(), "ended_by": workspace.actor.name[:120]}
        if not _drafts().filter(pk=draft, state__in=(OPEN, PROPOSED)).update(**ended):
            raise DraftFault("it has ended already", remedy="A new draft can be made of any version.")
        acting.note(f"draft {draft}")


def restore(workspace: Workspace, version: int) -> int:
    """A draft that brings the playbook back to a version; its number. Raises DraftFault where it is so already."""
    wanted, now = versions.one(version), authored_texts(workspace.settings.root)
    changes = versions.difference(now, wanted.texts)
    if not changes:
        raise DraftFault(f"version {version} is what the folder holds", remedy="Choose another version.")
    with transaction.atomic():
        made = _made(workspace.actor, f"Back to version {version}: {wanted.title}")
        model = apps.get_model("team", "DraftFile")
        model.objects.bulk_create(
            [model(draft=made, file=file, base=now.get(file), text=text) for file, text in changes.items()]
        )
        acting.note(f"draft {made.pk}", version=version, files=len(changes))
    return int(made.pk)


def faults_of(workspace: Workspace, changes: Changes) -> list[Fault]:
    """Every fault of the playbook with these changes."""
    return supposing.examined(workspace, changes).faults


def _hold(draft: Draft, workspace: Workspace) -> None:
    """Raise unless the draft could go live."""
    if not any(one.text != one.found for one in draft.files):
        raise DraftFault("it changes nothing", remedy="Change a file first.")
    if draft.moved:
        raise Moved(", ".join(draft.moved[:5]))
    faults = faults_of(workspace, draft.changes)
    if faults:
        files = Counter(fault.file for fault in faults)
        raise Faulty(", ".join(f"{n} in {file}" for file, n in files.most_common(5)))


def _place(workspace: Workspace, file: str) -> str | None:
    """The text of a file in the folder; raises DraftFault for a path that no text of a playbook may have."""
    if not is_authored(file):
        raise DraftFault(
            f"{file[:80]!r} is no file of a playbook",
            remedy="Name it as `playbook/conversations/NAME.yaml`, with letters, digits, `_`, `-` and `.`.",
        )
    if is_taken(workspace.settings.root, file):
        remedy = "Only whoever has the folder can change it."
        raise DraftFault(f"{file} is a link, too large, or no text", remedy=remedy)
    return authored_text(workspace.settings.root, file)


def sound(text: str) -> str:
    """The text as it is kept; raises DraftFault for what no file of a playbook holds."""
    kept = plain(text)
    try:
        size = len(kept.encode())
    except UnicodeEncodeError:
        raise DraftFault("the text is not Unicode", remedy="Paste it again as plain text.") from None
    if size > LARGEST_TEXT:
        raise DraftFault(f"the text has {size:,} bytes, at most {LARGEST_TEXT:,} are kept", remedy="Split it.")
    if "\x00" in kept:
        line = kept.count("\n", 0, kept.index("\x00")) + 1
        raise DraftFault(f"there is a NUL in line {line}", remedy="Take it out.")
    return kept


def _hold_size(row: Any) -> None:
    sizes: Sequence[str | None] = row.files.values_list("text", flat=True)
    if len(sizes) > MOST_FILES or sum(len(text or "") for text in sizes) > LARGEST_DRAFT:
        raise DraftFault("it would be too large", remedy="Let a part of it go live first.")


def _titled(title: str) -> str:
    return " ".join(title.replace("\x00", "").split())[:LONGEST_TITLE] or "Without a title"


def _made(actor: Actor, title: str) -> Any:
    now = audit.now()
    return _drafts().create(
        title=_titled(title), author_kind=actor.kind, author_id=actor.id, author_name=actor.name[:120],
        made_at=now, changed_at=now,
    )  # fmt: skip


def _own(workspace: Workspace, number: int, what: str) -> Any:
    """The draft's row, for its author; inside a transaction."""
    row = _row(number)
    if not _told(row, ()).is_of(workspace.actor):
        raise DraftFault(f"only its author may: {what}", remedy="Make a draft of your own.")
    if not _drafts().filter(pk=number).filter(Q(state=OPEN) | Q(state=PROPOSED)).update(changed_at=F("changed_at")):
        raise DraftFault(f"it is {row.state}", remedy="Make a new draft.")  # the update holds the row until the end
    return row


def _row(number: int) -> Any:
    row = _drafts().filter(pk=number).first()
    if row is None:
        raise UnknownName(f"draft {number}", remedy="The page Playbook lists them.")
    return row


def _told(row: Any, files: tuple[Change, ...]) -> Draft:
    author = Actor(row.author_kind, row.author_name, frozenset(), row.author_id)
    return Draft(row.pk, row.title, row.state, row.revision, author, row.changed_at, row.ended_at, row.ended_by, files)


def _drafts() -> Any:
    return apps.get_model("team", "Draft").objects
