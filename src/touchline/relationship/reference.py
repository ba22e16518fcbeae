"""In: one customer's interactions. Out: every measure of theirs, worked out row by row. Writes no interactions.

Plain and written apart from the frames on purpose: property tests hold the two together on every engine. For a few customers
it is also the quicker of the two; see `few`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from touchline.expressions import evaluate
from touchline.interactions.catalogue import KINDS, REACHED_BY
from touchline.interactions.preferences import language_of
from touchline.interactions.row import COMPLETION, HARD_BOUNCE, RESERVED
from touchline.kernel import ids
from touchline.kernel.measures import SIDES
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.playbook.compiled import Playbook, Touchpoint
from touchline.relationship.formulas import SHRINKAGE, known_zones, local_time
from touchline.relationship.layout import ENCOUNTERS, WINDOW, done_of, raising
from touchline.relationship.slices import ANSWER_WITHIN, OUTBOUND

Row = Mapping[str, Any]

_YEAR_OF_ARM = 367 * DAY


@dataclass(frozen=True)
class Persona:
    """One of the customer's personas, as recognition knows it."""

    persona_id: int
    type: str
    draw: int


@dataclass(frozen=True)
class Reading:
    """What one interaction felt like.

    touchpoint  the known touchpoint it is about; None where there is none
    episode     type of the episode it is about
    told_at     when it was told; `time` is what decay counts from
    weight      2^(-age / half-life), times the touchpoint's
    sides       the known ones of the seven
    """

    touchpoint: Touchpoint | None
    episode: str | None
    told_at: int
    time: int
    weight: float
    sides: Mapping[str, float]

    @property
    def worst(self) -> float:
        """The worse of emotional and tangible."""
        return min(self.sides[side] for side in ("emotional", "tangible") if side in self.sides)


class Evaluator:
    """One customer at one instant.

    rows      ledger rows of all their personas; columns that are not there are NULL
    personas  at least one
    scores    (published at, measure -> value) of published tables
    """

    def __init__(
        self,
        rows: Iterable[Row],
        personas: Sequence[Persona],
        playbook: Playbook,
        at: int,
        scores: Sequence[tuple[int, Mapping[str, Value]]] = (),
    ) -> None:
        self.playbook, self.at, self.personas, self.scores = playbook, at, personas, scores
        human = [row for row in rows if not row.get("machine") and row["occurred_at"] <= at]
        human.sort(key=lambda row: int(row["occurred_at"]))
        self.acts = [row for row in human if row.get("source") != COMPLETION]
        self.of_kind: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.acts:
            self.of_kind[row["kind"]].append(row)
        self.readings = [reading for row in human if (reading := self._reading(row)) is not None]
        self.recent = [row for row in self.acts if row["occurred_at"] > at - WINDOW]
        self.in_episodes = [
            row for row in human
            if row["occurred_at"] > at - WINDOW
            and row.get("episode_id") is not None and row.get("episode_type") is not None
        ]  # fmt: skip

    def measure(self, name: str) -> Value:
        """The measure's value; None is unknown."""
        group, _, member = name.partition(".")
        if name in self._scored:
            return self._score(name)
        work = _GROUPS.get(group)
        return work(self, member) if work is not None else None

    @property
    def _scored(self) -> set[str]:
        return {name for _, values in self.scores for name in values}

    def _score(self, name: str) -> Value:
        tables = [(at, values[name]) for at, values in self.scores if at <= self.at and name in values]
        newest = max((at for at, _ in tables), default=None)
        values = [value for at, value in tables if at == newest and value is not None]
        return max(values, default=None)

    def _reading(self, row: Row) -> Reading | None:
        sides = {name: float(row[name]) for name in SIDES[:5] if row.get(name) is not None}
        if not sides:
            return None
        principles = [value for name, value in sides.items() if name != "emotional"]
        if principles:
            sides["tangible"] = sum(principles) / len(principles)
        both = [sides[name] for name in ("emotional", "tangible") if name in sides]
        sides["overall"] = sum(both) / len(both)
        elsewhere = row.get("about") is not None
        touchpoint = self.playbook.touchpoints.get(row.get("about_touchpoint" if elsewhere else "touchpoint") or "")
        time = row["about_at"] if row.get("about_at") is not None else row["occurred_at"]
        weight = self._decay(time) * (touchpoint.weight if touchpoint else 1.0)
        episode = row.get("about_episode_type" if elsewhere else "episode_type")
        return Reading(touchpoint, episode, row["occurred_at"], time, weight, sides)

    def _decay(self, time: int) -> float:
        return math.exp2((time - self.at) / self.playbook.organisation.half_life)

    def _days(self, time: int | None) -> float | None:
        return None if time is None else (self.at - time) / DAY

    def _last(self, *kinds: str, where: Callable[[Row], bool] = lambda _: True) -> int | None:
        each = (next((row for row in reversed(self.of_kind.get(kind, ())) if where(row)), None) for kind in kinds)
        return max((row["occurred_at"] for row in each if row is not None), default=None)

    # experience

    def experience(self, member: str) -> Value:
        """SIDE, a place, weight, n, last, last_episode, spread."""
        if member in SIDES:
            return self._shrunk([(r.weight, r.sides[member]) for r in self.readings if member in r.sides])
        if member == "weight":
            return math.fsum(r.weight for r in self.readings)
        if member == "n":
            return len(self.readings)
        if member == "last":
            latest = max(self.readings, key=lambda r: (r.time // 1000, r.sides["overall"]), default=None)
            return None if latest is None else latest.sides["overall"]
        if member == "last_episode":
            return self._last_episode()
        if member == "spread":
            spreads = [self._spread(lambda t: t.channel), self._spread(lambda t: t.department)]
            return max((spread for spread in spreads if spread is not None), default=None)
        if member in self.playbook.episodes:
            return self._shrunk([(r.weight, r.sides["overall"]) for r in self.readings if r.episode == member])
        here = [r for r in self.readings if r.touchpoint and member in _names(r.touchpoint)]
        return self._shrunk([(r.weight, r.sides["overall"]) for r in here])

    @staticmethod
    def _shrunk(weighted: Sequence[tuple[float, float]]) -> float | None:
        total = math.fsum(weight for weight, _ in weighted)
        return math.fsum(w * r for w, r in weighted) / (total + SHRINKAGE) if total > 0 else None

    def _spread(self, group_of: Callable[[Touchpoint], str]) -> float | None:
        groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for reading in self.readings:
            if reading.touchpoint is not None and reading.weight > 0:
                groups[group_of(reading.touchpoint)].append((reading.weight, reading.sides["overall"]))
        if len(groups) < 2:
            return None
        sums = [(math.fsum(w for w, _ in g), math.fsum(w * r for w, r in g)) for g in groups.values()]
        total, mean = math.fsum(w for w, _ in sums), math.fsum(s for _, s in sums) / math.fsum(w for w, _ in sums)
        return math.sqrt(math.fsum(w * (s / w - mean) ** 2 for w, s in sums) / total)

    def _last_episode(self) -> float | None:
        closed = []
        for (type_, _), rows in self._episodes().items():
            rule = self.playbook.episodes.get(type_)
            felt = [(row["occurred_at"], float(row["emotional"])) for row in rows if row.get("emotional") is not None]
            ends = [
                row["occurred_at"] for row in rows
                if row.get("episode_closes")
                or (rule is not None and row.get("source") != COMPLETION and row["kind"] in rule.closed_by)
            ]  # fmt: skip
            silent = rows[-1]["occurred_at"] + (rule.idle_close if rule else WINDOW)
            end = max(ends) if ends else silent if silent <= self.at else None
            if end is None or not felt:
                continue
            peak = max((reading for _, reading in felt), key=lambda reading: (abs(reading), -reading))
            final = min(reading for time, reading in felt if time == felt[-1][0])
            closed.append((end, (peak + final) / 2))
        return max(closed)[1] if closed else None

    def _episodes(self) -> dict[tuple[str, str], list[Row]]:
        episodes: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.in_episodes:
            episodes[row["episode_type"], row["episode_id"]].append(row)
        return episodes

    # care and dialogue

    def care(self, member: str) -> Value:
        """due and missed."""
        policies = self.playbook.policies
        needs = [r.told_at for r in self.readings if r.worst <= policies.care_reading]
        healings = [row["occurred_at"] for row in self.acts if row["kind"] in policies.care_resolved_by]
        if member == "missed":
            allowed = policies.care_missed_after
            old = [need for need in needs if self.at - WINDOW < need <= self.at - allowed]
            return sum(not any(need < healing <= need + allowed for healing in healings) for need in old)
        unhealed = any(not any(healing > need for healing in healings) for need in needs)
        return unhealed or self._open_case() or any(overdue for _, overdue, _ in self._questions())

    def _open_case(self) -> bool:
        opened: dict[str, int] = {}
        resolved: dict[str, int] = {}
        for row in self.acts:
            if row["kind"] in ("case_opened", "case_resolved") and row.get("case_id") is not None:
                (opened if row["kind"] == "case_opened" else resolved)[row["case_id"]] = row["occurred_at"]
        return any(case not in resolved or resolved[case] < since for case, since in opened.items())

    def _questions(self) -> list[tuple[bool, bool, bool]]:
        """(open, overdue, answered in time) of each question of the last 365 days."""
        answers: dict[str, int] = {}
        for row in self.recent:
            if row["kind"] == "answered_to" and row.get("in_reply_to") is not None:
                answers.setdefault(row["in_reply_to"], row["occurred_at"])
        found = []
        for row in self.recent:
            if row["kind"] == "asked":
                touchpoint = self.playbook.touchpoints.get(row.get("touchpoint") or "")
                promises = (
                    [p.within for p in touchpoint.promises if p.from_kind == "asked" and p.within] if touchpoint else []
                )
                due = row["occurred_at"] + min(promises, default=ANSWER_WITHIN)
                answered = answers.get(row["id"])
                found.append(
                    (answered is None, answered is None and due < self.at, answered is not None and answered <= due)
                )
        return found

    def dialogue(self, member: str) -> Value:
        """open, overdue, answered, replied."""
        questions = self._questions()
        if member == "open":
            return sum(waiting for waiting, _, _ in questions)
        if member == "overdue":
            return sum(overdue for _, overdue, _ in questions)
        if member == "answered":
            settled = [in_time for waiting, overdue, in_time in questions if overdue or not waiting]
            return sum(settled) / len(settled) if settled else None
        named = {row.get("in_reply_to") for row in self.recent if row["kind"] == "replied"} - {None}
        messages: dict[str, bool] = defaultdict(bool)
        for row in self.recent:
            if row["kind"] in OUTBOUND and row.get("message_id") is not None:
                messages[row["message_id"]] |= row["message_id"] in named or row["id"] in named
        return sum(messages.values()) / len(messages) if messages else None

    def contact(self, member: str) -> Value:
        """Messages in the last N days by channel, purpose or `all`."""
        selector, days = self.playbook.measures.window(f"contact.{member}") or ("all", 0)
        number = 0
        for row in self.recent:
            touchpoint = self.playbook.touchpoints.get(row.get("touchpoint") or "")
            channel = row.get("channel") or (touchpoint.channel if touchpoint else None)
            if row["kind"] in OUTBOUND and row["occurred_at"] > self.at - days * DAY:
                number += selector in ("all", channel, row.get("purpose"))
        return number

    # value, time and life cycle

    def value(self, member: str) -> Value:
        """given, asked, balance."""
        given, asked = (
            math.fsum(
                float(row[name]) * self._decay(row["occurred_at"]) for row in self.acts if row.get(name) is not None
            )
            for name in ("given", "asked")
        )
        balance = (given - asked) / (given + asked + SHRINKAGE)
        return {"given": given, "asked": asked, "balance": balance}[member]

    def sum(self, member: str) -> Value:
        """revenue and cost in major units."""
        minor = math.fsum(row.get(f"{member}_minor") or 0 for row in self.acts)
        return minor / self.playbook.organisation.minor_units

    def count(self, kind: str) -> Value:
        """Interactions of a kind."""
        return len(self.of_kind.get(kind, ()))

    def days_since(self, member: str) -> Value:
        """A kind, encounter, opt_in, term_start, episode."""
        if member == "encounter":
            return self._days(self._last(*ENCOUNTERS))
        if member == "opt_in":
            return self._days(self._last("opted_in"))
        if member == "term_start":
            starts = [start for _, start in self._agreements() if start is not None]
            return self._days(max(starts, default=None))
        if member == "episode":
            return self._days(max((rows[0]["occurred_at"] for rows in self._episodes().values()), default=None))
        return self._days(self._last(member))

    def tenure_days(self, _: str) -> Value:
        """Since first joined, else since the first interaction that is no book-keeping."""
        joined = [row["occurred_at"] for row in self.acts if row["kind"] == "joined"]
        met = [
            row["occurred_at"] for row in self.acts
            if KINDS[row["kind"]].way != "administration" and row["kind"] != "assigned"
        ]  # fmt: skip
        return self._days(min(joined or met, default=None))

    def days_to_renewal(self, _: str) -> Value:
        """The soonest renewal of an agreement in force."""
        renewals = [renewal for renewal, _ in self._agreements() if renewal is not None]
        return (min(renewals) - self.at) / DAY if renewals else None

    def _agreements(self) -> list[tuple[int | None, int | None]]:
        """(renewal, start of the current term) of each agreement in force."""
        agreements: dict[str, list[Row]] = defaultdict(list)
        for row in self.acts:
            if row["kind"] in ("joined", "renewed", "left") and row.get("agreement_id") is not None:
                agreements[row["agreement_id"]].append(row)
        found = []
        for rows in agreements.values():
            began = [row for row in rows if row["kind"] != "left"]
            left = max((row["occurred_at"] for row in rows if row["kind"] == "left"), default=None)
            if not began or (left is not None and left >= began[-1]["occurred_at"]):
                continue
            newest = [row for row in began if row["occurred_at"] == began[-1]["occurred_at"]]
            renewal = max((row["renewal_at"] for row in newest if row.get("renewal_at") is not None), default=None)
            if renewal is not None and renewal < self.at:
                continue
            starts = [row["occurred_at"] if row.get("term_start") is None else row["term_start"] for row in began]
            found.append((renewal, max((start for start in starts if start <= self.at), default=None)))
        return found

    # permission and preference

    def _suppressed_person(self) -> bool:
        told = self._last("suppressed", where=lambda row: not _of_bounce(row))
        spam, released = self._last("reported_spam"), self._last("released", where=lambda row: not _of_bounce(row))
        return _later(max(filter(None, (told, spam)), default=None), released)

    def _usable(self, channel: str) -> list[bool]:
        """For each address of the channel, whether it can be used."""
        return [self._is_usable(p.persona_id) for p in self.personas if p.type == REACHED_BY.get(channel)]

    def _is_usable(self, persona_id: int) -> bool:
        def bounced(row: Row) -> bool:
            return row["persona_id"] == persona_id and _of_bounce(row)

        released = self._last("released", where=lambda row: row["persona_id"] == persona_id)
        return not _later(self._last("suppressed", "failed", where=bounced), released)

    def reach(self, channel: str) -> Value:
        """Whether an address of the channel is known and has not bounced."""
        return any(self._usable(channel))

    def suppressed(self, channel: str) -> Value:
        """Whether the person, or every address of the channel, is not to be used."""
        usable = self._usable(channel)
        return self._suppressed_person() or (bool(usable) and not any(usable))

    def _speaks_for(self, persona: Persona, channel: str) -> bool:
        """Whether its opt-in counts for the channel: that of an address which can be used there."""
        type_ = REACHED_BY.get(channel)
        return type_ is None or (persona.type == type_ and self._is_usable(persona.persona_id))

    def _permission(self, pair: str) -> tuple[int | None, bool, int | None]:
        purpose, _, channel = pair.partition("_")
        rows = [row for row in self.acts if row.get("purpose") == purpose and row.get("channel") == channel]
        own = {p.persona_id for p in self.personas if self._speaks_for(p, channel)}
        given = [row for row in rows if row["kind"] == "opted_in" and row["persona_id"] in own]
        grants = [(row["occurred_at"], row.get("evidence") is not None) for row in given]
        granted, proven = max(grants, default=(None, False))
        return granted, proven, max((row["occurred_at"] for row in rows if row["kind"] == "opted_out"), default=None)

    def consent(self, pair: str) -> Value:
        """Whether permission stands."""
        granted, _, withdrawn = self._permission(pair)
        return _later(granted, withdrawn)

    def evidence(self, pair: str) -> Value:
        """Whether permission stands and its latest grant is proven."""
        granted, proven, withdrawn = self._permission(pair)
        return _later(granted, withdrawn) and proven

    def withdrawn(self, pair: str) -> Value:
        """Whether permission was withdrawn and not given since."""
        granted, _, withdrawn = self._permission(pair)
        return withdrawn is not None and (granted is None or withdrawn >= granted)

    def hand_raiser(self, _: str) -> Value:
        """Whether a proven consent to marketing stands on any channel that conversations use."""
        return any(self.evidence(f"{purpose}_{channel}") for purpose, channel in raising(self.playbook))

    def _told(self, key: str) -> int | None:
        told = [
            (row["occurred_at"] // 1000, math.floor(row["answer"] + 0.5)) for row in self.acts
            if row["kind"] == "preferred" and row.get("name") == key
            and row.get("answer") is not None and 0 <= row["answer"] < 2**20 - 1
        ]  # fmt: skip
        return max(told)[1] if told else None

    def prefers(self, member: str) -> Value:
        """What they told us, and whether the instant suits it."""
        if member == "day_fits":
            days = self._told("days")
            return days is None or bool(days >> self._wall()[1] & 1)
        if member == "hour_fits":
            hours = self._told("hours")
            if hours is None:
                return True
            (first, last), half = divmod(hours, 64), self._wall()[0] // 30
            return first <= half < last if first < last else first == last or half >= first or half < last
        told = self._told(member)
        if member == "language":
            return None if told is None or told >= 26 * 26 else language_of(told)
        if member == "max_per_week":
            return told
        if member.startswith("topic_"):
            return None if told is None else told == 1
        return told == 1

    def _wall(self) -> tuple[int, int]:
        """Minute of the day and weekday on the customer's wall clock."""
        zone = known_zones().get(self._told("zone") or 0, self.playbook.organisation.zone)
        there = local_time(self.at, zone)
        return there.hour * 60 + there.minute, there.weekday()

    def clock(self, member: str) -> Value:
        """minute and weekday."""
        return self._wall()[0 if member == "minute" else 1]

    # conversations

    def topic(self, _: str) -> Value:
        """The topic of the touchpoint of the last encounter."""
        order = {name: number for number, name in enumerate(sorted(self.playbook.touchpoints), start=1)}
        met = [
            (row["occurred_at"], order.get(row.get("touchpoint") or "", 0))
            for row in self.acts
            if row["kind"] in ENCOUNTERS
        ]
        place = max(met)[1] if met else 0
        return next((self.playbook.touchpoints[name].topic for name, number in order.items() if number == place), None)

    def arm(self, member: str) -> Value:
        """The year's arm of the global holdout, and whether it is written."""
        year = local_time(self.at, self.playbook.organisation.zone).year
        assigned = [
            (row["occurred_at"], row.get("arm") != "control") for row in self.acts
            if row["kind"] == "assigned" and row.get("programme") == "global" and row.get("recurrence") == str(year)
            and row["occurred_at"] > self.at - _YEAR_OF_ARM
        ]  # fmt: skip
        if member == "assigned":
            return bool(assigned)
        return self._arm(assigned, f"global:{year}", self.playbook.policies.holdout_global)

    def _arm(self, assigned: Sequence[tuple[int, bool]], salt: str, holdout: float) -> str:
        """The earliest of (time, treated) written; else that of the smallest persona's own draw."""
        if assigned:
            return "treated" if min(assigned)[1] else "control"
        factor, offset = ids.salted(salt)
        own = (min(self.personas, key=lambda p: p.persona_id).draw * factor + offset) % 2**31
        return "control" if own < int(holdout * 2**31) else "treated"

    def programme(self, member: str) -> Value:
        """NAME.step, days_in_step, days_since_entry, arm, since, entered, assigned."""
        name, _, what = member.rpartition(".")
        programme = self.playbook.programmes.get(name)
        if programme is None:
            return None
        mine = [row for row in self.acts if row.get("programme") == name]
        assigned = [(row["occurred_at"], row.get("arm") != "control") for row in mine if row["kind"] == "assigned"]
        if what == "arm":
            return self._arm(assigned, f"programme:{name}", programme.holdout)
        if what == "assigned":
            return min(assigned)[0] if assigned else None
        stepped = [row for row in mine if row["kind"] == "stepped"]
        entered = max((row["occurred_at"] for row in stepped if row.get("reason") == "entered"), default=None)
        if what == "entered":
            return entered
        if what == "days_since_entry":
            return self._days(entered)
        places = [step.id for step in programme.steps]
        since, stands = max(((row["occurred_at"], _stands(row, places)) for row in stepped), default=(None, math.inf))
        if what == "since":
            return since
        if what == "days_in_step":
            return None if stands == math.inf else self._days(since)
        return 0 if stands == math.inf else int(stands)

    def done(self, conversation: str) -> Value:
        """When the act that completes the step of the conversation was last done; a reserved message is none yet."""
        kind = done_of(self.playbook).get(conversation)
        if kind is None:
            return None
        return self._last(
            kind, where=lambda row: row.get("conversation") == conversation and row.get("reason") != RESERVED
        )

    def recency(self, conversation: str) -> Value:
        """Days since the conversation was last had, or tried in vain other than by an address that bounced."""

        def tried(row: Row) -> bool:
            return row.get("conversation") == conversation and not (row["kind"] == "failed" and _of_bounce(row))

        return self._days(self._last(*OUTBOUND, "failed", where=tried))

    def trigger(self, conversation: str) -> Value:
        """Days since the conversation fell due."""
        talk = self.playbook.conversations.get(conversation)
        trigger = talk.trigger if talk is not None else None
        if trigger is None:
            return None
        if trigger.kind is not None:

            def starts(row: Row) -> bool:
                if trigger.touchpoint is not None and row.get("touchpoint") != trigger.touchpoint:
                    return False
                facts = {f"event.{name}": value for name, value in row.items()}
                return trigger.where is None or evaluate(trigger.where, _Facts(facts)) is True

            last = self._last(trigger.kind, where=starts)
            return None if last is None else (self.at - last - trigger.wait) / DAY
        if trigger.of == "term_start":
            day = max((start for _, start in self._agreements() if start is not None), default=None)
        elif trigger.of == "renewal":
            day = min((renewal for renewal, _ in self._agreements() if renewal is not None), default=None)
        else:
            day = min((row["occurred_at"] for row in self.acts if row["kind"] == trigger.of), default=None)
        if day is None:
            return None
        since = self.at - day - trigger.at
        return (since if trigger.every is None else since - max(1, since // trigger.every) * trigger.every) / DAY

    def stage(self, _: str) -> Value:
        """The first stage whose rule holds."""
        for stage in self.playbook.stages:
            if stage.when is None:
                return stage.name
            if evaluate(stage.when, {name: self.measure(name) for name in stage.when.names}) is True:
                return stage.name
        return None


class _Facts(dict[str, Value]):
    """A row's columns; those that it lacks are unknown."""

    def __missing__(self, key: str) -> Value:
        return None


def _stands(row: Row, steps: Sequence[str]) -> float:
    """The place of the step at which the row leaves the customer; endless where it is none that remains."""
    told = (row.get("name") or "").split(",")[1:-1]
    if not row.get("step") or not told:
        return math.inf
    own, *_ = told
    remaining = [place for place, step in enumerate(steps, start=1) if step in told]
    return float(steps.index(own) + 1 if own in steps else min(remaining, default=math.inf))


def _of_bounce(row: Row) -> bool:
    return bool(row.get("reason") == HARD_BOUNCE)


def _names(touchpoint: Touchpoint) -> tuple[str, str, str]:
    return touchpoint.name, touchpoint.channel, touchpoint.department


def _later(time: int | None, other: int | None) -> bool:
    return time is not None and (other is None or time > other)


_GROUPS: dict[str, Callable[[Evaluator, str], Value]] = {
    name: getattr(Evaluator, name)
    for name in (
        "experience", "care", "value", "dialogue", "sum", "contact", "days_since", "count", "reach", "suppressed",
        "consent", "evidence", "withdrawn", "prefers", "hand_raiser", "tenure_days", "days_to_renewal", "topic",
        "clock", "arm", "recency", "trigger", "programme", "done", "stage",
    )
}  # fmt: skip
