"""In: lists of codes, messages that carry one. Out: each code given at most once, within budget and time, and redeemed at most once. Writes `redeemed`.

A code that was given to a message which never left goes back; one that may have left does not.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence

import polars as pl
from django.db import transaction

from touchline.delivery.telling import TELLING, rows
from touchline.intake import accept_rows
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.playbook.compiled import Gift, Pool
from touchline.recognition.locking import hold, hold_name
from touchline.recognition.staging import execute, read, staged

LONGEST = 200
"""Characters of a code."""
_CENT = 0.005
"""Sums of money are compared to the half cent."""


class BadCodes(TouchlineError):
    """The list of codes cannot be loaded."""

    code = "bad_codes"
    remedy = "Write one code a line, at most 200 printable characters."


def load(pool: Pool, lines: Iterable[str]) -> int:
    """Take in the codes of a pool, one a line; how many were new. Blank lines are passed over; a code that is known stays as it is.

    Raises BadCodes, with the numbers of the lines and not the codes, and takes in nothing.
    """
    codes = {number: line.strip() for number, line in enumerate(lines, 1) if line.strip()}
    bad = [number for number, code in codes.items() if len(code) > LONGEST or not _printable(code)]
    if bad:
        shown = ", ".join(map(str, bad[:5]))
        raise BadCodes(f"pool {pool.name}, line {shown}{' and more' if len(bad) > 5 else ''}")
    new = pl.DataFrame({"code": list(dict.fromkeys(codes.values()))}, schema={"code": pl.String})
    if new.is_empty():
        return 0
    told = new.with_columns(
        pool=pl.lit(pool.name), worth=pl.lit(float(pool.worth)), expires_at=pl.lit(pool.expires, dtype=pl.Int64)
    )
    with transaction.atomic(), staged("codes", told):
        return execute(
            "INSERT INTO delivery_gift_code (pool, code, worth, expires_at) SELECT pool, code, worth, expires_at FROM codes"
            " WHERE TRUE ON CONFLICT DO NOTHING"
        )


def take(message_id: str, conversation: str, gift: Gift, pool: Pool, now: int) -> str | None:
    """The code for a message, the same one each time it is asked; None where the pool is empty, spent or over, or the conversation's share is.

    Several workers at once get different codes: the pool is theirs one after the other.
    """
    with transaction.atomic():
        hold_name(f"pool {pool.name}")
        mine = read("SELECT code FROM delivery_gift_code WHERE message = %s", _CODE, [message_id])
        if mine.height:
            return str(mine["code"][0])
        given = read(
            "SELECT coalesce(sum(worth), 0) AS spent, coalesce(sum(CASE WHEN conversation = %s THEN 1 ELSE 0 END), 0) AS n"
            " FROM delivery_gift_code WHERE pool = %s AND message IS NOT NULL",
            {"spent": pl.Float64, "n": pl.Int64},
            [conversation, pool.name],
        ).row(0)
        next_ = read(
            "SELECT code, worth FROM delivery_gift_code WHERE pool = %s AND message IS NULL"
            " AND (expires_at IS NULL OR expires_at > %s) ORDER BY id LIMIT 1",
            {**_CODE, "worth": pl.Float64},
            [pool.name, now],
        )
        over = pool.expires is not None and pool.expires <= now
        shared_out = gift.budget is not None and given[1] >= gift.budget
        if over or shared_out or next_.is_empty():
            return None
        code, worth = next_.row(0)
        if pool.budget is not None and given[0] + worth > pool.budget + _CENT:
            return None
        execute(
            "UPDATE delivery_gift_code SET message = %s, conversation = %s, given_at = %s WHERE pool = %s AND code = %s",
            [message_id, conversation, now, pool.name, code],
        )
        execute("UPDATE delivery_message SET gift_code = %s WHERE message_id = %s", [code, message_id])
        return str(code)


def give_back(message_ids: Sequence[str]) -> int:
    """Free the codes of messages that never left; how many. A code that was redeemed all the same stays given."""
    if not message_ids:
        return 0
    with transaction.atomic(), staged("unsaid", pl.DataFrame({"message_id": message_ids}, {"message_id": pl.String})):
        execute(
            "UPDATE delivery_message SET gift_code = NULL WHERE gift_code IS NOT NULL"
            " AND message_id IN (SELECT message_id FROM unsaid)"
        )
        return execute(
            "UPDATE delivery_gift_code SET message = NULL, conversation = NULL, given_at = NULL"
            " WHERE redeemed_at IS NULL AND message IN (SELECT message_id FROM unsaid)"
        )


def redeem(pool: str, code: str, now: int) -> bool:
    """Record that a code was used, in the ledger too; False where that is known already.

    Raises UnknownName for a code that nobody was given.
    """
    with transaction.atomic():
        hold_name(f"pool {pool}")
        columns = ", ".join(f'm."{name}"' for name in TELLING)
        message = read(
            f"SELECT {columns} FROM delivery_gift_code g JOIN delivery_message m ON m.message_id = g.message"  # noqa: S608 - the program's own names
            " WHERE g.pool = %s AND g.code = %s",
            TELLING,
            [pool, code],
        )
        if message.is_empty():
            raise UnknownName(
                f"a code given from the pool {pool!r}", remedy="Only codes that a message carried are redeemed."
            )
        hold([int(message["bucket"][0])])
        changed = execute(
            "UPDATE delivery_gift_code SET redeemed_at = %s WHERE pool = %s AND code = %s AND redeemed_at IS NULL",
            [now, pool, code],
        )
        if changed:
            payload = json.dumps({"pool": pool, "code": code}, ensure_ascii=False)
            accept_rows(
                [one | {"payload": payload} for one in rows(message.iter_rows(named=True), "redeemed", now)],
                received_at=now,
            )
    return bool(changed)


def left(pool: str) -> int:
    """How many codes of a pool nobody has been given."""
    found = read(
        "SELECT count(*) AS n FROM delivery_gift_code WHERE pool = %s AND message IS NULL", {"n": pl.Int64}, [pool]
    )
    return int(found["n"][0])


def _printable(code: str) -> bool:
    return not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in code)


_CODE = {"code": pl.String}
