"""In: nothing. Out: the letters whose case the engines do not agree on. Writes no interactions.

A letter whose other case is several letters (ﬁ, ŉ, ᾳ), or which one library's Unicode version does not know yet, has no
form on which Polars, DuckDB and Python agree. A text that holds one gives NULL. A test goes through all of Unicode and
fails where a new release of a library changes the list.
"""

from __future__ import annotations

BEFORE_LOWER: tuple[tuple[str, str], ...] = (("Σ", "σ"), ("İ", "i"))
"""Replaced before LOWER: a sigma at the end of a word has two small forms, and İ would become two characters."""
BEFORE_UPPER: tuple[tuple[str, str], ...] = (("ß", "SS"),)
"""Replaced before UPPER."""

NO_LOWER: tuple[tuple[int, int], ...] = (
    (0x1C89, 0x1C89),
    (0xA7CB, 0xA7CC),
    (0xA7CE, 0xA7CE),
    (0xA7D2, 0xA7D2),
    (0xA7D4, 0xA7D4),
    (0xA7DA, 0xA7DA),
    (0xA7DC, 0xA7DC),
    (0x10D50, 0x10D65),
    (0x16EA0, 0x16EB8),
)
NO_UPPER: tuple[tuple[int, int], ...] = (
    (0x149, 0x149),
    (0x19B, 0x19B),
    (0x1F0, 0x1F0),
    (0x264, 0x264),
    (0x390, 0x390),
    (0x3B0, 0x3B0),
    (0x587, 0x587),
    (0x1C8A, 0x1C8A),
    (0x1E96, 0x1E9A),
    (0x1F50, 0x1F50),
    (0x1F52, 0x1F52),
    (0x1F54, 0x1F54),
    (0x1F56, 0x1F56),
    (0x1F80, 0x1FAF),
    (0x1FB2, 0x1FB4),
    (0x1FB6, 0x1FB7),
    (0x1FBC, 0x1FBC),
    (0x1FC2, 0x1FC4),
    (0x1FC6, 0x1FC7),
    (0x1FCC, 0x1FCC),
    (0x1FD2, 0x1FD3),
    (0x1FD6, 0x1FD7),
    (0x1FE2, 0x1FE4),
    (0x1FE6, 0x1FE7),
    (0x1FF2, 0x1FF4),
    (0x1FF6, 0x1FF7),
    (0x1FFC, 0x1FFC),
    (0xA7CD, 0xA7CD),
    (0xA7CF, 0xA7CF),
    (0xA7D3, 0xA7D3),
    (0xA7D5, 0xA7D5),
    (0xA7DB, 0xA7DB),
    (0xFB00, 0xFB06),
    (0xFB13, 0xFB17),
    (0x10D70, 0x10D85),
    (0x16EBB, 0x16ED3),
)
"""First and last code point of each run, as NO_LOWER."""
