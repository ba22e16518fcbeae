"""In: a workspace's folder. Out: the texts that people write there, and the same folder with some of them changed. Writes no interactions.

What may be changed from afar is text, lies where the playbook is read, and has a name that means the same on every system: codes of
gifts, pictures, links and whatever else lies beside are never touched. Line ends are LF here, whatever the file has.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from touchline.kernel.errors import TouchlineError
from touchline.playbook.folder import CONVERSATIONS, FILES, IMPORTS, ORGANISATION, PLAYBOOK, PROGRAMMES, TEMPLATES

LARGEST_TEXT = 256 * 1024
"""Bytes of one text that is changed from afar."""

LONGEST_NAME = 160
"""Characters of a path."""

DEEPEST = 4
"""Folders below playbook/templates."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
_MARK = ".touchline-new"
"""End of the name of a file that is about to be put in place; nothing reads names that begin with a dot."""

Changes = Mapping[str, str | None]
"""File -> its new text; None takes it away."""


class NotWritten(TouchlineError):
    """The playbook's folder cannot be written to."""

    code = "not_written"
    remedy = "See to it that the service may write to `touchline.yaml` and `playbook/`; nothing was changed."


def is_authored(file: str) -> bool:
    """Whether a path, relative to the workspace, is one that a text of the playbook may have."""
    if file in FILES:
        return True
    folder, _, name = file.rpartition("/")
    parts = file.split("/")
    if len(file) > LONGEST_NAME or not all(_PART.fullmatch(part) for part in parts):
        return False
    if folder in (CONVERSATIONS, PROGRAMMES, IMPORTS):
        return name.endswith(".yaml")
    return file.startswith(f"{TEMPLATES}/") and len(parts) <= 3 + DEEPEST


def plain(text: str) -> str:
    """The text as it is kept: LF at its line ends, no mark of byte order."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def authored_texts(root: Path) -> dict[str, str]:
    """File -> text of everything that may be changed from afar, by name; what is too large, or is no text, is left out."""
    found = {}
    for path in _files(root):
        file = path.relative_to(root).as_posix()
        if is_authored(file):
            text = _text(path)
            if text is not None:
                found[file] = text
    return dict(sorted(found.items()))


def authored_text(root: Path, file: str) -> str | None:
    """One of them; None where there is none."""
    path = root / file
    return _text(path) if is_authored(file) and _is_own(root, path) else None


def is_taken(root: Path, file: str) -> bool:
    """Whether something stands at a path that is none of these texts: a link, a folder, what is too large."""
    return os.path.lexists(root / file) and authored_text(root, file) is None


def digest(text: str | None) -> str:
    """SHA-256 in hexadecimal; empty for what is not there."""
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def changed(texts: Mapping[str, str], changes: Changes) -> dict[str, str]:
    """The texts once the changes are made."""
    after = {**texts, **changes}
    return {file: text for file, text in sorted(after.items()) if text is not None}


def lay_out(root: Path, changes: Changes, into: Path) -> None:
    """The authored part of a workspace in another folder, with these changes: to be looked at, not to be kept."""
    for path in _files(root):
        target = into / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # it went away a moment ago, or may not be read, which reading it would tell
            if path.is_symlink():
                target.symlink_to(path.resolve())
            else:
                shutil.copyfile(path, target)
    for file, text in changes.items():
        target = into / file
        target.unlink(missing_ok=True)
        if text is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())


class Writing:
    """Files about to be put in place: entered, all are written beside their places; left, what was not placed is gone.

    with Writing(root, changes) as writing:
        …                  # whatever must hold first
        writing.place()    # renames alone, which have no room to fail half
    """

    def __init__(self, root: Path, changes: Changes) -> None:
        self._root = root
        self._changes = changes
        self._waiting: list[tuple[Path, Path]] = []

    def __enter__(self) -> Writing:
        """Write them all, each on the disk; raises NotWritten, and leaves nothing behind."""
        try:
            for file, text in sorted(self._changes.items()):
                target = self._target(file)
                if text is not None:
                    self._write(target, text)
        except OSError as error:
            self._sweep()
            raise NotWritten(error.strerror or type(error).__name__) from error
        except BaseException:
            self._sweep()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sweep()

    def place(self) -> None:
        """Put them in place and take away what is to go."""
        for draft, target in self._waiting:
            draft.replace(target)
        for file, text in self._changes.items():
            if text is None:
                (self._root / file).unlink(missing_ok=True)

    def _target(self, file: str) -> Path:
        target = self._root / file
        if not is_authored(file) or not _is_own(self._root, target):
            raise NotWritten(
                f"{file[:LONGEST_NAME]} is not a file of its own there", remedy="Put the file itself there."
            )
        return target

    def _write(self, target: Path, text: str) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}{_MARK}")
        self._waiting.append((draft, target))
        with draft.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, draft)

    def _sweep(self) -> None:
        for draft, _ in self._waiting:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


def _files(root: Path) -> Iterator[Path]:
    """touchline.yaml and everything in playbook/ but what is hidden."""
    if (root / ORGANISATION).is_file():
        yield root / ORGANISATION
    folder = root / PLAYBOOK
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.is_symlink() or path.is_file()):
            yield path


def _is_own(root: Path, path: Path) -> bool:
    """Whether it lies, or would lie, in the folder itself, and is no link to elsewhere."""
    if path.is_symlink() or path.is_dir():
        return False
    home = root if path.parent == root else root / PLAYBOOK
    return path.parent.resolve().is_relative_to(home.resolve())


def _text(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_TEXT:
            return None
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\x00" in text else plain(text)
