"""In: natural keys. Out: interaction ids, draws and buckets, each a function of its key alone. Writes no interactions."""

from __future__ import annotations

import hashlib

BUCKETS = 64
DRAW_RANGE = 2**31
SEPARATOR = "\x1f"
"""Between the parts of a key: U+001F, which intake refuses in identifiers."""


def interaction_id(source: str, *key: str) -> str:
    """32 hex digits of SHA-256 over source and key parts joined by U+001F.

    The set-based form is DuckDB's `left(sha256(concat_ws(chr(31), …)), 32)`; a test holds the two equal.
    """
    return hashlib.sha256(SEPARATOR.join((source, *key)).encode()).hexdigest()[:32]


def draw(type_: str, scope: str, value: str) -> int:
    """The persona's 31-bit integer: SHA-256 of its first identifier. Arms and variants are drawn from it."""
    digest = hashlib.sha256(SEPARATOR.join((type_, scope, value)).encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def bucket_of(draw_: int) -> int:
    """The ledger bucket of a persona, 0 to 63."""
    return draw_ % BUCKETS


def salted(salt: str) -> tuple[int, int]:
    """Odd multiplier and offset below 2^31 for a salt: `(draw * a + b) % 2^31` is that salt's own draw.

    Products stay below 2^63, so that every engine's int64 agrees (multiply-shift hashing, Dietzfelbinger 1997).
    """
    digest = hashlib.sha256(salt.encode()).digest()
    return (int.from_bytes(digest[:4], "big") >> 1) | 1, int.from_bytes(digest[4:8], "big") >> 1
