"""What gettext's catalogues compile to: `python -m tests.pages.catalogues` writes every .mo anew from its .po.

A bare machine has no msgfmt, so that the compiled catalogue is kept beside its text, and a test holds the two equal.
"""

from __future__ import annotations

import ast
import struct
from pathlib import Path

LOCALE = Path(__file__).parents[2] / "src" / "touchline" / "pages" / "locale"


def messages(po: str) -> dict[str, str]:
    """msgid -> msgstr of a catalogue without plurals and contexts; what is not translated, or is fuzzy, is left out."""
    found: dict[str, str] = {}
    said = {"msgid": "", "msgstr": ""}
    part, fuzzy = "", False
    for line in [*po.splitlines(), ""]:
        text = line.strip()
        if text.startswith("#,") and "fuzzy" in text:
            fuzzy = True
        elif text.startswith(("msgid ", "msgstr ")):
            part, _, text = text.partition(" ")
            said[part] = ast.literal_eval(text)
        elif text.startswith('"'):
            said[part] += ast.literal_eval(text)
        elif not text and part:
            if said["msgstr"] and not fuzzy:
                found[said["msgid"]] = said["msgstr"]
            part, fuzzy = "", False
        elif text and not text.startswith("#"):
            raise ValueError(f"no line of such a catalogue: {text}")
    return found


def compiled(po: str) -> bytes:
    """The .mo file: GNU's format, little-endian, without a hash table, as the manual of gettext tells it."""
    table = sorted((key.encode(), value.encode()) for key, value in messages(po).items())
    count = len(table)
    keys_at, values_at, texts_at = 28, 28 + 8 * count, 28 + 16 * count
    index: list[bytes] = []
    texts = b""
    for side in (0, 1):
        for pair in table:
            index.append(struct.pack("<II", len(pair[side]), texts_at + len(texts)))
            texts += pair[side] + b"\x00"
    head = struct.pack("<7I", 0x950412DE, 0, count, keys_at, values_at, 0, texts_at)
    return head + b"".join(index) + texts


def catalogues() -> list[Path]:
    """Every .po file."""
    return sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))


if __name__ == "__main__":
    for catalogue in catalogues():
        catalogue.with_suffix(".mo").write_bytes(compiled(catalogue.read_text(encoding="utf-8")))
