"""In: the name of a packaged template. Out: a new workspace folder. Writes no interactions.

The YAML files name their JSON Schema in `.schemas/`, written beside them, so that editors complete and check.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path
from shutil import copyfile

from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.playbook.invented import write_cdnow_consents
from touchline.playbook.schemas import export_schemas

IGNORED = """\
# The database, the ledger and its snapshots: never in version control.
.touchline/
"""

SAMPLES = {"retail": {"data/cdnow_consents.csv": write_cdnow_consents}}
"""Template -> file that `new` generates -> what writes it."""


class FolderInUse(TouchlineError):
    """The folder is not empty."""

    code = "folder_in_use"
    remedy = "Name a new or an empty one: nothing is ever overwritten."


def template_names() -> tuple[str, ...]:
    """The templates that `new` knows."""
    return tuple(sorted(one.name for one in _packaged().iterdir() if one.is_dir()))


def new(folder: str | Path, template: str = "blank") -> Path:
    """Make a workspace from a template; raises UnknownName, and FolderInUse where anything is in the folder already."""
    root = Path(folder)
    if template not in template_names():
        raise UnknownName(f"there is no template {template!r}", remedy=did_you_mean(template, template_names()))
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FolderInUse(str(root))
    root.mkdir(parents=True, exist_ok=True)
    _copy(_packaged() / template, root)
    (root / ".gitignore").write_text(IGNORED, encoding="utf-8")
    export_schemas(root / ".schemas")
    for file, write in SAMPLES.get(template, {}).items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        write(root / file)
    return root


def _packaged() -> Traversable:
    return files("touchline.playbook") / "templates"


def _copy(source: Traversable, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for one in source.iterdir():
        if one.is_dir():
            _copy(one, target / one.name)
        else:
            with as_file(one) as path:
                copyfile(path, target / one.name)
