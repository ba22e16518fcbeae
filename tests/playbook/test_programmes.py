"""A programme that cannot be gone through is a fault; one that can is compiled to places, microseconds and conditions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.playbook import hearth
from touchline import playbook
from touchline.decision.purposes import TABLE
from touchline.expressions import ExpressionFault
from touchline.kernel.measures import column, measure
from touchline.kernel.times import DAY, HOUR
from touchline.kernel.types import Type
from touchline.playbook.checking.programmes import NEVER_HELD_OUT
from touchline.playbook.compiled import END, Playbook, Programme, Step

FILE = "playbook/programmes/renewal.yaml"
SECOND = "playbook/programmes/winback.yaml"
AUDIENCES = "playbook/audiences.yaml"
PHONE = "playbook/conversations/renewal_call.yaml"

WINBACK = """\
name: winback
enter: "stage = 'lapsed' AND programme.renewal.step = 0"
recurs: every 365 d
steps:
  - {id: note, conversation: anniversary}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    return playbook.load(hearth.write(tmp_path_factory.mktemp("hearth"), {SECOND: WINBACK}))


def _step(compiled: Playbook, id_: str) -> Step:
    return next(step for step in compiled.programmes["renewal"].steps if step.id == id_)


def test_the_specifications_programme_is_compiled_with_places_and_microseconds(compiled: Playbook) -> None:
    renewal = compiled.programmes["renewal"]
    assert [(step.id, step.place) for step in renewal.steps] == [
        ("call", 1), ("letter", 2), ("pause", 3), ("split", 4), ("reminder", 5), ("until_renewed", 6), ("thanks", 7),
    ]  # fmt: skip
    assert (renewal.recurs, renewal.recurs_every, renewal.holdout) == ("term", None, 0.1)
    assert renewal.goal is not None
    assert (renewal.goal.kind, renewal.goal.within) == ("renewed", 90 * DAY)
    assert set(renewal.enter.names) == {"stage", "days_to_renewal"}
    assert renewal.exit is not None
    call, letter = _step(compiled, "call"), _step(compiled, "letter")
    assert (call.conversation, call.done, call.within, call.otherwise) == ("renewal_call", "called", 7 * DAY, "skip")
    assert (letter.done, letter.wait, letter.within) == ("sent", 0, 48 * HOUR)
    assert (_step(compiled, "pause").wait, _step(compiled, "pause").conversation) == (14 * DAY, None)
    until = _step(compiled, "until_renewed")
    assert until.until is not None
    assert (until.at_most, until.otherwise) == (60 * DAY, "exit")


def test_a_branch_goes_to_the_place_of_a_later_step_or_leaves(compiled: Playbook) -> None:
    branches = _step(compiled, "split").branches
    assert [branch.go for branch in branches] == [7, END, 5]
    assert [branch.when is None for branch in branches] == [False, False, True]


def test_a_step_that_does_not_say_what_completes_it_is_done_when_said(compiled: Playbook, tmp_path: Path) -> None:
    (note,) = compiled.programmes["winback"].steps
    assert (note.done, note.within, note.otherwise) == ("sent", None, "skip")
    assert (compiled.programmes["winback"].recurs, compiled.programmes["winback"].recurs_every) == ("every", 365 * DAY)
    phone = playbook.load(hearth.write(tmp_path, hearth.replaced(FILE, "    done: called\n", "")))
    assert phone.programmes["renewal"].steps[0].done == "called"


def test_a_wait_after_the_step_before_is_the_steps_own(tmp_path: Path) -> None:
    changed = playbook.load(hearth.write(tmp_path, hearth.replaced(FILE, "wait: 0 h", "wait: 6 h")))
    assert changed.programmes["renewal"].steps[1].wait == 6 * HOUR


def test_what_a_programme_knows_of_a_customer_are_typed_measures(compiled: Playbook) -> None:
    types = {
        "step": Type.INTEGER,
        "days_in_step": Type.NUMBER,
        "arm": Type.TEXT,
        "since": Type.TIME,
        "entered": Type.TIME,
    }
    for member, type_ in types.items():
        name = f"programme.renewal.{member}"
        assert compiled.measures.type_of(name) is type_
        assert measure(column(name)) == name
    assert compiled.measures.type_of("programme.other.step") is None
    assert playbook.condition("programme.winback.days_in_step > 3", compiled).type is Type.BOOLEAN
    with pytest.raises(ExpressionFault, match="treated"):
        playbook.condition("programme.renewal.arm = 'treatd'", compiled)


def test_a_column_of_a_programme_with_two_underscores_finds_its_measure_again() -> None:
    assert measure(column("programme.old__new.days_in_step")) == "programme.old__new.days_in_step"


def test_purposes_that_are_said_to_everybody_are_those_of_the_policies() -> None:
    assert set(NEVER_HELD_OUT) == {purpose.name for purpose in TABLE.values() if not purpose.held_out}


@pytest.mark.parametrize(
    ("old", "new", "at", "what", "remedy"),
    [
        ("name: renewal\n", "name: global\n", "name: global", "`global` is the name of the holdout", "another name"),
        ("name: renewal\n", "name: Renewal!\n", "name: Renewal!", "`Renewal!` cannot be a name", "small letters"),
        ("name: renewal\n", "nam: renewal\n", "nam: renewal", "`nam` is not a key of this file", "`name`"),
        ("stage = 'renewal'", "stage = 'renewl'", "enter:", "`renewl` is not a stage", "`renewal`"),
        ("care.due", "care.du", "exit:", "care.du", "care.due"),
        ("holdout: 0.1", "holdout: 1", "holdout:", "`holdout` is not below 1", "below 1"),
        ("holdout: 0.1", "holdout: -1", "holdout:", "`holdout` is below 0", "0 or more"),
        ("goal: {kind: renewed, within: 90 d}\n", "", "holdout:", "has no `goal`", "`holdout` of 0"),
        ("kind: renewed", "kind: renewd", "goal:", "`renewd` is not a kind of interaction", "`renewed`"),
        ("recurs: per agreement term", "recurs: yearly", "recurs:", "does not say how often", "`once`"),
        ("id: letter", "id: call", "- id: call\n    conversation: renewal_letter", "id of another step", "another id"),
        ("id: until_renewed", "id: end", "- id: end", "a branch goes that leaves", "another id"),
        ("conversation: renewal_letter", "conversation: renewal_leter", "conversation: renewal_leter",
         "`renewal_leter` is not a conversation", "`renewal_letter`"),
        ("conversation: renewal_letter", "conversation: renewal_reminder", "conversation: renewal_reminder\n    done: sent\n    within: 7 d",
         "`renewal_reminder` is said by another step already", "of its own"),
        ("done: called", "done: opened", "done: opened", "`opened` is not allowed", "called, delivered, sent"),
        ("done: called", "done: sent", "done: sent", "a call, which is never `sent`", "`done: called`"),
        ("done: sent\n    after", "done: called\n    after", "done: called\n    after", "no call, and is never `called`", "`done: sent`"),
        ("within: 7 d\n    else: skip\n  - id: letter", "else: skip\n  - id: letter", "else: skip",
         "`else` that never comes", "Add `within`"),
        ("    at_most: 60 d\n", "", "else: exit", "`else` that never comes", "Add `at_most`"),
        ("else: skip\n  - id: letter", "else: stay\n  - id: letter", "else: stay", "`stay` is not allowed", "skip"),
        ("step: call, wait", "step: cal, wait", "after:", "`cal` is not the step directly before", "`step: call`"),
        ("    done: called\n", "    after: {step: letter}\n", "after: {step: letter}", "The first step is after no other", "`wait`"),
        ("wait: 0 h", "wait: 48 h", "within: 48 h", "missed before it is offered", "longer `within`"),
        ("wait: 0 h", "wait: -1 h", "after:", "lies in the past", "not negative"),
        ("wait: 14 d", "wait: 14 days", "wait: 14 days", "`14 days` is not a duration", "`7 d`"),
        ("wait: 14 d", "wait: 0 d", "wait: 0 d", "no time at all", "longer"),
        ("    wait: 14 d\n", "", "- id: pause", "The step `pause` does nothing", "exactly one of `conversation`"),
        ("    wait: 14 d\n", "    wait: 14 d\n    wait_until: care.due\n", "- id: pause",
         "waits and waits until something holds", "exactly one"),
        ("    wait: 14 d\n", "    wait: 14 d\n    within: 3 d\n", "within: 3 d", "The step `pause` waits, and has no `within`", "Remove `within`"),
        ("    at_most: 60 d\n", "    within: 60 d\n    at_most: 60 d\n", "within: 60 d", "has no `within`", "Remove `within`"),
        ("    wait: 14 d\n", "    wayt: 14 d\n", "wayt: 14 d", "`wayt` is not a key of item 3 of `steps`", "`wait`"),
        ("days_since.renewed <= 60\", go", "days_since.renewd <= 60\", go", "- {when: \"days_since.renewd", "days_since.renewd", "days_since.renewed"),
        ("go: reminder", "go: remnder", "go: remnder", "`remnder` is not a later step", "`reminder`"),
        ("go: reminder", "go: call", "go: call", "`call` is not a later step", "only go forward"),
        ("go: reminder", "go: split", "go: split", "`split` is not a later step", "only go forward"),
        ("{when: \"experience.overall < -0.2\", go: end}", "{go: end}", "- {go: end}", "This way has no `when`", "move it to the end"),
        ("go: reminder", "go: until_renewed", "- id: reminder", "No customer ever comes to the step `reminder`", "Let a branch"),
        ("wait_until: \"days_since.renewed <= 60\"", "wait_until: days_since.renewed", "wait_until:", "must be boolean", "x > 0"),
        ("at_most: 60 d", "at_mots: 60 d", "at_mots: 60 d", "`at_mots` is not a key", "`at_most`"),
    ],
)  # fmt: skip
def test_a_fault_is_found_on_its_line_with_a_remedy_and_makes_no_others(
    old: str, new: str, at: str, what: str, remedy: str, tmp_path: Path
) -> None:
    changes = hearth.replaced(FILE, old, new)
    text = changes[FILE] or ""
    line = text[: text.index(at)].count("\n") + 1
    faults = playbook.check(hearth.write(tmp_path, changes))
    assert [(fault.file, fault.line) for fault in faults] == [(FILE, line)], [str(fault) for fault in faults]
    assert what in faults[0].what
    assert remedy in faults[0].remedy


def test_a_conversation_is_said_by_one_step_of_one_programme(tmp_path: Path) -> None:
    again = WINBACK.replace("anniversary", "renewal_thanks")
    (fault,) = playbook.check(hearth.write(tmp_path, {SECOND: again}))
    assert (fault.file, fault.line) == (SECOND, 5)
    assert FILE in fault.what


def test_two_programmes_cannot_bear_one_name(tmp_path: Path) -> None:
    again = WINBACK.replace("name: winback", "name: renewal")
    (fault,) = playbook.check(hearth.write(tmp_path, {SECOND: again}))
    assert (fault.file, fault.line, fault.remedy) == (SECOND, 1, "Give this programme another name.")


def test_a_conversation_on_the_phone_and_elsewhere_is_no_step(tmp_path: Path) -> None:
    both = hearth.with_line(
        PHONE, "- {name: a, share", "  email: {touchpoint: account_mail, variants: [{name: a, template: thanks.mjml}]}"
    )
    faults = playbook.check(hearth.write(tmp_path, both))
    assert [(fault.file, fault.line) for fault in faults] == [(FILE, 9)]
    assert "no one interaction completes both" in faults[0].what


def test_a_programme_that_may_hold_nothing_back_has_no_holdout(tmp_path: Path) -> None:
    text = WINBACK + "holdout: 0.2\ngoal: {kind: bought, within: 30 d}\n"
    service = hearth.replaced("playbook/conversations/anniversary.yaml", "purpose: care", "purpose: service")
    (fault,) = playbook.check(hearth.write(tmp_path, {SECOND: text, **service}))
    assert (fault.file, fault.line) == (SECOND, 6)
    assert "both arms are told the same" in fault.what


def test_a_programme_that_cannot_be_read_is_not_held_against_conditions_that_name_it(tmp_path: Path) -> None:
    reads = {AUDIENCES: hearth.FILES[AUDIENCES] + 'in_renewal: "programme.renewal.step >= 1"\n'}
    assert playbook.check(hearth.write(tmp_path, dict(reads))) == []
    faults = playbook.check(hearth.write(tmp_path / "b", {**reads, FILE: "name: renewal\nsteps: [\n"}))
    assert {fault.file for fault in faults} == {FILE}
    (fault,) = playbook.check(hearth.write(tmp_path / "c", {**reads, FILE: None, SECOND: None}))
    assert fault.file == AUDIENCES
    assert "programme.renewal.step" in fault.what


def test_a_conversation_that_cannot_be_read_is_not_held_against_its_programme(tmp_path: Path) -> None:
    faults = playbook.check(hearth.write(tmp_path, {PHONE: "name: [\n"}))
    assert {fault.file for fault in faults} == {PHONE}


def test_a_programme_is_part_of_the_digest(compiled: Playbook, tmp_path: Path) -> None:
    later = playbook.load(hearth.write(tmp_path, {SECOND: WINBACK.replace("365 d", "364 d")}))
    assert later.digest != compiled.digest


_NAMES = st.sampled_from(["call", "letter", "pause", "end", "Call!", "x" * 200, "\u0000", "1"])
_TIMES = st.sampled_from(["7 d", "48 h", "0 d", "-1 d", "soon", 7, None, ["1 d"]])
_CONDITIONS = st.sampled_from(
    ["care.due", "TRUE", "stage = 'renewl'", "programme.renewal.step > 1", "1 +", {}, "x" * 5_000]
)
_STEPS = st.one_of(
    st.fixed_dictionaries(
        {"id": _NAMES},
        optional={
            "conversation": st.sampled_from(["renewal_call", "renewal_letter", "anniversary", "nothing", 5]),
            "done": st.sampled_from(["sent", "called", "opened"]),
            "after": st.one_of(st.fixed_dictionaries({"step": _NAMES, "wait": _TIMES}), st.just("call")),
            "within": _TIMES,
            "wait": _TIMES,
            "wait_until": _CONDITIONS,
            "at_most": _TIMES,
            "branch": st.one_of(
                st.lists(st.fixed_dictionaries({"go": _NAMES}, optional={"when": _CONDITIONS}), max_size=3),
                st.just("call"),
            ),
            "else": st.sampled_from(["skip", "exit", "stay", None]),
            "wayt": _TIMES,
        },
    ),
    st.just("a step"),
    st.none(),
)
_PROGRAMMES = st.fixed_dictionaries(
    {"steps": st.one_of(st.lists(_STEPS, max_size=6), st.just("none"))},
    optional={
        "name": st.sampled_from(["renewal", "global", "Renewal!", 5]),
        "enter": _CONDITIONS,
        "recurs": st.sampled_from(["once", "every 3 d", "never"]),
        "exit": _CONDITIONS,
        "holdout": st.sampled_from([0, 0.1, 1, -1, "many"]),
        "goal": st.sampled_from([{"kind": "renewed", "within": "9 d"}, {"kind": "x"}, None, "yes"]),
    },
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hearth.write(tmp_path_factory.mktemp("hostile"))


@given(programme=_PROGRAMMES)
@settings(max_examples=examples(100), deadline=None)
def test_any_programme_is_either_told_off_where_it_stands_or_can_be_gone_through(
    programme: dict[str, object], folder: Path
) -> None:
    (folder / FILE).write_text(json.dumps(programme, indent=1), encoding="utf-8")
    faults = playbook.check(folder)
    lines = len((folder / FILE).read_text(encoding="utf-8").splitlines())
    assert {fault.file for fault in faults} <= {FILE}
    assert all(0 < fault.line <= lines and fault.remedy and len(str(fault)) < 600 for fault in faults)
    assert not any("stand_in" in str(fault) for fault in faults), "a faulty value is told of as what stands in for it"
    if not faults:
        _can_be_gone_through(playbook.load(folder).programmes["renewal"])


def _can_be_gone_through(programme: Programme) -> None:
    reached = {1}
    for step in programme.steps:
        assert step.place in reached
        assert all(branch.go == END or branch.go > step.place for branch in step.branches)
        assert (step.conversation is None) == (step.done is None)
        assert step.within is None or step.wait < step.within
        reached |= {branch.go for branch in step.branches}
        if not step.branches or step.branches[-1].when is not None:
            reached.add(step.place + 1)
