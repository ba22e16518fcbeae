"""In: a playbook, a layout and an instant. Out: each measure's formula as a frame expression. Writes no interactions.

A formula reads columns of the folded state, and where it needs a window or a pairing, columns of a named part that
`deriving` joins. Weights, channels, departments, topics and promises come from the playbook here, at read time.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache, cached_property, reduce
from zoneinfo import ZoneInfo

import narwhals as nw

from touchline.interactions.catalogue import REACHED_BY
from touchline.interactions.preferences import language_of, zone_codes
from touchline.kernel import ids
from touchline.kernel.measures import SIDES
from touchline.kernel.times import DAY, from_micros
from touchline.playbook.compiled import Playbook, Trigger
from touchline.relationship import packing
from touchline.relationship.layout import (
    NOWHERE,
    Layout,
    done_of,
    episode_reading_of,
    episode_weight_of,
    raising,
    reading_of,
    weight_of,
)

SHRINKAGE = 1.0
"""k: an experience with little evidence lies near 0, and so does a balance of few points."""

LANGUAGES = 26 * 26
"""Codes of languages: two letters."""

Expr = nw.Expr


@dataclass(frozen=True)
class Formula:
    """How a measure is computed.

    value  over state columns, `draw`, `known:T` and `usable:T` of the identities, and columns of the parts
    parts  names of the parts to be joined
    reads  every column that the value reads
    finish what is made of the value once it stands beside the identities; None: the value itself. It keeps the state's
           columns from being joined for the sake of one of theirs
    """

    value: Expr
    parts: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    finish: Callable[[Expr], Expr] | None = None

    def finished(self, value: Expr) -> Expr:
        """The measure, of the value."""
        return value if self.finish is None else self.finish(value)


@dataclass(frozen=True)
class Formulas:
    """All formulas at one instant.

    at         microseconds
    reference  of the state's decayed sums
    zones      codes of the zones that anybody told; None: any that this machine knows
    languages  codes of the languages that anybody told; None: any
    read       columns that the formula now being made reads
    sums       weighted sums that formulas share, each under the name of its own column
    """

    playbook: Playbook
    layout: Layout
    at: int
    reference: int
    zones: frozenset[int] | None = None
    languages: frozenset[int] | None = None
    read: set[str] = field(default_factory=set)
    sums: dict[str, Expr] = field(default_factory=dict)

    def of(self, measure: str) -> Formula | None:
        """The measure's formula; None where the layout does not hold its columns, or a score table brings it."""
        group, _, member = measure.partition(".")
        self.read.clear()
        work = self._groups.get(group)
        formula = work(member) if work is not None else None
        return None if formula is None else replace(formula, reads=frozenset(self.read))

    @cached_property
    def year(self) -> int:
        """The year of the instant in the organisation's zone: the global holdout's recurrence."""
        return from_micros(self.at).astimezone(ZoneInfo(self.playbook.organisation.zone)).year

    @cached_property
    def _groups(self) -> dict[str, Callable[[str], Formula | None]]:
        return {
            "experience": self._experience,
            "care": self._care,
            "value": self._value,
            "dialogue": self._dialogue,
            "sum": self._sum,
            "contact": self._contact,
            "days_since": self._days_since,
            "count": self._count,
            "reach": lambda channel: Formula(self._reach(channel)),
            "suppressed": lambda channel: Formula(self._suppressed(channel)),
            "consent": lambda pair: self._consent(pair, "consent"),
            "evidence": lambda pair: self._consent(pair, "evidence"),
            "withdrawn": lambda pair: self._consent(pair, "withdrawn"),
            "prefers": self._prefers,
            "hand_raiser": lambda _: self._hand_raiser(),
            "tenure_days": lambda _: Formula(self._days(nw.coalesce(self._col("first:joined"), self._col("first")))),
            "days_to_renewal": lambda _: Formula(-self._days(self._col("renewal")), ("agreements",)),
            "topic": lambda _: Formula(self._topic()),
            "clock": self._clock,
            "arm": lambda member: Formula(self._arm() if member == "global" else self._assigned(), ("arms",)),
            "recency": self._recency,
            "trigger": self._trigger,
            "done": self._done,
            "programme": self._programme,
        }

    def _col(self, name: str) -> Expr:
        self.read.add(name)
        return nw.col(name)

    def _days(self, time: Expr) -> Expr:
        """Fractional days from a time to the instant."""
        return (self.at - time).cast(nw.Float64) / float(DAY)

    def _later(self, name: str, other: str) -> Expr:
        """Whether the first time is later than the second, or stands alone."""
        first, second = self._col(name), self._col(other)
        return (~first.is_null() & (second.is_null() | (first > second))).fill_null(False)

    @property
    def _scale(self) -> float:
        """What a decayed sum of the state weighs at the instant."""
        return math.exp2((self.reference - self.at) / self.layout.half_life)

    def _weight_at(self, place: str) -> float:
        return 1.0 if place == NOWHERE else self.playbook.touchpoints[place].weight

    def _sums(self, places: Iterable[str], side: str, episode: str | None = None) -> tuple[Expr, Expr]:
        """Sum w d and sum w d r over the places, at the instant: columns of `sums`, since formulas read them several times."""
        told = tuple(places)
        if episode is None:
            pairs = [(self._weight_at(p), weight_of(p, side), reading_of(p, side)) for p in told]
        else:
            pairs = [(self._weight_at(p), episode_weight_of(episode, p), episode_reading_of(episode, p)) for p in told]
        pairs = [pair for pair in pairs if pair[0]]
        names = []
        for place, kind in ((1, "w"), (2, "r")):
            self.read.update(str(pair[place]) for pair in pairs)
            name = f"sum:{kind}:{side}:{episode or ''}:{','.join(told)}"
            if name not in self.sums:
                terms = (nw.col(str(pair[place])).fill_null(0.0) * float(pair[0]) for pair in pairs)
                self.sums[name] = _total(terms) * self._scale
            names.append(name)
        return nw.col(names[0]), nw.col(names[1])

    def _shrunk(self, places: Iterable[str], side: str = "overall", episode: str | None = None) -> Formula:
        weight, reading = self._sums(places, side, episode)
        return Formula(nw.when(weight > 0).then(reading / (weight + SHRINKAGE)))

    def _experience(self, member: str) -> Formula | None:
        playbook = self.playbook
        if member in SIDES:
            return self._shrunk(self.layout.places, member)
        if member == "weight":
            return Formula(self._sums(self.layout.places, "overall")[0])
        if member == "n":
            return Formula(self._col("n").fill_null(0))
        if member == "last":
            return Formula(packing.reading_of(self._col("latest")))
        if member == "last_episode":
            return Formula(self._col("last_episode"), ("last_episode",))
        if member == "spread":
            return Formula(self._spread())
        if member in playbook.episodes:
            return self._shrunk(self.layout.places, episode=member) if member in self.layout.episode_types else None
        return self._shrunk(
            [t.name for t in playbook.touchpoints.values() if member in (t.name, t.channel, t.department)]
        )

    def _spread(self) -> Expr:
        """The larger of two weighted standard deviations of overall readings: between channels, and departments."""
        touchpoints = self.playbook.touchpoints.values()
        total_weight, total_reading = self._sums(self.layout.touchpoints, "overall")
        mean = _ratio(total_reading, total_weight)
        spreads = []
        for groups in ({t.channel for t in touchpoints}, {t.department for t in touchpoints}):
            weights, squares, seen = [], [], []
            for group in sorted(groups):
                weight, reading = self._sums(
                    [t.name for t in touchpoints if group in (t.channel, t.department)], "overall"
                )
                apart = _ratio(reading, weight) - mean
                weights.append(weight)
                squares.append((weight * apart * apart).fill_null(0.0))
                seen.append(nw.when(weight > 0).then(nw.lit(1.0)).otherwise(nw.lit(0.0)))
            deviation = _ratio(_total(squares), _total(weights)).sqrt()
            spreads.append(nw.when(_total(seen) > 1).then(deviation))
        return nw.max_horizontal(*spreads)

    def _care(self, member: str) -> Formula:
        if member == "missed":
            return Formula(self._col("missed").fill_null(0), ("missed",))
        unhealed = ~self._col("bad").is_null() & (
            self._col("resolved").is_null() | (self._col("resolved") <= self._col("bad"))
        )
        waiting = (self._col("open_cases").fill_null(0) > 0) | (self._col("overdue").fill_null(0) > 0)
        return Formula(waiting | unhealed.fill_null(False), ("cases", "questions"))

    def _value(self, member: str) -> Formula:
        if member != "balance":
            return Formula(self._points(member))
        given, asked = self._points("given"), self._points("asked")
        return Formula((given - asked) / (given + asked + SHRINKAGE))

    def _points(self, name: str) -> Expr:
        return self._col(name).fill_null(0.0) * self._scale

    def _dialogue(self, member: str) -> Formula:
        if member == "replied":
            return Formula(_ratio(self._col("replied").cast(nw.Float64), self._col("messages")), ("replies",))
        if member == "answered":
            return Formula(_ratio(self._col("in_time").cast(nw.Float64), self._col("settled")), ("questions",))
        return Formula(self._col(member).fill_null(0), ("questions",))

    def _sum(self, member: str) -> Formula:
        return Formula(self._col(member).fill_null(0).cast(nw.Float64) / float(self.playbook.organisation.minor_units))

    def _contact(self, member: str) -> Formula:
        return Formula(self._col(f"contact.{member}").fill_null(0), ("contacts",))

    def _days_since(self, member: str) -> Formula | None:
        if member == "encounter":
            return Formula(self._days(packing.time_of_place(self._col("encounter"))))
        if member == "opt_in":
            return Formula(self._days(self._col("last:opted_in")))
        if member == "term_start":
            return Formula(self._days(self._col("term_start")), ("agreements",))
        if member == "episode":
            return Formula(self._days(self._col("episode_start")), ("episodes",))
        return Formula(self._days(self._col(f"last:{member}"))) if member in self.layout.kinds else None

    def _count(self, kind: str) -> Formula | None:
        return Formula(self._col(f"count:{kind}").fill_null(0)) if kind in self.layout.kinds else None

    def _person_suppressed(self) -> Expr:
        return self._later("suppressed", "released")

    def _reach(self, channel: str) -> Expr:
        type_ = REACHED_BY.get(channel)
        return self._col(f"usable:{type_}") > 0 if type_ is not None else nw.lit(False)

    def _suppressed(self, channel: str) -> Expr:
        type_ = REACHED_BY.get(channel)
        if type_ is None:
            return self._person_suppressed()
        return self._person_suppressed() | ((self._col(f"known:{type_}") > 0) & (self._col(f"usable:{type_}") == 0))

    def _consent(self, pair: str, what: str) -> Formula | None:
        purpose, _, channel = pair.partition("_")
        if (purpose, channel) not in self.layout.consents:
            return None
        type_ = REACHED_BY.get(channel)
        if what != "withdrawn":
            holds = self._proven(purpose, channel) if what == "evidence" else self._granted(purpose, channel)
            return Formula(holds, finish=None if type_ is None else lambda held: held & _usable(type_))
        withdrawn, granted = ~self._col(f"withdrawn:{purpose}:{channel}").is_null(), self._granted(purpose, channel)
        if type_ is None:
            return Formula(withdrawn & ~granted)
        since = nw.when(granted).then(nw.lit(2)).otherwise(nw.lit(1))  # 2: given since, by an address yet to be judged
        told = nw.when(withdrawn).then(since).otherwise(nw.lit(0))
        return Formula(told, finish=lambda way: (way == 1) | ((way == 2) & ~_usable(type_)))

    def _granted(self, purpose: str, channel: str) -> Expr:
        """Whether the latest opt-in is later than every opt-out."""
        packed, withdrawn = self._col(f"granted:{purpose}:{channel}"), self._col(f"withdrawn:{purpose}:{channel}")
        later = withdrawn.is_null() | (packing.time_of_flag(packed) > withdrawn)
        return (~packed.is_null() & later).fill_null(False)

    def _proven(self, purpose: str, channel: str) -> Expr:
        """The same, where that opt-in came with evidence."""
        proven = packing.flag_of(self._col(f"granted:{purpose}:{channel}")) == 1
        return (self._granted(purpose, channel) & proven).fill_null(False)

    def _hand_raiser(self) -> Formula | None:
        """One bit for each type of address that a proven consent to marketing was given for."""
        pairs = raising(self.playbook)
        if not set(pairs) <= set(self.layout.consents):
            return None
        types = tuple(dict.fromkeys(REACHED_BY.get(channel) for _, channel in pairs))
        bits = []
        for number, type_ in enumerate(types):
            raised = [self._proven(p, c) for p, c in pairs if REACHED_BY.get(c) == type_]
            bits.append(nw.when(reduce(operator.or_, raised)).then(nw.lit(1 << number)).otherwise(nw.lit(0)))

        def finish(told: Expr) -> Expr:
            by_type = (
                (told // (1 << number) % 2 == 1) & (nw.lit(True) if type_ is None else _usable(type_))
                for number, type_ in enumerate(types)
            )
            return reduce(operator.or_, by_type, nw.lit(False))

        return Formula(reduce(operator.add, bits, nw.lit(0)), finish=finish)

    def _prefers(self, member: str) -> Formula | None:
        if member == "language":
            code = packing.value_of(self._col("prefers:language"))
            spoken = [c for c in range(LANGUAGES) if self.languages is None or c in self.languages]
            if not spoken:
                return Formula(nw.lit(None, nw.String))
            words = [language_of(number) for number in spoken]
            return Formula(code.replace_strict(spoken, words, default=None, return_dtype=nw.String))
        if member == "day_fits":
            bit = self._wall({place: 1 << weekday for place, (_, weekday) in self._clocks.items()})
            return Formula((packing.value_of(self._col("prefers:days")) // bit % 2 == 1).fill_null(True))
        if member == "hour_fits":
            return Formula(self._hour_fits())
        if member not in self.layout.preferences:
            return None
        told = packing.value_of(self._col(f"prefers:{member}"))
        if member == "max_per_week":
            return Formula(told)
        return Formula(told == 1) if member.startswith("topic_") else Formula((told == 1).fill_null(False))

    def _hour_fits(self) -> Expr:
        told, half = packing.value_of(self._col("prefers:hours")), self._clock("minute").value // 30
        first, last = told // 64, told % 64
        inside = (half >= first) & (half < last)
        over_night = (half >= first) | (half < last)
        return nw.when(first < last).then(inside).otherwise((first == last) | over_night).fill_null(True)

    def _clock(self, member: str) -> Formula:
        index = ("minute", "weekday").index(member)
        return Formula(self._wall({place: clock[index] for place, clock in self._clocks.items()}))

    def _wall(self, values: Mapping[int | None, int]) -> Expr:
        """A value for each zone code, that of None where the customer's zone is unknown."""
        home = values[None]
        known = {code: value for code, value in values.items() if code is not None}
        zone = packing.value_of(self._col("prefers:zone"))
        if not known:
            return nw.lit(home)
        told = zone.replace_strict(list(known), list(known.values()), default=home, return_dtype=nw.Int64)
        return told.fill_null(home)

    @cached_property
    def _clocks(self) -> dict[int | None, tuple[int, int]]:
        """(minute of the day, weekday) at the instant for each zone code, and for None in the organisation's zone."""
        local: dict[int | None, datetime] = {None: local_time(self.at, self.playbook.organisation.zone)}
        zones = known_zones()
        told = zones.keys() if self.zones is None else zones.keys() & self.zones
        local |= {code: local_time(self.at, zones[code]) for code in sorted(told)}
        return {code: (there.hour * 60 + there.minute, there.weekday()) for code, there in local.items()}

    def _topic(self) -> Expr:
        topics = [self.playbook.touchpoints[name].topic for name in self.layout.touchpoints]
        told = [(number, topic) for number, topic in enumerate(topics, start=1) if topic is not None]
        if not told:
            return nw.lit(None, nw.String)
        place = packing.place_of(self._col("encounter"))
        numbers, names = [number for number, _ in told], [topic for _, topic in told]
        return place.replace_strict(numbers, names, default=None, return_dtype=nw.String)

    def _arm(self) -> Expr:
        self.read.add("draw")
        drawn = _drawn(f"global:{self.year}", self.playbook.policies.holdout_global)
        return _arm_of(nw.coalesce(self._col("assigned"), drawn))

    def _assigned(self) -> Expr:
        return ~self._col("assigned").is_null()

    def _programme(self, member: str) -> Formula | None:
        name, _, what = member.rpartition(".")
        programme = self.playbook.programmes.get(name)
        if programme is None or not any(sequence.programme == name for sequence in self.layout.sequences):
            return None
        if what == "arm":
            salt, holdout = f"programme:{name}", programme.holdout
            return Formula(
                packing.flag_of(self._col(f"arm:{name}")),
                finish=lambda assigned: _arm_of(nw.coalesce(assigned, _drawn(salt, holdout))),
            )
        if what == "assigned":
            return Formula(packing.time_of_flag(self._col(f"arm:{name}")))
        if what == "entered":
            return Formula(self._col(f"entered:{name}"))
        if what == "days_since_entry":
            return Formula(self._days(self._col(f"entered:{name}")))
        stood = self._col(f"stood:{name}")
        place, since = packing.step_of(stood), packing.time_of_step(stood)
        if what == "since":
            return Formula(since)
        if what == "days_in_step":
            return Formula(nw.when(place != packing.LEFT).then(self._days(since)))
        return Formula(nw.when(place != packing.LEFT).then(place).otherwise(nw.lit(0)))

    def _done(self, conversation: str) -> Formula | None:
        kind = done_of(self.playbook).get(conversation)
        if kind is None:
            return Formula(nw.lit(None, nw.Int64))
        return Formula(self._col(f"done:{kind}:{conversation}")) if (kind, conversation) in self.layout.dones else None

    def _recency(self, conversation: str) -> Formula | None:
        known = conversation in self.layout.conversations
        return Formula(self._days(self._col(f"contact:{conversation}"))) if known else None

    def _trigger(self, conversation: str) -> Formula | None:
        talk = self.playbook.conversations.get(conversation)
        if talk is None or talk.trigger is None:
            return Formula(nw.lit(None, nw.Float64))
        trigger = talk.trigger
        if trigger.kind is not None:
            known = any(due.conversation == conversation for due in self.layout.dues)
            return Formula(self._days(self._col(f"due:{conversation}") + trigger.wait)) if known else None
        if trigger.of in ("term_start", "renewal"):
            return Formula(self._dated(self._col(trigger.of), trigger), ("agreements",))
        return (
            Formula(self._dated(self._col(f"first:{trigger.of}"), trigger))
            if trigger.of in self.layout.firsts
            else None
        )

    def _dated(self, day: Expr, trigger: Trigger) -> Expr:
        """Days since the date was due: once, or each `every` after it, the first time one `every` after."""
        since = self.at - day - trigger.at
        if trigger.every is None:
            return since.cast(nw.Float64) / float(DAY)
        rounds = since // trigger.every
        passed = nw.when(rounds < 1).then(nw.lit(1)).otherwise(rounds)
        return (since - passed * trigger.every).cast(nw.Float64) / float(DAY)


@cache
def known_zones() -> dict[int, str]:
    """Code -> zone, read from the machine's zone files once."""
    return zone_codes()


def local_time(at: int, zone: str) -> datetime:
    """The instant on the wall clock of a zone."""
    return from_micros(at).astimezone(ZoneInfo(zone))


def _drawn(salt: str, holdout: float) -> Expr:
    """0 for whoever falls into that share by their own draw of the salt, else 1."""
    factor, offset = ids.salted(salt)
    own = (nw.col("draw") * factor + offset) % ids.DRAW_RANGE
    return nw.when(own < int(holdout * ids.DRAW_RANGE)).then(nw.lit(0)).otherwise(nw.lit(1))


def _arm_of(treated: Expr) -> Expr:
    return nw.when(treated == 0).then(nw.lit("control")).otherwise(nw.lit("treated"))


def _usable(type_: str) -> Expr:
    return nw.col(f"usable:{type_}") > 0


def _total(terms: Iterable[Expr]) -> Expr:
    """The sum of terms that are never NULL; Polars adds in a chain several times as fast as by `sum_horizontal`."""
    return reduce(operator.add, terms, nw.lit(0.0))


def _ratio(part: Expr, whole: Expr) -> Expr:
    """NULL where the whole is 0 or unknown: engines differ on division by zero."""
    return nw.when(whole > 0).then(part / whole)
