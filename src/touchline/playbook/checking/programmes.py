"""In: a programme, the conversations that its steps say. Out: faults, and conditions over measures. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from touchline.kernel.times import parse_duration
from touchline.playbook.authored.conversations import Conversation
from touchline.playbook.authored.programmes import SORTS, Programme, Step
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.contacts import condition
from touchline.playbook.checking.findings import Findings
from touchline.playbook.checking.names import Declared
from touchline.playbook.loading import Place

LEAVE = "end"
"""What a branch goes to where it leaves the programme; no step is called so."""

GLOBAL = "global"
"""The global holdout's name among the programmes of the ledger."""

NEVER_HELD_OUT = ("service", "recovery", "listening")
"""Purposes that are said to everybody; a test holds them to the table of decision/purposes.py."""

_KEYS_OF: Mapping[str, tuple[str, ...]] = {
    "conversation": ("done", "after", "within", "else"),
    "wait": (),
    "wait_until": ("at_most", "else"),
    "branch": (),
}
"""What a step of each sort may say beside its sort's own key."""

_CALLED = {
    "conversation": "says something",
    "wait": "waits",
    "wait_until": "waits until something holds",
    "branch": "branches",
}


def check_programme(
    file: str,
    programme: Programme,
    talks: Mapping[str, Conversation],
    said: dict[str, tuple[str, Place]],
    declared: Declared,
    findings: Findings,
) -> None:
    """A programme can be entered, gone through from its first step forward, and proven where it holds people out.

    talks   conversations by name
    said    conversation -> file and place of the step that says it; those of this programme are added
    """
    if programme.name == GLOBAL:
        what = f"{shown(GLOBAL)} is the name of the holdout from all that is said."
        findings.fault((file, ("name",)), what, "Give the programme another name.")
    condition(findings, (file, ("enter",)), programme.enter, declared)
    condition(findings, (file, ("exit",)), programme.exit, declared)
    _check_holdout(file, programme, talks, findings)
    written = declared.steps.get(file, ())
    whole = len(written) == len(programme.steps)
    # A faulty id is told of once; everything else is said of the id that was written.
    steps = [
        step.model_copy(update={"id": str(as_written.get("id", step.id))})
        for step, as_written in zip(programme.steps, written if whole else ({},) * len(programme.steps), strict=True)
    ]
    ids = {step.id for step in steps} if whole else None
    _check_ids(file, steps, findings)
    followed = whole
    for number, step in enumerate(steps):
        here: Place = ("steps", number)
        if whole:
            _check_sort(file, here, step, written[number], findings)
        if step.conversation is not None:
            _check_talk(file, here, step, talks, said, declared, findings)
        if step.after is not None and whole:
            _check_after(file, here, step.after.step, steps[number - 1].id if number else None, findings)
        condition(findings, (file, (*here, "wait_until")), step.wait_until, declared)
        for way, branch in enumerate(step.branch or ()):
            condition(findings, (file, (*here, "branch", way, "when")), branch.when, declared)
            if branch.when is None and way < len(step.branch or ()) - 1:
                findings.fault(
                    (file, (*here, "branch", way)),
                    "This way has no `when`, so that none after it is ever taken.",
                    "Give it a `when`, or move it to the end.",
                )
            earlier = [one.id for one in steps[: number + 1]]
            followed &= _check_go(file, (*here, "branch", way, "go"), branch.go, earlier, ids, findings)
    if followed:
        _check_reached(file, steps, findings)


def _check_holdout(file: str, programme: Programme, talks: Mapping[str, Conversation], findings: Findings) -> None:
    """Nobody is left alone for a comparison that cannot be made."""
    if programme.holdout == 0:
        return
    if programme.goal is None:
        findings.fault(
            (file, ("holdout",)),
            "The programme holds customers out and has no `goal`, so that nothing can be compared.",
            "Add `goal:`, or give a `holdout` of 0.",
        )
    named = [talks.get(step.conversation) for step in programme.steps if step.conversation is not None]
    if named and all(talk is not None and talk.purpose in NEVER_HELD_OUT for talk in named):
        findings.fault(
            (file, ("holdout",)),
            "Nothing that the programme says may be held back from anybody, so that both arms are told the same.",
            f"Give a `holdout` of 0, or a step another purpose than {', '.join(NEVER_HELD_OUT)}.",
        )


def _check_ids(file: str, steps: Sequence[Step], findings: Findings) -> None:
    seen: set[str] = set()
    for number, step in enumerate(steps):
        where = (file, ("steps", number, "id"))
        if step.id == LEAVE:
            what = f"{shown(LEAVE)} is where a branch goes that leaves the programme."
            findings.fault(where, what, "Give the step another id.")
        elif step.id in seen:
            findings.fault(where, f"{shown(step.id)} is the id of another step already.", "Give this step another id.")
        seen.add(step.id)


def _check_sort(file: str, here: Place, step: Step, written: Mapping[str, object], findings: Findings) -> None:
    """A step is of exactly one sort, and says nothing beside that its sort has no use for."""
    sorts = [sort for sort in SORTS if sort in written]
    said = [sort for sort in SORTS if getattr(step, sort) is not None]
    if len(said) > 1 or not (said or sorts):
        either = ", ".join(f"`{sort}`" for sort in SORTS)
        does = " and ".join(_CALLED[sort] for sort in said) or "does nothing"
        findings.fault((file, here), f"The step {shown(step.id)} {does}.", f"Give exactly one of {either}.")
    if len(said) != 1:
        return
    (sort,) = said
    others = {key for keys in _KEYS_OF.values() for key in keys} - set(_KEYS_OF[sort])
    for key in sorted(others & set(written)):
        findings.fault(
            (file, (*here, key)),
            f"The step {shown(step.id)} {_CALLED[sort]}, and has no {shown(key)}.",
            f"Remove {shown(key)}.",
            of_key=True,
        )
    ends = {"conversation": "within", "wait_until": "at_most"}.get(sort)
    if ends is not None and "else" in written and getattr(step, ends) is None:
        findings.fault(
            (file, (*here, "else")),
            f"The step {shown(step.id)} has an `else` that never comes: nothing ends its time.",
            f"Add {shown(ends)}, or remove `else`.",
            of_key=True,
        )


def _check_talk(
    file: str,
    here: Place,
    step: Step,
    talks: Mapping[str, Conversation],
    said: dict[str, tuple[str, Place]],
    declared: Declared,
    findings: Findings,
) -> None:
    name = step.conversation or ""
    where = (file, (*here, "conversation"))
    if findings.one_of(where, name, "a conversation", declared.conversations):
        first = said.setdefault(name, (file, here))
        if first != (file, here):
            of = "another step" if first[0] == file else f"a step of {first[0]}"
            findings.fault(
                where,
                f"{shown(name)} is said by {of} already.",
                "Write a conversation of its own for this step: each is counted and capped by its name.",
            )
    talk = talks.get(name)
    if talk is not None:
        _check_done(file, here, step, tuple(talk.channels), findings)
    wait = 0 if step.after is None else parse_duration(step.after.wait)
    within = None if step.within is None else parse_duration(step.within)
    if within is not None and wait is not None and wait >= within:
        findings.fault(
            (file, (*here, "within")),
            "The step is missed before it is offered: it waits as long as its `within`.",
            "Give a longer `within`; it counts from when the customer came to the step.",
        )


def _check_done(file: str, here: Place, step: Step, channels: Collection[str], findings: Findings) -> None:
    """A call is `called` and any other message `sent`, so that a step must know which of the two completes it."""
    if "phone" in channels and len(channels) > 1:
        findings.fault(
            (file, (*here, "conversation")),
            f"{shown(step.conversation)} is had on the phone and elsewhere, and no one interaction completes both.",
            "Make two conversations of it: a call is `called`, anything else is `sent`.",
        )
    elif step.done is not None and (step.done == "called") != ("phone" in channels):
        how = "a call, which is never" if "phone" in channels else "no call, and is never"
        findings.fault(
            (file, (*here, "done")),
            f"{shown(step.conversation)} is {how} {shown(step.done)}.",
            "Write `done: called`, or leave it out."
            if "phone" in channels
            else "Write `done: sent` or `done: delivered`, or leave it out.",
        )


def _check_after(file: str, here: Place, step: str, before: str | None, findings: Findings) -> None:
    where = (file, (*here, "after", "step"))
    if before is None:
        what = "The first step is after no other."
        findings.fault(where, what, "Remove `after`, and put a step with a `wait` before it.")
    elif step != before:
        findings.fault(
            where,
            f"{shown(step)} is not the step directly before this one.",
            f"Write `step: {before}`; to wait for longer, put a step with a `wait` between.",
        )


def _check_go(
    file: str, place: Place, go: str, earlier: Sequence[str], ids: Collection[str] | None, findings: Findings
) -> bool:
    if go != LEAVE and go in earlier:
        findings.fault(
            (file, place),
            f"{shown(go)} is not a later step.",
            "Steps only go forward: name a later one, or `end`; to begin again let the customer enter again.",
        )
        return False
    later = None if ids is None else (*sorted(set(ids) - set(earlier)), LEAVE)
    return findings.one_of((file, place), go, "a later step", later)


def _check_reached(file: str, steps: Sequence[Step], findings: Findings) -> None:
    """A fault for every step that no customer can come to."""
    reached = {steps[0].id}
    for number, step in enumerate(steps):
        if step.id not in reached:
            findings.fault(
                (file, ("steps", number, "id")),
                f"No customer ever comes to the step {shown(step.id)}: the branch before it goes elsewhere.",
                "Let a branch go there, or remove the step.",
            )
            reached.add(step.id)
        reached |= {branch.go for branch in step.branch or ()}
        if number + 1 < len(steps) and (step.branch is None or step.branch[-1].when is not None):
            reached.add(steps[number + 1].id)
