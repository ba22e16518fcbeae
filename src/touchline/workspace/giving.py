"""In: the playbook's pools of codes. Out: codes loaded, and what is left of each pool. Writes `redeemed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline.delivery import gifts
from touchline.kernel.errors import FaultsFound, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.playbook.codes import read_codes
from touchline.playbook.folder import PLAYBOOK
from touchline.recognition.staging import execute, read, staged

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

_POOL = {"left": pl.Int64, "given": pl.Int64, "redeemed": pl.Int64, "worth": pl.Float64}


def load(workspace: Workspace) -> int:
    """Take in every pool's file; how many codes were new. Raises FaultsFound where a file cannot be read."""
    new = 0
    for pool in workspace.playbook.pools.values():
        codes, faults = read_codes(workspace.settings.root / PLAYBOOK / pool.file, pool.file)
        if faults:
            raise FaultsFound(faults)
        new += gifts.load(pool, codes)
    return new


def pools(workspace: Workspace) -> list[dict[str, Any]]:
    """Each pool: codes left, given, redeemed, what the given ones are worth, and the budget."""
    load(workspace)
    found = []
    for pool in workspace.playbook.pools.values():
        counted = read(
            "SELECT sum(CASE WHEN message IS NULL THEN 1 ELSE 0 END) AS a, sum(CASE WHEN message IS NULL THEN 0 ELSE 1 END) AS b,"
            " sum(CASE WHEN redeemed_at IS NULL THEN 0 ELSE 1 END) AS c, sum(CASE WHEN message IS NULL THEN 0 ELSE worth END) AS d"
            " FROM delivery_gift_code WHERE pool = %s",
            _POOL,
            [pool.name],
        ).row(0, named=True)
        found.append(
            {"pool": pool.name, **{name: value or 0 for name, value in counted.items()}, "budget": pool.budget}
        )
    return found


def note(redeemed: pl.DataFrame) -> int:
    """Mark codes as used that `redeemed` rows [occurred_at, payload] from elsewhere tell of; how many were not marked yet."""
    if redeemed.is_empty():
        return 0
    told = redeemed.select(
        "occurred_at",
        pool=pl.col("payload").str.json_path_match("$.pool"),
        code=pl.col("payload").str.json_path_match("$.code"),
    ).drop_nulls()
    with transaction.atomic(), staged("used", told):
        return execute(
            "UPDATE delivery_gift_code SET redeemed_at = (SELECT min(u.occurred_at) FROM used u"
            " WHERE u.pool = delivery_gift_code.pool AND u.code = delivery_gift_code.code)"
            " WHERE redeemed_at IS NULL AND message IS NOT NULL AND EXISTS (SELECT 1 FROM used u"
            " WHERE u.pool = delivery_gift_code.pool AND u.code = delivery_gift_code.code)"
        )


def redeem(workspace: Workspace, pool: str, code: str) -> bool:
    """Record that a code was used; False where that is known. Raises UnknownName for a pool or a code that nobody was given."""
    known = workspace.playbook.pools
    if pool not in known:
        raise UnknownName(f"pool {pool!r}", remedy=did_you_mean(pool, known))
    return gifts.redeem(pool, code, workspace.clock.now())
