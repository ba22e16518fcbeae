"""In: people, parameters, a seed's chances. Out: what each carries, and the small things that every rule asks for. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from touchline.kernel.times import DAY, HOUR
from touchline.world import warranty_words as words
from touchline.world.warranty_chance import Chance, Floats, Ints
from touchline.world.warranty_diary import Diary
from touchline.world.warranty_parameters import WarrantyParameters
from touchline.world.warranty_people import TERM, Bools, People

NEVER = -1_000_000
"""The day of what has not been."""

DECIDES_FROM, DECIDES_UNTIL = 40, 1
"""Days before the term's end between which a customer decides."""


@dataclass(frozen=True)
class Contacts:
    """What was said to whom. Arrays of the same length.

    who           place in the people
    conversation  its name
    at            when, microseconds
    message_id    of the message, or None
    channel       email, post, phone
    """

    who: Ints
    conversation: npt.NDArray[np.object_]
    at: Ints
    message_id: npt.NDArray[np.object_]
    channel: npt.NDArray[np.object_]

    @staticmethod
    def none() -> Contacts:
        """Nothing was said."""
        nothing = np.array([], dtype=object)
        return Contacts(np.array([], dtype=np.int64), nothing, np.array([], dtype=np.int64), nothing, nothing)

    def only(self, mask: Bools) -> Contacts:
        """Those of the mask."""
        return Contacts(
            self.who[mask], self.conversation[mask], self.at[mask], self.message_id[mask], self.channel[mask]
        )


@dataclass
class Carried:
    """What each person carries from day to day; entries of arrays, in the people's order.

    goodwill, pressure, persuasion   as docs/explanation/world.md says
    term_start                       first day of the current term; NEVER without one
    gone                             left for good
    decides_on                       the day on which this term's decision is made; NEVER once it is
    leaving                          decided not to renew
    visit_on, claim                  day of the claim's last visit and of its report; NEVER without an open claim
    hurt_on, taken                   day of what was not made good yet, and the goodwill that it took; NEVER without one
    desk_on                          day on which the desk settles it; NEVER where it does not
    last_claim                       day of the report of the last claim visited
    lived                            how that visit was, in goodwill
    mails                            what the former tool sends a day; 0 for who opted out
    """

    goodwill: Floats
    pressure: Floats
    persuasion: Floats
    term_start: Ints
    gone: Bools
    decides_on: Ints
    leaving: Bools
    claim: Ints
    visit_on: Ints
    hurt_on: Ints
    taken: Floats
    desk_on: Ints
    last_claim: Ints
    lived: Floats
    mails: Floats


class Living:
    """Everybody, at the beginning of a day: what they carry, and how they are asked and written down."""

    def __init__(
        self,
        people: People,
        parameters: WarrantyParameters,
        chance: Chance,
        *,
        start: int,
        history: int,
        deaf: bool = False,
    ) -> None:
        self.people, self.parameters, self.chance = people, parameters, chance
        self.start, self.history = start, history
        self.diary = Diary(deaf=deaf)
        self.everybody = np.arange(len(people), dtype=np.int64)
        self.handles: Bools = people.contacts["handle"].is_not_null().to_numpy()
        self.visited = np.array([], dtype=np.int64)
        self.numbers = people.contacts["contract_no"].to_numpy()
        self.carried = self._begin()

    def _begin(self) -> Carried:
        count = len(self.people)
        never, zero = np.full(count, NEVER), np.zeros(count)
        goodwill = 0.25 * self.chance.normal("goodwill to begin with", 0, self.everybody)
        state = Carried(
            goodwill=goodwill, pressure=zero.copy(), persuasion=zero.copy(), term_start=never.copy(), gone=zero > 0, decides_on=never.copy(),
            leaving=zero > 0, claim=never.copy(), visit_on=never.copy(), hurt_on=never.copy(), taken=zero.copy(),
            desk_on=never.copy(), last_claim=never.copy(), lived=zero.copy(), mails=self.people.mails.copy(),
        )  # fmt: skip
        before = np.flatnonzero(self.people.join_day < 0)
        state.term_start[before] = (self.people.join_day[before] - 1) % TERM - TERM + 1
        self.carried = state
        self.decision_of(before)
        # Whose decision would have been before the first day decides in what is left of the term.
        late = before[state.decides_on[before] < 0]
        left = self.chance.of("what is left", 0, late) * (state.term_start[late] + TERM)
        state.decides_on[late] = left.astype(np.int64)
        return state

    def decision_of(self, who: Ints) -> None:
        """Draw the day on which each decides on the term that has begun."""
        c = self.carried
        earliest = c.term_start[who] + TERM - DECIDES_FROM
        for_term = np.zeros(len(who))
        for start in np.unique(c.term_start[who]):
            mine = c.term_start[who] == start
            for_term[mine] = self.chance.of("when they decide", int(start), who[mine])
        c.decides_on[who] = earliest + (for_term * (DECIDES_FROM - DECIDES_UNTIL)).astype(np.int64)
        c.leaving[who] = False

    @property
    def here(self) -> Bools:
        """Who has an agreement."""
        return (self.carried.term_start > NEVER) & ~self.carried.gone

    def moment(self, question: str, day: int, who: Ints) -> Ints:
        """A moment of the day for each: the world's day begins at ten, and nobody does anything between nine at night and eight."""
        hours = self.chance.of(f"moment: {question}", day, who) * 13.0
        awake = np.where(hours < 11.0, hours, hours + 11.0)
        moments: Ints = self.start + day * DAY + (awake * HOUR).astype(np.int64)
        return moments

    def say(self, sort: str, day: int, who: Ints) -> npt.NDArray[np.object_]:
        """A sentence of that sort for each, in their language."""
        if self.diary.deaf:
            return np.full(len(who), None, dtype=object)
        return words.choose(sort, self.people.german[who], self.chance.of(f"words: {sort}", day, who))

    def claim(self, who: Ints, *, last: bool = False) -> npt.NDArray[np.object_]:
        """The number of the claim that each has open, or of the last one that was visited."""
        day = self.carried.last_claim[who] if last else self.carried.claim[who]
        return self._numbers("C", day, who)

    def case(self, who: Ints) -> npt.NDArray[np.object_]:
        """The number of what was not made good yet for each."""
        return self._numbers("K", self.carried.hurt_on[who], who)

    def _numbers(self, letter: str, day: Ints, who: Ints) -> npt.NDArray[np.object_]:
        if self.diary.deaf:
            return np.full(len(who), None, dtype=object)
        text = pl.concat_str(
            pl.lit(letter),
            pl.Series(day).cast(pl.String),
            pl.lit("-"),
            pl.Series(who, dtype=pl.Int64).cast(pl.String).str.zfill(6),
        )
        numbers: npt.NDArray[np.object_] = (
            pl.select(pl.when(pl.Series(day > NEVER)).then(text)).to_series().to_numpy().astype(object)
        )
        return numbers
