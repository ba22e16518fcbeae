"""In: a file of gift codes. Out: its codes, and what is wrong with which line. Writes no interactions.

A code is money: no fault quotes one.
"""

from __future__ import annotations

from pathlib import Path

from touchline.kernel.errors import Fault

LARGEST_FILE = 32 * 1024 * 1024
"""Bytes of one file of codes: about a million of them."""

LONGEST_CODE = 100
MOST_FAULTS = 20
"""Lines of one file that are told of."""


def read_codes(path: Path, file: str) -> tuple[tuple[str, ...], list[Fault]]:
    """(codes in their order, faults): one a line, without spaces around it, empty lines left out.

    A code given twice counts once, and is a fault. `file` is what faults call the file.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_FILE else b""
    except OSError as error:
        remedy = "See to it that it is a file that you may read."
        return (), [Fault(file, 0, f"The file of codes cannot be read ({error.strerror}).", remedy)]
    if size > LARGEST_FILE:
        what = f"The file of codes has {size:,} bytes, more than the {LARGEST_FILE:,} that are read."
        return (), [Fault(file, 0, what, "Make two pools of it.")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return (), [Fault(file, line, "This is not UTF-8 text.", "Save the file as UTF-8.")]
    codes: dict[str, int] = {}
    faults: list[Fault] = []
    for number, written in enumerate(text.split("\n"), 1):
        code = written.strip()
        if not code:
            continue
        if len(code) > LONGEST_CODE or not code.isprintable() or " " in code:
            remedy = f"Write one code a line: at most {LONGEST_CODE} characters, and no space in it."
            faults.append(Fault(file, number, "This line is no code.", remedy))
        elif code in codes:
            what = f"This code stands on line {codes[code]} already."
            faults.append(Fault(file, number, what, "Remove one: a code is given once."))
        else:
            codes[code] = number
    if not codes and not faults:
        faults.append(Fault(file, 0, "The file holds no code.", "Write one code a line."))
    return tuple(codes), faults[:MOST_FAULTS]
