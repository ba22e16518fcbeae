"""Sequences as they are lived: a ledger, a tick, its steps written back, and the next tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from tests.decision.builder import AT, conversation, own, playbook, programme
from tests.decision.test_sequence import talk
from tests.relationship import lines
from touchline.decision.assigning import assignments
from touchline.decision.deciding import decide
from touchline.decision.explaining import Explanation, explain
from touchline.decision.plan import compile_plan
from touchline.decision.priority import Propensity
from touchline.decision.proposing import proposals
from touchline.decision.sequence import advance, steps
from touchline.decision.tables import tables
from touchline.kernel.engines import Engine
from touchline.kernel.times import DAY, HOUR
from touchline.playbook.compiled import Branch, Conversation, Playbook, Policies, Programme, Step
from touchline.relationship.folding import fold
from touchline.relationship.layout import Layout
from touchline.relationship.reference import Persona
from touchline.relationship.refreshing import Held, relationships
from touchline.relationship.slices import cut

ENGINE = Engine("polars")
CALL, LETTER, MAIL, THANKS = "call", "letter", "mail", "thanks"


def renewal(**told: Any) -> Programme:
    """Call within 7 days, letter within 48 hours of it, two weeks' pause, mail within a week."""
    chosen: dict[str, Any] = {"enter": "count.joined > 0", "exit": "days_since.left <= 60", "holdout": 0.0}
    return programme(
        "renewal",
        replace(talk(CALL, "called", within=7 * DAY), id="by_phone"),
        talk(LETTER, within=48 * HOUR),
        Step("pause", 0, wait=14 * DAY),
        talk(MAIL, within=7 * DAY),
        **(chosen | told),
    )


def book(*programmes: Programme, policies: Policies | None = None) -> Playbook:
    said = {step.conversation for p in programmes for step in p.steps if step.conversation is not None}
    talks: list[Conversation] = [conversation(name, "care", audience="TRUE", topic=None) for name in sorted(said)]
    chosen = policies or Policies(holdout_global=0.0, one_a_day=(2, 3, 4, 5))
    return playbook(*talks, policies=chosen, programmes=programmes)


@dataclass
class Ledger:
    """Rows, and who is who; `tick` decides at an instant and writes steps and arms back, as the worker does."""

    book: Playbook
    people: dict[int, list[Persona]] = field(default_factory=lambda: {1: [Persona(1, "email", 7)]})
    rows: list[dict[str, Any]] = field(default_factory=list)
    ends: list[int | None] = field(default_factory=list)
    """When what the last tick proposed expires."""

    def __post_init__(self) -> None:
        for customer in self.people:
            self.add("joined", AT - 400 * DAY, customer, agreement_id="a")
            for own_persona in self.people[customer]:
                self.add(
                    "opted_in", AT - 400 * DAY, own_persona.persona_id, purpose="care", channel="email", evidence="{}"
                )

    def add(self, kind: str, at: int, persona: int = 1, **columns: Any) -> None:
        self.rows.append(lines.interaction(kind, at, persona_id=persona, id=f"r{len(self.rows)}", **columns))

    def say(self, name: str, at: int, persona: int = 1, kind: str = "sent", **columns: Any) -> None:
        told = {"message_id": f"m{len(self.rows)}", "conversation": name, "purpose": "care", "channel": "email"}
        self.add(kind, at, persona, identifier="a@x", **told, **columns)

    def frame(self, at: int) -> pl.DataFrame:
        plan, layout = compile_plan(self.book), Layout.of(self.book)
        known = [row for row in self.rows if row["occurred_at"] <= at]
        state = fold(lines.frame(ENGINE, known), layout, layout.reference(at))
        held = Held(state, cut(lines.frame(ENGINE, known), layout, at), at, 1)
        people = lines.people(self.people)
        return ENGINE.collect(relationships(held, people, self.book, ENGINE, wanted=plan.measures)).sort("customer")

    def tick(self, at: int) -> list[str]:
        """What is proposed, after steps and arms are in the ledger; one customer's only where there is one."""
        plan, frame = compile_plan(self.book), self.frame(at)
        made = tables(plan, Propensity(), ENGINE)
        decided = ENGINE.collect(decide(ENGINE.lazy(frame), plan, made, at))
        proposed = ENGINE.collect(proposals(ENGINE.lazy(decided), plan, made, at)).sort("customer")
        moved = ENGINE.collect(advance(ENGINE.lazy(frame), plan, at))
        assert sorted(moved.filter(pl.col("moved") == 1)["customer"]) == sorted(
            decided.filter(pl.col("moved") == 1)["customer"]
        )
        for row in ENGINE.collect(steps(ENGINE.lazy(moved), plan, at)).iter_rows(named=True):
            told = {k: row[k] for k in ("programme", "recurrence", "step", "name", "reason")}
            self.add("stepped", row["occurred_at"], row["customer"], **told)
        due = assignments(ENGINE.lazy(decided), plan, at)
        for row in [] if due is None else ENGINE.collect(due).iter_rows(named=True):
            self.add("assigned", at, row["customer"], **{k: row[k] for k in ("programme", "recurrence", "arm")})
        self.ends = proposed["expires_at"].to_list()
        return proposed["conversation"].to_list()

    def stepped(self, persona: int | None = None) -> list[tuple[int, str, int]]:
        """(place, reason, instant) of every step that was written, in order of writing."""
        rows = [row for row in self.rows if row["kind"] == "stepped" and persona in (None, row["persona_id"])]
        return [(row["step"], row["reason"], row["occurred_at"]) for row in rows]

    def explained(self, at: int) -> list[Explanation]:
        plan = compile_plan(self.book)
        return [explain(row, plan, Propensity(), at) for row in self.frame(at).iter_rows(named=True)]

    def stands(self, at: int) -> list[str | None]:
        """The step id where each customer stands after a tick at that instant."""
        return [explanation.programmes[0].step for explanation in self.explained(at)]


def test_a_sequence_goes_from_the_call_to_the_last_mail_at_the_instants_at_which_things_happened() -> None:
    ledger = Ledger(book(renewal()))
    assert ledger.tick(AT) == [CALL]
    ledger.say(CALL, AT + 2 * DAY, kind="called", reason="reached")
    assert ledger.tick(AT + 2 * DAY + HOUR) == []  # one a day
    assert ledger.tick(AT + 3 * DAY) == [LETTER]
    ledger.say(LETTER, AT + 3 * DAY + HOUR)
    assert ledger.tick(AT + 4 * DAY) == []
    assert ledger.tick(AT + 17 * DAY + 2 * HOUR) == [MAIL]
    ledger.say(MAIL, AT + 18 * DAY)
    assert ledger.tick(AT + 19 * DAY) == []
    assert ledger.stepped() == [
        (1, "entered", AT),
        (2, "done", AT + 2 * DAY),
        (3, "done", AT + 3 * DAY + HOUR),
        (4, "waited", AT + 17 * DAY + HOUR),
        (0, "finished", AT + 18 * DAY),
    ]
    assert ledger.tick(AT + 40 * DAY) == []
    assert len(ledger.stepped()) == 5  # once


def test_a_held_step_waits_inside_its_time_and_is_said_when_nothing_holds_it_any_more() -> None:
    policies = Policies(holdout_global=0.0, own=(own("not_now", "COALESCE(days_since.complained, 999) < 3"),))
    ledger = Ledger(book(renewal(), policies=policies))
    ledger.add("complained", AT - DAY)
    assert ledger.tick(AT) == []
    (explained,) = ledger.explained(AT + DAY)
    assert explained.programmes[0].step == "by_phone"
    assert [a.policy for a in explained.candidates[0].policies if a.blocks] == ["own.not_now"]
    assert ledger.tick(AT + DAY) == []
    assert ledger.stepped() == [(1, "entered", AT)]
    assert ledger.tick(AT + 3 * DAY) == [CALL]


def test_a_step_that_was_held_until_its_time_was_over_is_skipped_at_that_very_instant() -> None:
    policies = Policies(holdout_global=0.0, own=(own("never", "count.joined > 0"),))
    ledger = Ledger(book(renewal(), policies=policies))
    ledger.tick(AT)
    ledger.tick(AT + 7 * DAY - 1)
    assert ledger.stepped() == [(1, "entered", AT)]
    ledger.tick(AT + 8 * DAY)
    assert ledger.stepped()[1:] == [(2, "skipped", AT + 7 * DAY)]


def test_a_letter_within_48_hours_is_not_sent_once_the_48_hours_have_passed() -> None:
    ledger = Ledger(book(renewal()))
    ledger.tick(AT)
    called = AT + DAY
    ledger.say(CALL, called, kind="called")
    ledger.tick(called)
    assert ledger.stands(called + 48 * HOUR - 1) == [LETTER]
    assert ledger.tick(called + 48 * HOUR) == []
    assert ledger.stands(called + 48 * HOUR) == ["pause"]
    assert ledger.stepped()[-1] == (3, "skipped", called + 48 * HOUR)
    assert ledger.tick(called + 60 * HOUR) == []
    # What follows is counted from when the time was over, however late the tick came.
    ledger.tick(called + 30 * DAY)
    assert ledger.stepped()[-2:] == [(4, "waited", called + 16 * DAY), (0, "finished", called + 23 * DAY)]


def test_what_is_proposed_inside_its_time_expires_at_the_very_instant_at_which_the_step_is_missed() -> None:
    ledger = Ledger(book(renewal()))
    assert ledger.tick(AT) == [CALL]
    assert ledger.ends == [AT + 7 * DAY]
    called = AT + DAY
    ledger.say(CALL, called, kind="called")
    assert ledger.tick(called + 47 * HOUR) == [LETTER]
    assert ledger.ends == [called + 48 * HOUR]
    ledger.tick(called + 48 * HOUR)
    assert ledger.stepped()[-1] == (3, "skipped", ledger.rows[-1]["occurred_at"])
    assert ledger.rows[-1]["occurred_at"] == called + 48 * HOUR


def test_a_late_call_counts_while_nobody_has_moved_on_and_changes_nothing_once_they_have() -> None:
    both = Ledger(book(renewal())), Ledger(book(renewal()))
    for ledger in both:
        ledger.tick(AT)
    seen, unseen = both
    # The row of a call made in time comes a day after the time was over: one ledger had a tick in between.
    seen.tick(AT + 7 * DAY)
    for ledger in both:
        ledger.say(CALL, AT + 6 * DAY, kind="called")
        ledger.tick(AT + 8 * DAY)
    assert unseen.stepped()[1:] == [(2, "done", AT + 6 * DAY), (3, "skipped", AT + 8 * DAY)]
    assert seen.stepped()[1:] == [(2, "skipped", AT + 7 * DAY)]


def test_a_reserved_message_is_not_said_again_and_completes_no_step() -> None:
    ledger = Ledger(book(renewal()))
    assert ledger.tick(AT) == [CALL]
    ledger.say(CALL, AT, kind="sent", reason="reserved")
    assert ledger.tick(AT) == []
    assert ledger.tick(AT + DAY) == []
    assert ledger.stepped() == [(1, "entered", AT)]


def test_a_step_that_is_done_when_it_has_arrived_waits_for_that_and_not_for_the_sending() -> None:
    ledger = Ledger(book(programme("renewal", talk(MAIL, "delivered"), talk(THANKS), exit=None, holdout=0.0)))
    assert ledger.tick(AT) == [MAIL]
    ledger.say(MAIL, AT + HOUR)
    assert ledger.tick(AT + 2 * DAY) == []
    assert ledger.stands(AT + 2 * DAY) == [MAIL]
    ledger.say(MAIL, AT + 3 * DAY, kind="delivered")
    assert ledger.tick(AT + 4 * DAY) == [THANKS]
    assert ledger.stepped() == [(1, "entered", AT), (2, "done", AT + 3 * DAY)]


def test_a_step_that_is_entered_again_is_not_done_by_what_was_said_the_first_time() -> None:
    again = renewal(recurs="every", recurs_every=90 * DAY)
    ledger = Ledger(book(again))
    ledger.tick(AT)
    ledger.say(CALL, AT + DAY, kind="called")
    ledger.tick(AT + 60 * DAY)
    assert ledger.stepped()[-1] == (0, "finished", AT + 24 * DAY)
    assert ledger.tick(AT + 90 * DAY - 1) == []
    assert ledger.tick(AT + 90 * DAY) == [CALL]
    assert ledger.stepped()[-1] == (1, "entered", AT + 90 * DAY)
    assert ledger.stands(AT + 91 * DAY) == ["by_phone"]
    entries = {row["recurrence"] for row in ledger.rows if row["kind"] == "stepped"}
    assert entries == {str(AT), str(AT + 90 * DAY)}
    assert len([row for row in ledger.rows if row["kind"] == "assigned" and row["programme"] == "renewal"]) == 1


def test_an_exit_ends_the_sequence_where_it_stands() -> None:
    ledger = Ledger(book(renewal()))
    ledger.tick(AT)
    ledger.add("left", AT + DAY, agreement_id="a")
    assert ledger.tick(AT + 2 * DAY) == []
    assert ledger.stepped()[1:] == [(0, "exited", AT + 2 * DAY)]
    assert ledger.tick(AT + 3 * DAY) == []


def test_two_programmes_that_want_the_same_customer_take_turns_and_both_go_on() -> None:
    other = programme("welcome", talk(THANKS, within=5 * DAY), exit=None, holdout=0.0)
    ledger = Ledger(book(renewal(), other))
    said = []
    for day in range(3):
        at = AT + day * (DAY + HOUR)
        (name,) = ledger.tick(at)
        ledger.say(name, at, kind="called" if name == CALL else "sent")
        assert ledger.tick(at + HOUR) == []  # one a day: the other waits inside its time
        said.append(name)
    assert said == [CALL, LETTER, THANKS]  # of equal ones that of the first name goes
    programmes = {row["programme"] for row in ledger.rows if row["kind"] == "assigned"} - {"global"}
    assert programmes == {"renewal", "welcome"}


def test_whoever_two_programmes_wanted_may_miss_the_time_of_one() -> None:
    other = programme("welcome", talk(THANKS, within=12 * HOUR, otherwise="exit"), exit=None, holdout=0.0)
    ledger = Ledger(book(renewal(), other))
    assert ledger.tick(AT) == [CALL]  # of two equal ones that of the first name goes
    ledger.say(CALL, AT, kind="called")
    assert ledger.tick(AT + 2 * DAY) == []  # the letter's 48 hours are over as well
    assert (0, "exited", AT + 12 * HOUR) in ledger.stepped()


def edited(drop: Callable[[Step], bool], more: Sequence[Step] = ()) -> Playbook:
    kept = [step for step in renewal().steps if not drop(step)]
    return book(replace(renewal(), steps=tuple(replace(s, place=n) for n, s in enumerate([*more, *kept], start=1))))


def thousands(number: int = 3000) -> Ledger:
    """Customers who all stand in the pause, entered ten days ago."""
    ledger = Ledger(book(renewal()), {n: [Persona(n, "email", n * 7919 % 2**31)] for n in range(1, number + 1)})
    for n in range(1, number + 1):
        entry = {"programme": "renewal", "recurrence": str(AT - 10 * DAY)}
        ledger.add("assigned", AT - 10 * DAY, n, programme="renewal", arm="treated")
        ledger.add("stepped", AT - 10 * DAY, n, step=1, reason="entered", name=",by_phone,letter,pause,mail,", **entry)
        ledger.add("stepped", AT - 9 * DAY, n, step=3, reason="skipped", name=",pause,mail,", **entry)
    return ledger


def test_thousands_who_stand_in_the_middle_of_a_playbook_that_is_edited_go_to_the_next_step_that_remains() -> None:
    ledger = thousands()
    assert set(ledger.stands(AT)) == {"pause"}
    ledger.book = edited(lambda step: step.id == "pause")
    assert set(ledger.stands(AT - 3 * DAY)) == {MAIL}
    assert set(ledger.tick(AT - 3 * DAY)) == {MAIL}
    assert len(ledger.stepped()) == 6000  # nobody entered again, nobody was moved by a row
    ledger.tick(AT)
    assert {row[1:] for row in ledger.stepped()[6000:]} == {("finished", AT - 2 * DAY)}


def test_a_step_put_in_before_or_taken_from_behind_them_moves_nobody() -> None:
    ledger = thousands(50)
    ledger.book = edited(lambda step: step.id == "letter", [talk(THANKS)])
    assert set(ledger.stands(AT)) == {"pause"}
    ledger.tick(AT + 5 * DAY)
    assert {row[:2] for row in ledger.stepped()[100:]} == {(4, "waited")}


def test_whoever_stands_where_nothing_remains_has_left_and_does_not_come_again() -> None:
    ledger = thousands(50)
    ledger.book = edited(lambda step: step.id in ("pause", MAIL))
    assert set(ledger.stands(AT)) == {None}
    ledger.tick(AT)
    assert len(ledger.stepped()) == 100


def test_a_customer_linked_to_another_in_mid_sequence_goes_on_as_one_and_apart_again_as_each() -> None:
    one, other = Persona(1, "email", 7), Persona(2, "email", 8)
    ledger = Ledger(book(renewal()), {1: [one], 2: [other]})
    ledger.tick(AT)
    ledger.say(CALL, AT + DAY, 1, kind="called")
    ledger.tick(AT + DAY)
    assert ledger.stands(AT + DAY) == [LETTER, "by_phone"]
    ledger.people = {1: [one, other]}
    assert ledger.stands(AT + DAY) == [LETTER]
    assert ledger.tick(AT + 2 * DAY + HOUR) == [LETTER]
    ledger.say(LETTER, AT + 2 * DAY + HOUR, 2)  # to the other's address
    ledger.tick(AT + 2 * DAY + 2 * HOUR)
    assert ledger.stands(AT + 3 * DAY) == ["pause"]
    arms = {
        row["persona_id"]: row["arm"]
        for row in ledger.rows
        if row["kind"] == "assigned" and row["programme"] == "renewal"
    }
    assert set(arms) == {1, 2}
    ledger.people = {1: [one], 2: [other]}
    # What was written while they were linked stays with the smaller persona, the letter with the address that got it.
    assert ledger.stands(AT + 3 * DAY) == ["pause", "by_phone"]


def test_a_linked_customer_keeps_the_earliest_arm_of_their_personas() -> None:
    one, other = Persona(1, "email", 7), Persona(2, "email", 8)
    ledger = Ledger(book(renewal(holdout=1.0)), {1: [one, other]})
    ledger.add("assigned", AT - 3 * DAY, 2, programme="renewal", arm="treated")
    ledger.add("assigned", AT - 2 * DAY, 1, programme="renewal", arm="control")
    (explained,) = ledger.explained(AT)
    assert (explained.programmes[0].arm, explained.programmes[0].assigned) == ("treated", AT - 3 * DAY)
    ledger.people = {1: [one], 2: [other]}
    assert [e.programmes[0].arm for e in ledger.explained(AT)] == ["control", "treated"]


def test_an_arm_is_kept_when_the_share_that_is_held_out_is_edited() -> None:
    ledger = Ledger(book(renewal()))
    ledger.tick(AT)
    ledger.book = book(renewal(holdout=1.0))
    assert ledger.explained(AT + DAY)[0].programmes[0].arm == "treated"
    assert ledger.tick(AT + DAY) == [CALL]


def test_a_branch_leads_on_or_out_by_the_facts_of_its_tick() -> None:
    split = Step(
        "split",
        0,
        branches=(
            Branch(own("thanked", "count.praised > 0").blocks, 4),
            Branch(own("angry", "count.complained > 0").blocks, 0),
            Branch(None, 3),
        ),
    )
    made = programme("renewal", Step("pause", 0, wait=DAY), split, talk(MAIL), talk(THANKS), exit=None, holdout=0.0)
    ledger = Ledger(book(made), {n: [Persona(n, "email", n)] for n in (1, 2, 3)})
    ledger.add("praised", AT, 2, touchpoint="account_email")
    ledger.add("complained", AT, 3, touchpoint="account_email")
    ledger.tick(AT)
    assert ledger.tick(AT + 2 * DAY) == [MAIL, THANKS]
    assert [ledger.stepped(n)[-1] for n in (1, 2, 3)] == [
        (3, "branched", AT + DAY), (4, "branched", AT + DAY), (0, "exited", AT + DAY),
    ]  # fmt: skip
