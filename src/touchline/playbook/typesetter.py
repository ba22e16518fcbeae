"""In: letters in Typst with their data, a JSON object a line. Out: their PDFs, likewise. Writes no interactions.

A program of its own, started by `playbook/typesetting.py`; it imports nothing of Touchline, so that it starts at once.
"""

from __future__ import annotations

import base64
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import typst

MOST_MEMORY = 4 * 1024**3
"""Bytes of address space, where the system can hold a process to it."""

NO_CHARACTER = "\u0378"
"""Not assigned, so that every font draws its box for what it lacks."""

_PAGES = """\
#set page(width: auto, height: auto)
#json(bytes(sys.inputs.data)).map(one => [#one]).join(pagebreak())
"""
_DRAWN = re.compile(r'<path[^>]* d="([^"]*)"')
_PLACE = re.compile(r"┌─ (?P<file>[^\n:]+):(?P<line>\d+):\d+")


class Fonts:
    """The fonts that Typst brings: which characters they lack, found by drawing each once.

    all  them, as Typst takes them: read once, since that takes as long as setting a page
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.all = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
        self._lacking: dict[str, bool] = {}

    def lack(self, text: str) -> bool:
        """Whether a character of the text would be drawn as an empty box."""
        strange = {one for one in text if one > "\u024f" and not one.isspace() and one.isprintable()}
        new = sorted(one for one in strange if one not in self._lacking)
        if new:
            box, *shapes = self._shapes([NO_CHARACTER, *new])
            self._lacking.update((one, shape == box) for one, shape in zip(new, shapes, strict=True))
        return any(self._lacking[one] for one in strange)

    def _shapes(self, characters: list[str]) -> list[tuple[str, ...]]:
        pages = typst.compile(  # type: ignore[call-overload]  # as below
            {"main.typ": _PAGES.encode()},
            root=self._root,
            sys_inputs={"data": json.dumps(characters)},
            format="svg",
            font_paths=self.all,
        )
        # The first path of a page is its paper, as large as what is on it.
        return [tuple(_DRAWN.findall(page.decode())[1:]) for page in pages]


def letter(job: dict[str, Any], root: str, fonts: Fonts) -> dict[str, object]:
    """The PDF in base64, or what is wrong with the letter, in which file and line."""
    if fonts.lack(job["said"]):
        return {"fault": "no font has all of its characters"}
    try:
        # The files are handed over in memory: nothing lies in the root, so that nothing else can be read.
        files = {name: str(text).encode() for name, text in job["files"].items()}
        pdf = typst.compile(  # type: ignore[call-overload]  # its stub leaves out files in memory, which its documentation has
            {"main.typ": files[job["main"]]} | {name: text for name, text in files.items() if name != "main.typ"},
            root=root,
            sys_inputs={"data": job["data"]},
            format="pdf",
            font_paths=fonts.all,
            timestamp=job["day"],
            package_path=f"{root}/packages",
            package_cache_path=f"{root}/packages",
        )
    except typst.TypstError as error:
        place = _PLACE.search(error.diagnostic)
        # Where the files would lie if they lay anywhere; told from the root or from the current folder, as Typst likes.
        file = place["file"].rpartition(f"{Path(root).name}/")[2] if place else "main.typ"
        return {
            "fault": error.message.splitlines()[0].partition(" (searched at ")[0],
            "file": job["main"] if file == "main.typ" else file,
            "line": int(place["line"]) if place else 0,
        }
    return {"pdf": base64.b64encode(pdf).decode()}


def main() -> None:
    """Set letters until nobody asks any more."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    except (ImportError, OSError, ValueError):
        pass  # another system: the time still bounds it
    with tempfile.TemporaryDirectory() as root:
        folder = str(Path(root).resolve())
        fonts = Fonts(folder)
        for line in sys.stdin.buffer:
            sys.stdout.write(json.dumps(letter(json.loads(line), folder, fonts)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
