"""In: a playbook, or its parts. Out: what a report must know of the organisation: zone, currency, half-life, places.
Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from touchline.playbook.compiled import Playbook


@dataclass(frozen=True)
class Place:
    """Where encounters take place: channel, department, weight of its readings."""

    channel: str
    department: str
    weight: float


@dataclass(frozen=True)
class Setting:
    """The organisation as a report needs it. `half_life` is microseconds; `minor_units` of the currency.

    places       touchpoint -> place
    stages       in the playbook's order
    purposes     conversation -> purpose
    digest       of the playbook
    """

    organisation: str
    zone: str
    currency: str
    half_life: int
    digest: str
    minor_units: int = 100
    places: Mapping[str, Place] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    purposes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, playbook: Playbook) -> Setting:
        """The setting of a compiled playbook."""
        return cls(
            organisation=playbook.organisation.name,
            zone=playbook.organisation.zone,
            currency=playbook.organisation.currency,
            half_life=playbook.organisation.half_life,
            digest=playbook.digest,
            minor_units=playbook.organisation.minor_units,
            places={name: Place(t.channel, t.department, t.weight) for name, t in playbook.touchpoints.items()},
            stages=tuple(stage.name for stage in playbook.stages),
            purposes={name: conversation.purpose for name, conversation in playbook.conversations.items()},
        )

    def weight(self, touchpoint: str | None) -> float:
        """Weight of a touchpoint's readings; 1 for what belongs to no known touchpoint."""
        place = self.places.get(touchpoint or "")
        return 1.0 if place is None else place.weight

    def channel(self, touchpoint: str | None) -> str | None:
        """Channel of a touchpoint; None where it is not known."""
        place = self.places.get(touchpoint or "")
        return None if place is None else place.channel
