"""In: people, parameters, a generator, the weeks. Out: a diary of all that happened, and what is true of each. Writes
no interactions.

The loop runs over weeks, never over customers; each rule is stated where it acts and takes its strength from
`Parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from touchline.kernel.times import DAY, HOUR, MINUTE
from touchline.world import words
from touchline.world.diary import Diary
from touchline.world.parameters import Parameters
from touchline.world.shoppers import Bools, Floats, Ints, Shoppers

PROMISED = 4
"""Days within which a parcel is promised."""
LAG = 8
"""Weeks within which what an encounter did to goodwill is felt."""


@dataclass
class Shopping:
    """The state of the world while it runs.

    goodwill    what they remember of us; `pressure` messages felt, `mailing` messages a week they get now
    pending     goodwill to come, by week modulo LAG
    alive       still customers; `bought` ever; `since_bought` weeks
    term_start  of the club's contract, microseconds; 0 outside
    """

    people: Shoppers
    parameters: Parameters
    rng: np.random.Generator
    start: int
    until: int
    diary: Diary = field(default_factory=Diary)

    def __post_init__(self) -> None:
        count = len(self.people)
        self.weeks = -(-(self.until - self.start) // (7 * DAY))
        self.goodwill: Floats = self.rng.normal(0.05, 0.2, count)
        self.pressure: Floats = np.zeros(count)
        self.mailing: Floats = self.people.mailing.copy()
        self.pending: Floats = np.zeros((LAG, count))
        self.alive: Bools = np.ones(count, dtype=bool)
        self.bought: Bools = np.zeros(count, dtype=bool)
        self.last_bought: Ints = np.zeros(count, dtype=np.int64)
        self.surveyed_at: Ints = np.full(count, -1000, dtype=np.int64)
        self.term_start: Ints = np.zeros(count, dtype=np.int64)
        self.term: Ints = np.zeros(count, dtype=np.int64)
        self.reacts: Floats = np.where(self.people.inertial, self.parameters.inertia, 1.0)
        self.user: npt.NDArray[np.object_] = self.people.contacts["user_id"].to_numpy()

    def run(self) -> pl.DataFrame:
        """Live all weeks; the diary's frame."""
        for week in range(self.weeks):
            self._week(week)
        return self.diary.frame(self.until)

    def _week(self, week: int) -> None:
        p, rng = self.parameters, self.rng
        self.goodwill *= 0.5 ** (1 / p.memory_weeks)
        self.pressure *= 0.5 ** (1 / p.pressure_weeks)
        self.goodwill = np.clip(self.goodwill + self.pending[week % LAG], -1.5, 1.5)
        self.pending[week % LAG] = 0.0
        hazard = p.leaves * np.exp(p.goodwill_on_leaving * self.goodwill * self.reacts)
        here = self.alive & (self.people.since_week <= week)
        self.alive = self.alive & ~(here & (rng.random(len(self.people)) < hazard))
        here &= self.alive
        self._visits(week, here)
        buyers = self._purchases(week, here)
        self._questions(week, here, buyers)
        self._mailings(week, here)
        self._club_renewals(week)
        self._referrals(week, here)

    def _moment(self, week: int, count: int) -> Ints:
        """Instants in that week, by day between seven and twenty-two."""
        day = self.rng.integers(0, 7, count)
        hour = 7 * HOUR + (self.rng.beta(2.0, 1.7, count) * 15 * HOUR).astype(np.int64)
        return self.start + (week * 7 + day) * DAY + hour

    def _feel(self, week: int, who: Ints, at: Ints, change: Floats | float) -> None:
        """Goodwill moves from the week in which it happened."""
        later = np.clip((at - self.start) // (7 * DAY) - week, 1, LAG - 1)
        np.add.at(self.pending, ((week + later) % LAG, who), change * self.reacts[who])

    def _visits(self, week: int, here: Bools) -> None:
        """Who thinks well of us comes by more often; two in five visits to the site are not signed in."""
        visits = self.rng.poisson(np.where(here, 0.062 * np.exp(0.5 * self.goodwill), 0.0))
        who = np.repeat(np.arange(len(self.people)), visits)
        place = np.where(self.rng.random(len(who)) < self.people.app[who] * 0.6, "app_home", "site").astype(object)
        anonymous = (place == "site") & (self.rng.random(len(who)) < 0.4)
        self.diary.note("visited", "v", who, self._moment(week, len(who)), place, signed_in=~anonymous)

    def _purchases(self, week: int, here: Bools) -> Bools:
        """Goodwill makes buyers, contact pressure beyond the tolerated unmakes them; December is busy and August is
        not."""
        p, rng, people = self.parameters, self.rng, self.people
        day_of_year = ((self.start + week * 7 * DAY) // DAY + 10) % 365.25
        season = (
            1.0 + 0.7 * np.exp(-(((day_of_year - 355) / 20) ** 2)) - 0.2 * np.exp(-(((day_of_year - 235) / 25) ** 2))
        )
        repelled = p.pressure_on_buying * np.maximum(0.0, self.pressure - p.tolerated)
        rate = people.rate * season * np.exp((p.goodwill_on_buying * self.goodwill + repelled) * self.reacts)
        buys: Bools = here & (rng.random(len(people)) < 1 - np.exp(-rate))
        who = np.flatnonzero(buys)
        at = self._moment(week, len(who))
        in_store = rng.random(len(who)) < people.store[who]
        place = np.where(
            in_store, "shop_floor", np.where(rng.random(len(who)) < people.app[who], "app_home", "shop")
        ).astype(object)
        amount = np.round(rng.lognormal(3.85, 0.65, len(who)), 2)
        orders = self.diary.numbers("o", len(who))
        returning = self.bought[who] & (week - self.last_bought[who] >= 26)
        self.diary.note("came_back", "b", who[returning], at[returning] - 2 * MINUTE, place[returning])
        self.diary.note(
            "bought",
            "p",
            who,
            at,
            place,
            order_no=orders,
            amount=amount,
            cost=np.round(amount * 0.11, 2),
            closes=in_store,
        )
        self._join_club(who[~self.bought[who]], at[~self.bought[who]])
        self.bought[who] = True
        self.last_bought[who] = week
        order = orders.to_numpy()
        self._at_the_till(week, who[in_store], at[in_store])
        self._deliveries(week, who[~in_store], at[~in_store], order[~in_store], amount[~in_store])
        return buys

    def _at_the_till(self, week: int, who: Ints, at: Ints) -> None:
        """A short wait is liked, a long one is not; two in five are noted by the counter's clock."""
        noted = self.rng.random(len(who)) < 0.4
        who, at = who[noted], at[noted] + 5 * MINUTE
        waited = np.round(self.rng.gamma(1.6, 4.0, len(who))).astype(np.int64)
        self.diary.note("served", "s", who, at, "counter", waited_min=waited)
        change = np.where(
            waited <= 5, self.parameters.short_wait, np.where(waited >= 15, self.parameters.long_wait, 0.0)
        )
        self._feel(week, who, at, change)

    def _deliveries(self, week: int, who: Ints, at: Ints, order: npt.NDArray[np.object_], amount: Floats) -> None:
        """The carrier is late, more so in its trouble; lateness and damage cost goodwill, then complaints, money back
        and words."""
        p, rng = self.parameters, self.rng
        before = (self.until - at) // DAY
        trouble = (before <= p.trouble_from) & (before >= p.trouble_until)
        late = rng.random(len(who)) < np.where(trouble, p.late_in_trouble, p.late)
        damaged = rng.random(len(who)) < p.damaged
        took = np.where(late, PROMISED + 1 + rng.poisson(4.0, len(who)), rng.integers(1, PROMISED + 1, len(who)))
        done = at - at % DAY + took * DAY + 9 * HOUR + (rng.random(len(who)) * 9 * HOUR).astype(np.int64)
        self.diary.note(
            "served",
            "d",
            who,
            done,
            "delivery",
            order_no=order,
            closes=True,
            days_late=np.maximum(took - PROMISED, 0),
            damaged=damaged,
            cost=np.round(4.2 + rng.random(len(who)), 2),
        )
        self._feel(week, who, done, np.where(damaged, p.damage_hurts, np.where(late, p.late_hurts, p.on_time)))
        bad = late | damaged
        said = (
            np.where(bad, p.complains_of_bad, p.complains_of_good)
            * (0.4 + 1.2 * self.people.opinionated[who])
            * np.sqrt(self.reacts[who])
        )
        complains = rng.random(len(who)) < said
        sort = np.where(damaged, "damaged", np.where(late, "late", "cross")).astype(object)
        heard = np.full(len(who), np.nan)
        heard[complains] = self._complaints(week, who[complains], done[complains], sort[complains])
        self._money_back(who, done, order, amount, late, damaged)
        delivered = np.where(damaged, -0.75, np.where(late, -0.55, 0.45))
        self._voices(who, done, order, delivered + np.where(np.isnan(heard), 0.0, heard))
        self._surveys(week, who, done, order, delivered)

    def _complaints(self, week: int, who: Ints, done: Ints, sort: npt.NDArray[np.object_]) -> Floats:
        """A case in time makes up for more than was lost, a late one for little, none for nothing. Returns what it
        changed in the experience."""
        p, rng, count = self.parameters, self.rng, len(who)
        at = done + (rng.exponential(1.1, count) * DAY).astype(np.int64) + HOUR
        place = np.array(["help_line", "help_mail", "help_chat", "social_page"], dtype=object)[
            rng.choice(4, count, p=[0.38, 0.36, 0.19, 0.07])
        ]
        said = np.full(count, None, dtype=object)
        for name in ("late", "damaged", "cross"):
            said[sort == name] = words.draw(name, int((sort == name).sum()), rng)
        cases = self.diary.numbers("k", count).to_numpy()
        about = np.where(sort == "cross", "touchpoint:invoice", "touchpoint:delivery").astype(object)
        self.diary.note("complained", "c", who, at, place, about=about, words=said, case_no=cases)
        opened = at + (rng.random(count) * 20 * HOUR).astype(np.int64) + HOUR // 2
        self.diary.note("case_opened", "e", who, opened, "help_line", case_no=cases)
        chance = rng.random(count)
        in_time, tardy = chance < p.case_in_time, (chance >= p.case_in_time) & (chance < p.case_in_time + p.case_late)
        days = np.where(in_time, 0.4 + 2.2 * rng.random(count), 5 + rng.gamma(2.0, 4.0, count))
        touched = opened + (rng.random(count) * 0.4 * DAY).astype(np.int64) + HOUR
        self.diary.note("case_touched", "e", who, touched, "help_line", case_no=cases, in_time=in_time)
        ends = opened + (days * DAY).astype(np.int64)
        solved = in_time | tardy
        self.diary.note(
            "case_resolved", "e", who[solved], ends[solved], "help_line", case_no=cases[solved], in_time=in_time[solved]
        )
        given = in_time & (rng.random(count) < 0.4)
        self.diary.note("gave", "g", who[given], ends[given] + 20 * HOUR, "letters", case_no=cases[given], gift=5)
        improved = in_time & (rng.random(count) < 0.06)
        self.diary.note("told", "e", who[improved], ends[improved] + 30 * DAY, "letters", case_no=cases[improved])
        thanks = in_time & (rng.random(count) < 0.10)
        self.diary.note(
            "praised",
            "y",
            who[thanks],
            ends[thanks] + 26 * HOUR,
            "help_mail",
            words=words.draw("recovered", int(thanks.sum()), rng),
        )
        self._feel(
            week, who, ends, np.where(in_time, p.recovered, np.where(tardy, p.recovered_late, p.never_recovered))
        )
        return np.where(in_time, 0.95, np.where(tardy, 0.1, -0.25))

    def _money_back(
        self, who: Ints, done: Ints, order: npt.NDArray[np.object_], amount: Floats, late: Bools, damaged: Bools
    ) -> None:
        back = self.rng.random(len(who)) < np.where(damaged, 0.6, np.where(late, 0.12, 0.045))
        count = int(back.sum())
        at = done[back] + ((3 + 14 * self.rng.random(count)) * DAY).astype(np.int64)
        self.diary.note("refunded", "r", who[back], at, "returns", order_no=order[back], amount=-amount[back])

    def _voices(self, who: Ints, done: Ints, order: npt.NDArray[np.object_], experienced: Floats) -> None:
        """Strong experiences are spoken of, by those who speak readily."""
        rng = self.rng
        speaks = (
            rng.random(len(who)) < 0.20 * self.people.opinionated[who] * np.abs(experienced) ** 1.5 * self.reacts[who]
        )
        who, done, order, experienced = who[speaks], done[speaks], order[speaks], experienced[speaks]
        at = done + ((1 + 9 * rng.random(len(who))) * DAY).astype(np.int64)
        stars = np.clip(np.round(3.1 + 2.1 * experienced + rng.normal(0, 0.5, len(who))), 1, 5).astype(np.int64)
        spoken = rng.random(len(who)) < 0.3
        praise = spoken & (stars >= 4)
        self.diary.note(
            "praised",
            "y",
            who[praise],
            at[praise],
            "help_mail",
            order_no=order[praise],
            words=words.draw("praise", int(praise.sum()), rng),
        )
        review = ~praise
        said = np.full(len(who), None, dtype=object)
        for name, mask in (("review_bad", stars <= 2), ("review_fair", stars == 3), ("review_good", stars >= 4)):
            said[mask] = words.draw(name, int(mask.sum()), rng)
        self.diary.note(
            "said",
            "w",
            who[review],
            at[review],
            "reviews",
            order_no=order[review],
            stars=stars[review],
            words=said[review],
        )

    def _surveys(self, week: int, who: Ints, done: Ints, order: npt.NDArray[np.object_], experienced: Floats) -> None:
        """A sample is asked, at most once in ninety days; the inertial rarely answer."""
        p, rng = self.parameters, self.rng
        asked = (rng.random(len(who)) < p.surveyed) & (week - self.surveyed_at[who] > 13)
        who, at, order, experienced = who[asked], done[asked] + DAY, order[asked], experienced[asked]
        self.surveyed_at[who] = week
        messages = self.diary.numbers("m", len(who)).to_numpy()
        self.diary.note(
            "sent",
            "n",
            who,
            at,
            "survey_mail",
            order_no=order,
            message_id=messages,
            conversation="delivery_survey",
            purpose="listening",
        )
        answers = rng.random(len(who)) < p.answers * (0.55 + 0.6 * np.abs(experienced)) * (
            0.5 + self.people.opinionated[who]
        ) * np.where(self.people.inertial[who], 0.3, 1.0)
        who, order, experienced, messages = who[answers], order[answers], experienced[answers], messages[answers]
        at = at[answers] + (rng.exponential(0.9, len(who)) * DAY).astype(np.int64) + 10 * MINUTE
        csat = np.clip(np.round(3.5 + 1.9 * experienced + rng.normal(0, 0.6, len(who))), 1, 5).astype(np.int64)
        ces = np.clip(np.round(4.8 + 2.2 * experienced + rng.normal(0, 0.9, len(who))), 1, 7).astype(np.int64)
        shared = {"survey": "delivery", "order_no": order, "message_id": messages}
        order_itself = "episode:" + pl.Series(order, dtype=pl.String)
        self.diary.note(
            "answered", "x", who, at, "survey_mail", question="csat", score=csat, about=order_itself, **shared
        )
        self.diary.note(
            "answered",
            "x",
            who,
            at + MINUTE,
            "survey_mail",
            question="ces",
            score=ces,
            about="touchpoint:delivery",
            **shared,
        )
        why = rng.random(len(who)) < 0.35
        good = csat[why] >= 4
        said = np.where(good, words.draw("why_good", int(why.sum()), rng), words.draw("why_bad", int(why.sum()), rng))
        self.diary.note(
            "said",
            "w",
            who[why],
            at[why] + 2 * MINUTE,
            "survey_mail",
            order_no=order[why],
            words=said,
            stars=csat[why],
            survey="delivery",
        )

    def _questions(self, week: int, here: Bools, buyers: Bools) -> None:
        """Buying makes questions; an answer in time helps, a late one hurts, none hurts more."""
        p, rng = self.parameters, self.rng
        asks = np.where(here, p.asks, 0.0) + np.where(buyers, p.asks_after_buying, 0.0)
        who = np.flatnonzero(rng.random(len(self.people)) < asks)
        count = len(who)
        at = self._moment(week, count)
        way = rng.choice(3, count, p=[0.44, 0.32, 0.24])
        place = np.array(["help_mail", "help_chat", "help_line"], dtype=object)[way]
        questions = self.diary.note("asked", "q", who, at, place, words=words.draw("question", count, rng))
        kept = np.array([0.74, 0.90, 0.95])[way]
        chance = rng.random(count)
        in_time, never = chance < kept, chance > 0.965
        promised = np.array([24.0, 0.5, 4.0])[way]
        hours = np.where(
            in_time, promised * (0.05 + 0.9 * rng.random(count)), promised + 24 + rng.gamma(2.0, 24.0, count)
        )
        answered = at + (hours * HOUR).astype(np.int64)
        back = ~never | in_time
        self.diary.note(
            "answered_to",
            "a",
            who[back],
            answered[back],
            place[back],
            reply_to=questions.to_numpy()[back],
            in_time=in_time[back],
        )
        self._feel(
            week,
            who,
            answered,
            np.where(in_time, p.answered_in_time, np.where(back, p.answered_late, p.never_answered)),
        )

    def _mailings(self, week: int, here: Bools) -> None:
        """The former tool's list writes by a plan of its own; pressure grows with each message, and with it the wish
        to be left alone."""
        p, rng = self.parameters, self.rng
        who = np.flatnonzero(here & (rng.random(len(self.people)) < self.mailing))
        count = len(who)
        at = self._moment(week, count)
        selling = rng.random(count) < 0.65
        place = np.where(selling, "offer_mail", "newsletter").astype(object)
        messages = self.diary.numbers("m", count).to_numpy()
        self.diary.note(
            "sent",
            "n",
            who,
            at,
            place,
            message_id=messages,
            conversation=np.where(selling, "weekly_offers", "plant_letter").astype(object),
            purpose=np.where(selling, "selling", "information").astype(object),
        )
        self.pressure[who] += 1.0
        over = np.maximum(0.0, self.pressure[who] - p.tolerated)
        machine = rng.random(count) < 0.10
        opens = rng.random(count) < 0.20 * np.exp(0.5 * self.goodwill[who]) * np.exp(-0.25 * over)
        clicks = opens & (rng.random(count) < 0.13)
        self.diary.note(
            "opened",
            "n",
            who[machine],
            at[machine] + 2 * MINUTE,
            place[machine],
            message_id=messages[machine],
            machine=True,
        )
        lag = (rng.exponential(7.0, count) * HOUR).astype(np.int64) + MINUTE
        self.diary.note(
            "opened", "n", who[opens], (at + lag)[opens], place[opens], message_id=messages[opens], machine=False
        )
        self.diary.note(
            "clicked",
            "n",
            who[clicks],
            (at + lag + MINUTE)[clicks],
            place[clicks],
            message_id=messages[clicks],
            machine=False,
        )
        stops = rng.random(count) < p.unsubscribes + p.unsubscribes_of_pressure * over
        spam = stops & (rng.random(count) < 0.05)
        gone = stops & ~spam
        self.diary.note(
            "opted_out",
            "u",
            who[gone],
            (at + lag)[gone],
            message_id=messages[gone],
            purpose="selling",
            reason="unsubscribed",
        )
        self.diary.note("reported_spam", "u", who[spam], (at + lag)[spam], message_id=messages[spam], reason="spam")
        self.mailing[who[stops]] = 0.0

    def _join_club(self, who: Ints, at: Ints) -> None:
        joins = self.rng.random(len(who)) < self.parameters.club
        self._contract(who[joins], at[joins] + 3 * MINUTE, "joined")

    def _contract(self, who: Ints, at: Ints, kind: str) -> None:
        self.term[who] += 1
        self.term_start[who] = at
        number = "club-" + pl.Series(self.user[who], dtype=pl.String)
        fee = 12.0 if len(who) else None
        self.diary.note(
            kind, "j", who, at, "shop", contract_no=number, term_start=at, renews_at=at + 365 * DAY, amount=fee
        )

    def _club_renewals(self, week: int) -> None:
        """After a year goodwill renews; the inertial renew from habit, even where they no longer buy."""
        ends = self.start + (week + 1) * 7 * DAY
        due = np.flatnonzero((self.term_start > 0) & (self.term_start + 365 * DAY < ends))
        stays = 1 / (1 + np.exp(-(1.1 + 1.8 * self.goodwill[due])))
        stays = np.where(self.people.inertial[due], 0.92, stays * self.alive[due])
        renews = self.rng.random(len(due)) < stays
        at = self.term_start[due] + 365 * DAY - 3 * HOUR
        gone, number = due[~renews], "club-" + pl.Series(self.user[due[~renews]], dtype=pl.String)
        self.diary.note("left", "j", gone, at[~renews], "shop", contract_no=number)
        self.term_start[gone] = 0
        self._contract(due[renews], at[renews], "renewed")

    def _referrals(self, week: int, here: Bools) -> None:
        """Who thinks very well of us tells others."""
        tells = (
            here
            & (self.goodwill > 0.35)
            & (self.rng.random(len(self.people)) < 0.006 * self.people.opinionated * self.reacts)
        )
        who = np.flatnonzero(tells)
        self.diary.note("referred", "f", who, self._moment(week, len(who)), "site")
