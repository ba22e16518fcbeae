"""In: people, parameters, a seed, what each is told, day by day. Out: what they do, in a diary, and what is true of each. Writes no interactions.

The rules are those of docs/explanation/world.md, in its order. Everything that a person carries is an entry of an array, so a day costs
the same few dozen operations however many they are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from touchline.kernel.times import DAY, HOUR, MINUTE
from touchline.world.warranty_answers import answer
from touchline.world.warranty_chance import Floats, Ints
from touchline.world.warranty_living import NEVER, Contacts, Living
from touchline.world.warranty_parameters import Effect
from touchline.world.warranty_people import TERM, Bools

TROUBLE_FROM, TROUBLE_UNTIL = 300, 210
"""Days before the history's end between which the south's crews were short."""

CALLS = ("renewal_call", "welcome_call", "visit_recovery")
"""Conversations that have an effect only where the call reaches somebody."""


class Life(Living):
    """The warranty company's people, living day by day."""

    def step(self, day: int, contacts: Contacts) -> None:
        """One day more. `contacts` are those since the day before; what they do from today on knows of them."""
        p, c = self.parameters, self.carried
        c.goodwill *= 0.5 ** (1 / p.memory_days)
        c.pressure *= 0.5 ** (1 / p.pressure_days)
        c.persuasion *= 0.5 ** (1 / p.persuasion_days)
        self._enrol(day)
        self._hear(day, contacts)
        here = self.here
        self._claims(day, here)
        self.visited = self._visits(day)
        self._bills(day, here)
        self._desk(day)
        self._decisions(day)
        self._site(day, self.here)
        answer(self, day, contacts)
        np.clip(c.goodwill, -1.5, 1.5, out=c.goodwill)

    # The agreement

    def _enrol(self, day: int) -> None:
        who = np.flatnonzero(self.people.join_day == day)
        self.carried.term_start[who] = day
        self.decision_of(who)
        at = self.moment("enrols", day, who)
        self.diary.note("identified", "told", day, who, at - MINUTE)
        self.diary.note("preferred", "prefers", day, who, at - MINUTE // 2)
        self.agreement("joined", day, who, at)

    def agreement(self, kind: str, day: int, who: Ints, at: Ints) -> None:
        starts = self.start + self.carried.term_start[who] * DAY
        self.diary.note(
            kind, kind, day, who, at, "site", contract_no=self.numbers[who], amount=self.people.premium[who],
            term_start=starts, renews_at=starts + TERM * DAY,
        )  # fmt: skip

    def renewal_chance(self, who: Ints) -> Floats:
        """The chance at which each of them would renew if they decided now."""
        p, c, people = self.parameters, self.carried, self.people
        nature = np.where(
            people.inertial[who], p.inertial_renews, p.renews + p.engaged_on_renewal * (people.engaged[who] - 0.4)
        )
        over = np.maximum(0.0, c.pressure[who] - p.tolerated)
        moved = p.goodwill_on_renewal * c.goodwill[who] + c.persuasion[who] + p.pressure_on_renewal * over
        chances: Floats = 1.0 / (1.0 + np.exp(-(nature + people.reacts[who] * moved)))
        return chances

    def _decisions(self, day: int) -> None:
        c = self.carried
        who = np.flatnonzero((c.decides_on == day) & ~c.gone)
        renews = self.chance.of("renews", day, who) < self.renewal_chance(who)
        c.decides_on[who], c.persuasion[who] = NEVER, 0.0
        stays = who[renews]
        c.leaving[who[~renews]] = True
        c.term_start[stays] += TERM
        self.agreement("renewed", day, stays, self.moment("renews at", day, stays))
        self.decision_of(stays)
        ended = (c.term_start + TERM == day) & c.leaving & ~c.gone
        moved = self.here & (self.chance.of("moves", day, self.everybody) < self.parameters.moves / TERM) & ~ended
        for mask, reason in ((ended, "not_renewed"), (moved, "home_sold")):
            gone = np.flatnonzero(mask)
            c.gone[gone] = True
            at = self.moment("leaves", day, gone)
            self.diary.note(
                "left", f"left_{reason}", day, gone, at, "site", contract_no=self.numbers[gone], reason=reason
            )

    # Claims, bills, and what is made good

    def _claims(self, day: int, here: Bools) -> None:
        p, c = self.parameters, self.carried
        chance = self.chance.of("claims", day, self.everybody)
        who = np.flatnonzero(here & (chance < p.claims / TERM) & (c.claim == NEVER))
        c.claim[who] = day
        c.visit_on[who] = day + 2 + self.chance.index("visit on", day, who, 8)
        at = self.moment("reports", day, who)
        claim = self.claim(who)
        self.diary.note(
            "asked", "report", day, who, at, "claim_line", claim_no=claim, words=self.say("report", day, who)
        )
        in_time = self.chance.of("answered in time", day, who) < p.answered_in_time
        hours = np.where(
            in_time, 0.2 + 3.5 * self.chance.of("answer", day, who), 5 + 40 * self.chance.of("answer", day, who)
        )
        reply_to = self.diary.names("report", day, who)
        self.diary.note(
            "answered_to",
            "answer",
            day,
            who,
            at + (hours * HOUR).astype(np.int64),
            "claim_line",
            claim_no=claim,
            reply_to=reply_to,
        )
        c.goodwill[who[~in_time]] += p.late_answer_takes * self.people.reacts[who[~in_time]]

    def _visits(self, day: int) -> Ints:
        p, c, people = self.parameters, self.carried, self.people
        who = np.flatnonzero((c.visit_on == day) & ~c.gone)
        trouble = people.south[who] & (self.history - TROUBLE_FROM <= day < self.history - TROUBLE_UNTIL)
        late = self.chance.of("late", day, who) < np.where(trouble, p.visit_late_in_trouble, p.visit_late)
        needed = self.chance.of("visits", day, who)
        visits = np.where(needed < p.third_visit, 3, np.where(needed < p.third_visit + p.second_visit, 2, 1))
        solved = self.chance.of("solved", day, who) >= p.unsolved
        lived = p.visit_adds + late * p.late_takes + (visits - 1) * p.further_takes + ~solved * p.unsolved_takes
        at = self.moment("visit", day, who)
        arrived = pl.Series(self.start + day * DAY + np.zeros(len(who), dtype=np.int64))
        agreed = arrived - pl.Series(late * (1 + self.chance.index("days late", day, who, 4))) * DAY
        claim = self.claim(who)
        self.diary.note(
            "served", "visit", day, who, at, "claim_visit", claim_no=claim, solved=solved, visits=visits,
            agreed_on=_date(agreed), arrived_on=_date(arrived), cost=np.round(60 + 220 * self.chance.exponential("costs", day, who), 2),
        )  # fmt: skip
        c.last_claim[who], c.lived[who] = c.claim[who], lived
        c.claim[who], c.visit_on[who] = NEVER, NEVER
        felt = lived * people.reacts[who]
        c.goodwill[who] += felt
        bad = lived <= p.bad
        self._hurt(day, who[bad], -felt[bad])
        complains = bad & (self.chance.of("complains", day, who) < 0.1 + 0.7 * people.engaged[who] * people.reacts[who])
        self._complaint(day, who[complains], at[complains] + 3 * HOUR, "care_desk", claim[complains])
        self._review(day, who, at, lived)
        return who

    def _bills(self, day: int, here: Bools) -> None:
        p, c = self.parameters, self.carried
        who = np.flatnonzero(
            here & (self.chance.of("disputes", day, self.everybody) < p.disputes / TERM) & (c.hurt_on == NEVER)
        )
        felt = p.dispute_takes * self.people.reacts[who]
        c.goodwill[who] += felt
        self._hurt(day, who, -felt)
        self._complaint(day, who, self.moment("disputes at", day, who), "invoice", None)

    def _hurt(self, day: int, who: Ints, taken: Floats) -> None:
        c = self.carried
        c.hurt_on[who], c.taken[who], c.desk_on[who] = day, taken, NEVER

    def _complaint(self, day: int, who: Ints, at: Ints, touchpoint: str, claim: npt.NDArray[np.object_] | None) -> None:
        p = self.parameters
        sort = "complaint" if touchpoint == "care_desk" else "dispute"
        self.diary.note(
            "complained", sort, day, who, at, touchpoint, case_no=self.case(who), words=self.say(sort, day, who),
            **({} if claim is None else {"claim_no": claim}),
        )  # fmt: skip
        chance, when = self.chance.of("the desk", day, who), self.chance.of("the desk's day", day, who)
        soon = 1 + (when * (p.recovery_in_days - 1)).astype(np.int64)
        late = p.recovery_in_days + 1 + (when * (p.recovery_late_days - p.recovery_in_days - 1)).astype(np.int64)
        self.carried.desk_on[who] = np.where(
            chance < p.desk_in_time, day + soon, np.where(chance < p.desk_in_time + p.desk_late, day + late, NEVER)
        )

    def _desk(self, day: int) -> None:
        """The organisation's own desk settles, and what nobody settled in time hurts more."""
        p, c = self.parameters, self.carried
        self._heal(day, np.flatnonzero(c.desk_on == day), "desk")
        never = np.flatnonzero((c.hurt_on > NEVER) & (day - c.hurt_on > p.recovery_late_days))
        c.goodwill[never] += p.never_recovered * self.people.reacts[never]
        c.hurt_on[never], c.desk_on[never] = NEVER, NEVER

    def _heal(self, day: int, who: Ints, by: str) -> None:
        p, c = self.parameters, self.carried
        in_time = day - c.hurt_on[who] <= p.recovery_in_days
        c.goodwill[who] += c.taken[who] * np.where(in_time, p.recovered, p.recovered_late)
        at = self.moment("settles", day, who)
        self.diary.note(
            "case_resolved", f"settled_by_{by}", day, who, at, "care_desk", case_no=self.case(who), in_time=in_time
        )
        thanks = in_time & (self.chance.of("says thanks", day, who) < 0.3 * self.people.engaged[who])
        self.diary.note(
            "praised",
            f"thanks_{by}",
            day,
            who[thanks],
            at[thanks] + 5 * HOUR,
            "care_desk",
            words=self.say("thanks", day, who[thanks]),
        )
        c.hurt_on[who], c.desk_on[who] = NEVER, NEVER

    # What is said to them

    def reached(self, who: Ints, conversation: str, day: int) -> Bools:
        """Whether a call of that day reaches each of them: the same answer however often it is asked."""
        return self.chance.of(f"reached by {conversation}", day, who) < self.parameters.reached

    def _hear(self, day: int, contacts: Contacts) -> None:
        p, c = self.parameters, self.carried
        for name in sorted(set(contacts.conversation.tolist())):
            effect = p.effects.get(name, Effect())
            who = np.unique(contacts.who[contacts.conversation == name])
            c.pressure[who] += effect.presses
            if name in CALLS:
                who = who[self.reached(who, name, day)]
            c.persuasion[who] += effect.persuasion
            c.goodwill[who] += effect.goodwill * self.people.reacts[who]
            if effect.recovers:
                hurt = who[(c.hurt_on[who] > NEVER) & (day - c.hurt_on[who] <= p.recovery_late_days)]
                self._heal(day, hurt, name)

    def _site(self, day: int, here: Bools) -> None:
        if self.diary.deaf:  # nothing but the diary knows of it
            return
        rate = self.parameters.visits_site / TERM * 2.5 * self.people.engaged
        who = np.flatnonzero(here & (self.chance.of("visits the site", day, self.everybody) < rate))
        signed_in = self.chance.of("signs in", day, who) < 0.6
        self.diary.note("visited", "page", day, who, self.moment("visits at", day, who), "site", signed_in=signed_in)

    def _review(self, day: int, who: Ints, at: Ints, lived: Floats) -> None:
        """Strong experiences are spoken of, by those who have a handle and speak readily."""
        if self.diary.deaf:  # nothing but the diary knows of it
            return
        posts = self.handles[who] & (
            self.chance.of("posts", day, who) < 0.9 * self.people.engaged[who] * np.minimum(1.0, np.abs(lived) * 1.6)
        )
        who, at, lived = who[posts], at[posts], lived[posts]
        stars = np.clip(np.round(3.3 + 2.4 * lived + 0.5 * self.chance.normal("stars", day, who)), 1, 5).astype(
            np.int64
        )
        said = np.full(len(who), None, dtype=object)
        for sort, mask in (("bad", stars <= 2), ("fair", stars == 3), ("good", stars >= 4)):
            said[mask] = self.say(sort, day, who[mask])
        later = at + (self.chance.exponential("posts at", day, who) * 2 * DAY).astype(np.int64) + HOUR
        self.diary.note("said", "post", day, who, later, "reviews", stars=stars, words=said)


def _date(instants: pl.Series) -> pl.Series:
    return pl.from_epoch(instants, time_unit="us").dt.strftime("%Y-%m-%d")
