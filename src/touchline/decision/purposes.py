"""In: nothing. Out: which rules on contact each purpose is under. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from touchline.interactions.catalogue import PURPOSES

Basis = Literal["contract", "opt_in_or_soft", "opt_out", "opt_in"]
Caps = Literal["none", "own", "all"]
CareFirst = Literal["passes", "unless_about_it", "waits"]

ARBITRATED_FROM = 2
"""Class 1 bypasses arbitration: what may be said is said."""


@dataclass(frozen=True)
class Purpose:
    """One line of the table.

    name
    basis         `contract`: no consent; `opt_in`; `opt_in_or_soft`: the playbook's soft opt-in suffices;
                  `opt_out`: legitimate interest, an opt-out is honoured
    caps          `all` that match; `own`: those of the purpose alone; `none`
    urgent_passes whether a conversation marked urgent passes quiet hours
    care_first    what it does while a care need is due
    held_out      whether the global holdout applies; `service`, `recovery` and `listening` are never held out
    """

    name: str
    basis: Basis
    caps: Caps
    urgent_passes: bool
    care_first: CareFirst
    held_out: bool

    @property
    def class_(self) -> int:
        """1 goes before 5."""
        return PURPOSES[self.name]

    @property
    def contractual(self) -> bool:
        """Class 1: owed to the customer, so neither topic, frequency nor balance hold it."""
        return self.class_ < ARBITRATED_FROM


TABLE: dict[str, Purpose] = {
    purpose.name: purpose
    for purpose in (
        Purpose("service", "contract", "none", urgent_passes=True, care_first="passes", held_out=False),
        Purpose("recovery", "contract", "none", urgent_passes=False, care_first="passes", held_out=False),
        Purpose("care", "opt_in_or_soft", "all", urgent_passes=False, care_first="unless_about_it", held_out=True),
        Purpose("listening", "opt_out", "own", urgent_passes=False, care_first="unless_about_it", held_out=False),
        Purpose("information", "opt_in", "all", urgent_passes=False, care_first="waits", held_out=True),
        Purpose("community", "opt_in", "all", urgent_passes=False, care_first="waits", held_out=True),
        Purpose("selling", "opt_in", "all", urgent_passes=False, care_first="waits", held_out=True),
    )
}
