"""In: a workspace's folder. Out: what it held and holds, version by version, and a new version put in place. Writes no interactions.

The folder is the truth that runs. A version is what it held from some time on: a draft that was approved, or what somebody
changed there by hand or by git, which is seen at the next look. What is to be written is first kept in the database, so that a
process that ends in the middle leaves nothing half: the next look goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction

from touchline.kernel.errors import UnknownName
from touchline.ledger.latch import Latch
from touchline.playbook.texts import Changes, NotWritten, Writing, authored_texts, digest
from touchline.team import audit

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

FOUND = "Found in the folder"
BY_HAND = "Changed in the folder"
FOLDER = "the folder"
"""Who made a version that no draft did."""


@dataclass(frozen=True)
class Version:
    """One state of the playbook.

    number, at        in the order in which they came to hold; microseconds
    title, author     what it was for and who prepared it, `the folder` where it was changed there
    approved_by       who let it go live
    draft             the draft that it came of
    files             file -> digest of its text
    """

    number: int
    at: int
    title: str
    author: str
    approved_by: str
    draft: int | None
    files: Mapping[str, str]

    @property
    def texts(self) -> dict[str, str]:
        """File -> text of everything that it held."""
        return _texts(self.files)


@contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Nobody else puts anything in place meanwhile, in any process of this machine."""
    workspace.settings.state.mkdir(parents=True, exist_ok=True)
    with Latch(workspace.settings.state / "playbook.lock").exclusive():
        yield


def look(workspace: Workspace) -> Version:
    """The version that the folder holds now; one that nobody has seen yet is written down as the folder's own."""
    texts = authored_texts(workspace.settings.root)
    latest = _latest()
    if latest is None or not latest.written or latest.files != _digests(texts):
        with alone(workspace):
            return look_alone(workspace)
    return _read(latest)


def look_alone(workspace: Workspace) -> Version:
    """The same for whoever is `alone` already."""
    _settle(workspace)
    texts, latest = authored_texts(workspace.settings.root), _latest()
    if latest is None or latest.files != _digests(texts):
        latest = keep(texts, FOUND if latest is None else BY_HAND, author=FOLDER)
    return _read(latest)


def settle(workspace: Workspace) -> None:
    """Go on with what a process that ended in the middle did not put in place."""
    if _versions().filter(written=False).exists():
        with alone(workspace):
            _settle(workspace)


def listed(most: int, before: int | None = None) -> list[Version]:
    """The latest versions, the newest first; `before` is the number of the last one that was seen."""
    found = _versions().order_by("-id")
    return [_read(row) for row in (found if before is None else found.filter(id__lt=before))[:most]]


def one(number: int) -> Version:
    """The version of that number; raises UnknownName."""
    row = _versions().filter(pk=number).first()
    if row is None:
        raise UnknownName(f"version {number}", remedy="The page Playbook lists them.")
    return _read(row)


def before(version: Version) -> Version | None:
    """The version that held until then."""
    row = _versions().filter(id__lt=version.number).order_by("-id").first()
    return None if row is None else _read(row)


def keep(
    texts: Mapping[str, str],
    title: str,
    *,
    author: str,
    approved_by: str = "",
    draft: int | None = None,
    written: bool = True,
) -> Any:
    """Write down a version; its row."""
    with transaction.atomic():
        model = apps.get_model("team", "VersionText")
        wanted = {digest(text): text for text in texts.values()}
        there = set(model.objects.filter(digest__in=list(wanted)).values_list("digest", flat=True))
        new = [model(digest=one, text=text) for one, text in wanted.items() if one not in there]
        model.objects.bulk_create(new, ignore_conflicts=True)
        return _versions().create(
            at=audit.now(), title=title[:120], author=author[:120], approved_by=approved_by[:120],
            files=_digests(texts), draft_id=draft, written=written,
        )  # fmt: skip


def place(row: Any, writing: Writing) -> None:
    """Put a version in place whose files are written already; raises NotWritten, and the next look goes on with it."""
    try:
        writing.place()
    except OSError as error:
        remedy = "See to it that the service may write there, and open the page Playbook: it goes on with what is left."
        raise NotWritten(f"not all files of version {row.pk} are in place: {error.strerror}", remedy=remedy) from error
    _versions().filter(pk=row.pk).update(written=True)


def _settle(workspace: Workspace) -> None:
    """A file that somebody has changed since stays as it is: the next look finds it changed in the folder."""
    for row in _versions().filter(written=False).order_by("id"):
        previous = _versions().filter(id__lt=row.pk).order_by("-id").first()
        was, now = {} if previous is None else previous.files, authored_texts(workspace.settings.root)
        texts, left = _texts(row.files), {}
        for file in {*was, *row.files}:
            found = digest(now.get(file)) or None
            if was.get(file) != row.files.get(file) and found == was.get(file):
                left[file] = texts.get(file)
        with Writing(workspace.settings.root, left) as writing:
            place(row, writing)


def difference(texts: Mapping[str, str], wanted: Mapping[str, str]) -> Changes:
    """What turns some texts into others."""
    return {file: wanted.get(file) for file in sorted({*texts, *wanted}) if texts.get(file) != wanted.get(file)}


def _read(row: Any) -> Version:
    return Version(row.pk, row.at, row.title, row.author, row.approved_by, row.draft_id, row.files)


def _digests(texts: Mapping[str, str]) -> dict[str, str]:
    return {file: digest(text) for file, text in texts.items()}


def _texts(files: Mapping[str, str]) -> dict[str, str]:
    rows = apps.get_model("team", "VersionText").objects.filter(digest__in=set(files.values()))
    known = dict(rows.values_list("digest", "text"))
    return {file: known[one] for file, one in files.items() if one in known}


def _latest() -> Any:
    return _versions().order_by("-id").first()


def _versions() -> Any:
    # Asked for by name, so that this room can be imported before Django has started, as all others can.
    return apps.get_model("team", "Version").objects
