"""In: gifts.yaml, and how many codes its files hold. Out: faults. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping

from touchline.playbook.authored.gifts import Gifts
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.findings import Findings
from touchline.playbook.folder import GIFTS


def check_gifts(gifts: Gifts, codes: Mapping[str, int | None], findings: Findings) -> None:
    """Each pool has a file of its own that is there, and a budget for one code at least."""
    pools: dict[str, str] = {}
    for name, pool in gifts.root.items():
        if codes.get(pool.file) is None:
            findings.fault(
                (GIFTS, (name, "file")),
                f"There is no file {shown(pool.file)} inside playbook/.",
                "Put the pool's codes there, one a line.",
            )
        first = pools.setdefault(pool.file, name)
        if first != name:
            findings.fault(
                (GIFTS, (name, "file")),
                f"{shown(pool.file)} holds the codes of {shown(first)} already.",
                "Give each pool a file of its own, so that no code is given twice.",
            )
        if pool.budget is not None and pool.budget < pool.worth:
            findings.fault(
                (GIFTS, (name, "budget")),
                f"The budget of {shown(name)} does not reach for one code.",
                f"Give at least {pool.worth:g}, what one code is worth; `budget` is money, not a number of codes.",
            )
