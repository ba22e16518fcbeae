"""In: nothing. Out: the numbers behind the retail world's causal rules. Writes no interactions.

Every rule of `touchline.world.shopping` takes its strength from here, so that a world with other truths is a value
away.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameters:
    """How the customers of the retail world live. Rates are a week's; goodwill is what they remember of us, near
    [-1.5, 1.5].

    known_before         share who were customers before the first day
    inertial             share who stay from habit: they react to nothing much, and rarely answer
    inertia              factor on every reaction of an inertial customer
    buys                 mean purchases a week of a neutral customer; individual rates are gamma with `buys_shape`
    buys_shape
    memory_weeks         half-life of goodwill
    goodwill_on_buying   log-rate of buying for one unit of goodwill
    pressure_weeks       half-life of contact pressure, in messages
    tolerated            messages of pressure that repel nobody
    pressure_on_buying   log-rate of buying for each message of pressure beyond the tolerated
    leaves               share leaving for good in a week at goodwill 0
    goodwill_on_leaving  log-hazard of leaving for one unit of goodwill
    late                 share of deliveries late; `late_in_trouble` while the carrier is in trouble
    late_in_trouble
    trouble_from         the carrier's trouble, in days before the last day
    trouble_until
    damaged              share of deliveries damaged
    complains_of_bad     share of bad deliveries complained of; `complains_of_good` of the others
    complains_of_good
    case_in_time         share of cases resolved within three days; `case_late` after that; the rest never
    case_late
    asks                 questions a week; `asks_after_buying` and `asks_when_late` come on top
    asks_after_buying
    asks_when_late
    agrees               share with a consent to e-mail
    unsubscribes         share opting out after a message; `unsubscribes_of_pressure` more for each message beyond the
                         tolerated
    unsubscribes_of_pressure
    surveyed             share of deliveries followed by a survey
    answers              share of surveys answered by a neutral customer
    club                 share of first purchases at which the club is joined
    on_time, late_hurts, damage_hurts, answered_in_time, answered_late, never_answered,
    recovered, recovered_late, never_recovered, short_wait, long_wait
                         what the encounter adds to goodwill
    """

    known_before: float = 0.55
    inertial: float = 0.18
    inertia: float = 0.15
    buys: float = 0.062
    buys_shape: float = 0.9
    memory_weeks: float = 26.0
    goodwill_on_buying: float = 0.9
    pressure_weeks: float = 3.0
    tolerated: float = 2.0
    pressure_on_buying: float = -0.35
    leaves: float = 0.004
    goodwill_on_leaving: float = -1.6
    late: float = 0.07
    late_in_trouble: float = 0.34
    trouble_from: int = 250
    trouble_until: int = 165
    damaged: float = 0.02
    complains_of_bad: float = 0.30
    complains_of_good: float = 0.003
    case_in_time: float = 0.62
    case_late: float = 0.26
    asks: float = 0.004
    asks_after_buying: float = 0.06
    asks_when_late: float = 0.22
    agrees: float = 0.42
    unsubscribes: float = 0.002
    unsubscribes_of_pressure: float = 0.010
    surveyed: float = 0.26
    answers: float = 0.34
    club: float = 0.10
    on_time: float = 0.06
    late_hurts: float = -0.60
    damage_hurts: float = -0.65
    answered_in_time: float = 0.12
    answered_late: float = -0.28
    never_answered: float = -0.40
    recovered: float = 0.85
    recovered_late: float = 0.05
    never_recovered: float = -0.30
    short_wait: float = 0.08
    long_wait: float = -0.22
