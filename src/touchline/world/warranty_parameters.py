"""In: nothing. Out: the numbers behind the warranty world's causal rules, and the world in which nothing works. Writes no interactions.

Every rule of `touchline.world.warranty_life` takes its strength from here, so that a world with other truths is a value away.
docs/explanation/world.md says what they imply; a test holds that page to these numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType


@dataclass(frozen=True)
class Effect:
    """What one contact does to a customer who reacts in full.

    persuasion  log-odds of renewing; fades
    goodwill    added at once
    recovers    heals what a bad visit or a dispute took, where it comes in time
    presses     messages of pressure
    """

    persuasion: float = 0.0
    goodwill: float = 0.0
    recovers: bool = False
    presses: float = 1.0


EFFECTS: Mapping[str, Effect] = MappingProxyType(
    {
        "renewal_call": Effect(persuasion=0.60),
        "renewal_letter": Effect(persuasion=0.35),
        "renewal_reminder": Effect(persuasion=0.20),
        "renewal_thanks": Effect(goodwill=0.10, presses=0.0),
        "welcome_call": Effect(goodwill=0.15),
        "welcome_letter": Effect(goodwill=0.08, presses=0.5),
        "home_letter": Effect(goodwill=0.04, presses=0.5),
        "season_letter": Effect(goodwill=0.04, presses=0.5),
        "anniversary": Effect(goodwill=0.10, presses=0.0),
        "feedback_thanks": Effect(goodwill=0.12, presses=0.0),
        "visit_recovery": Effect(recovers=True, presses=0.0),
        "recovery_letter": Effect(recovers=True, presses=0.0),
        "billing_recovery": Effect(recovers=True, presses=0.0),
        "late_answer": Effect(goodwill=0.05, presses=0.0),
    }
)
"""Conversation -> what it does; one that is not named does nothing but press."""


@dataclass(frozen=True)
class WarrantyParameters:
    """How the customers of the warranty company live. Rates are a year's, goodwill is near [-1.5, 1.5].

    known_before          share whose first agreement began before the first day
    inertial              share who stay from inertia: they renew with `inertial_renews` (log-odds) and react by `inertia`
    inertia
    inertial_renews
    renews                log-odds of renewing of anybody else, at goodwill 0
    engaged_on_renewal    log-odds for one unit of engagement above its mean: who engages renews more by nature
    goodwill_on_renewal   log-odds for one unit of goodwill
    persuasion_days       half-life of persuasion
    pressure_on_renewal   log-odds for each message of pressure beyond `tolerated`
    pressure_days         half-life of pressure
    tolerated             messages of pressure that repel nobody
    memory_days           half-life of goodwill
    moves                 share who sell the home, and leave for that
    claims                claims
    visit_late            share of first visits not on the agreed day; later for one region, `visit_late_in_trouble`
    visit_late_in_trouble
    second_visit          share needing a second visit; a third
    third_visit
    unsolved              share of claims not solved at the last visit
    visit_adds            goodwill of a visit that was in order; what lateness, each further visit, no solution take
    late_takes
    further_takes
    unsolved_takes
    bad                   a visit at or below this is a bad one
    recovery_in_days      recovery by then gives back `recovered` of what was taken; until `recovery_late_days`
    recovery_late_days    `recovered_late`; after that `never_recovered` is lost on top
    recovered
    recovered_late
    never_recovered
    disputes              billing disputes, and what each takes
    dispute_takes
    desk_in_time          share of complaints that the organisation's own desk settles in time; late; never otherwise
    desk_late
    answered_in_time      share of claim reports answered in four hours, and what a late answer takes
    late_answer_takes
    reached               share of calls that reach somebody
    agrees                share with a consent to e-mail for care at enrolment, more of the engaged; for other purposes less
    says_yes              log-odds of an opt-in when asked inside a solved claim, at goodwill 0
    mails_a_month         what the former tool sent to who agreed: the three rates that were drawn
    unsubscribes          share opting out after an e-mail; more for each message of pressure beyond the tolerated
    unsubscribes_of_pressure
    surveyed              share of visits that the former tool followed with a survey
    answers               share of surveys answered at goodwill 0
    extends               share buying more cover after an offer, at goodwill 0
    goodwill_on_extending what one unit of goodwill, and a message of pressure beyond the tolerated, do to the log of that
    pressure_on_extending
    goodwill_on_agreeing  log-odds of an opt-in for one unit of goodwill
    visits_site           visits of the site
    redeems               share of gift codes used
    effects               conversation -> what it does
    """

    known_before: float = 0.70
    inertial: float = 0.22
    inertia: float = 0.15
    inertial_renews: float = 2.60
    renews: float = 0.55
    engaged_on_renewal: float = 1.20
    goodwill_on_renewal: float = 1.80
    persuasion_days: float = 60.0
    pressure_on_renewal: float = -0.25
    pressure_days: float = 14.0
    tolerated: float = 3.0
    memory_days: float = 180.0
    moves: float = 0.05
    claims: float = 0.60
    visit_late: float = 0.15
    visit_late_in_trouble: float = 0.40
    second_visit: float = 0.20
    third_visit: float = 0.07
    unsolved: float = 0.08
    visit_adds: float = 0.30
    late_takes: float = -0.60
    further_takes: float = -0.30
    unsolved_takes: float = -0.70
    bad: float = -0.25
    recovery_in_days: int = 6
    recovery_late_days: int = 20
    recovered: float = 1.10
    recovered_late: float = 0.30
    never_recovered: float = -0.20
    disputes: float = 0.08
    dispute_takes: float = -0.55
    desk_in_time: float = 0.35
    desk_late: float = 0.30
    answered_in_time: float = 0.82
    late_answer_takes: float = -0.10
    reached: float = 0.62
    agrees: float = 0.55
    says_yes: float = -0.80
    mails_a_month: tuple[float, float, float] = (0.6, 1.6, 3.6)
    unsubscribes: float = 0.0015
    unsubscribes_of_pressure: float = 0.008
    surveyed: float = 0.50
    answers: float = 0.34
    extends: float = 0.02
    goodwill_on_extending: float = 1.0
    pressure_on_extending: float = -0.25
    goodwill_on_agreeing: float = 1.2
    visits_site: float = 9.0
    redeems: float = 0.40
    effects: Mapping[str, Effect] = field(default_factory=lambda: EFFECTS)

    def null(self) -> WarrantyParameters:
        """The same company where nothing that anybody does or lives through changes what customers do next."""
        return replace(
            self,
            goodwill_on_renewal=0.0,
            pressure_on_renewal=0.0,
            unsubscribes_of_pressure=0.0,
            goodwill_on_extending=0.0,
            pressure_on_extending=0.0,
            goodwill_on_agreeing=0.0,
            effects=MappingProxyType({name: Effect(presses=one.presses) for name, one in self.effects.items()}),
        )
