"""In: global options. Out: the open workspace of a command, and its faults as words and exit codes. Writes no interactions.

The composition root hands over `opener`; the terminal itself knows no database and no settings module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from touchline.cli import output
from touchline.kernel.errors import FaultsFound, TouchlineError
from touchline.kernel.times import parse_instant
from touchline.workspace.opened import Workspace

FAULTS_FOUND, WRONG_USE, INTERRUPTED = 1, 2, 130

Opener = Callable[[Path | None], Workspace]
_opener: list[Opener] = []

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="The workspace; else TOUCHLINE_WORKSPACE, else the nearest upwards.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="ISO", help="The instant to look from, with a zone; else now.", show_default=False),
]


def install(opens: Opener) -> None:
    """How a workspace is opened; called once by the composition root."""
    _opener[:] = [opens]


def opener() -> Opener:
    """What `install` was given."""
    return _opener[0]


def open_workspace(directory: Path | None) -> Workspace:
    """The workspace that a command works on; raises NotAWorkspace."""
    return _opener[0](directory)


def instant(text: str | None) -> int | None:
    """`--as-of` as microseconds; raises BadTime."""
    return None if text is None else parse_instant(text)


@contextmanager
def faults(json: bool) -> Iterator[None]:
    """Turn what cannot be done into words on standard error (or one JSON object), and into the exit code."""
    try:
        yield
    except KeyboardInterrupt:
        output.notes.print("Interrupted. Whatever was done is whole; run it again to finish, nothing is counted twice.")
        raise typer.Exit(INTERRUPTED) from None
    except TouchlineError as fault:
        if json:
            output.emit({"error": _described(fault)})
        else:
            output.notes.print(str(fault), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(FAULTS_FOUND if isinstance(fault, FaultsFound) else WRONG_USE) from None


def _described(fault: TouchlineError) -> dict[str, object]:
    found = {"code": fault.code, "message": " ".join(str(fault).removesuffix(fault.how).split()), "remedy": fault.how}
    if isinstance(fault, FaultsFound):
        return {**found, "faults": [vars(each) for each in fault.faults]}
    return dict(found)
