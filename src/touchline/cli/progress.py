"""In: how far a job is. Out: a bar with rate and time left on standard error, for what takes over two seconds. Writes no interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from touchline.cli import output

Tell = Callable[[str, int, int | None, str], None]
"""What is being done, how many of how many (None: unknown) are done, and of what: 'rows', 'bytes'."""


@contextmanager
def shown(quiet: bool = False) -> Iterator[Tell]:
    """A progress display; on a pipe or with `quiet` nothing is drawn."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=output.notes,
        transient=True,
        disable=quiet or not output.notes.is_terminal,
    )
    tasks: dict[str, int] = {}

    def tell(what: str, done: int, total: int | None, unit: str) -> None:
        if what not in tasks:
            tasks[what] = int(bar.add_task(what, total=total, rate=""))
        task = bar.tasks[tasks[what]]
        rate = f"{done / task.elapsed:,.0f} {unit}/s" if task.elapsed else ""
        bar.update(task.id, completed=done, total=total, rate=rate)

    with bar:
        yield tell
