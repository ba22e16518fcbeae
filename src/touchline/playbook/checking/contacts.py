"""In: stages, audiences, policies, conversations. Out: faults, and conditions over measures. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection

from touchline.expressions import DeclaredNames, Expression
from touchline.interactions.catalogue import KINDS
from touchline.kernel.measures import LONGEST_WINDOW_DAYS
from touchline.kernel.names import NAME
from touchline.kernel.times import DAY, parse_duration
from touchline.kernel.types import Type
from touchline.playbook.authored.conversations import FIXED_RECURRENCES, Conversation, Trigger
from touchline.playbook.authored.organisation import Organisation
from touchline.playbook.authored.policies import Policies
from touchline.playbook.authored.rules import Audiences, Stages
from touchline.playbook.authored.touchpoints import Touchpoints
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.closed import strange
from touchline.playbook.checking.findings import Findings, Where
from touchline.playbook.checking.names import Declared
from touchline.playbook.checking.rows import LEDGER_NAMES
from touchline.playbook.folder import AUDIENCES, POLICIES, STAGES
from touchline.playbook.loading import Place

DATES = ("term_start", "renewal")
"""What a date trigger may count from, beside the first interaction of a kind."""


def condition(findings: Findings, where: Where, text: str | None, declared: Declared) -> Expression | None:
    """A condition over measures; texts that it compares a stage, tier or topic with must exist."""
    expression = findings.expression(where, text, declared, Type.BOOLEAN)
    if expression is not None:
        for value, noun, known in strange(expression, declared.stages, declared.topics):
            findings.one_of(where, value, noun, known)
    return expression


def check_stages(stages: Stages, declared: Declared, findings: Findings) -> None:
    """Each stage but the last has a condition, over every measure but the stage itself and what programmes make of it."""
    last = len(stages.root) - 1
    for number, stage in enumerate(stages.root):
        if stage.when is None and number < last:
            findings.fault(
                (STAGES, (number,)),
                f"The stage {shown(stage.stage)} has no `when`, so that none after it is ever reached.",
                "Give it a `when`, or move it to the end.",
            )
        if stage.when is not None and number == last:
            findings.fault(
                (STAGES, (number, "when")),
                f"The last stage, {shown(stage.stage)}, has a `when`, so that some customers have no stage.",
                "Remove the `when`, or add a last stage without one.",
            )
        where = (STAGES, (number, "when"))
        expression = condition(findings, where, stage.when, declared)
        if expression is not None and "stage" in expression.names:
            findings.fault(
                where, "A stage's own condition reads `stage`.", "Write out what is meant by the other stage."
            )
        for name in () if expression is None else expression.names:
            if name.startswith("programme."):
                what = f"A stage's condition reads {shown(name)}, while programmes read the stage."
                findings.fault(where, what, "Write it without programmes; an audience may read them.")


def check_audiences(audiences: Audiences, declared: Declared, findings: Findings) -> None:
    """Audiences are conditions over measures, not over each other."""
    for name, text in audiences.root.items():
        if NAME.fullmatch(text.strip()) and declared.audiences is not None and text.strip() in declared.audiences:
            findings.fault(
                (AUDIENCES, (name,)),
                f"The audience {shown(name)} names another audience, {shown(text.strip())}.",
                "Write out its condition: audiences do not refer to each other.",
            )
        else:
            condition(findings, (AUDIENCES, (name,)), text, declared)


def check_policies(policies: Policies, declared: Declared, findings: Findings) -> None:
    """Policies have names of their own, windows of whole days, and conditions that hold together."""
    caps: dict[str, str] = {}
    for number, cap in enumerate(policies.caps):
        _claim(findings, caps, cap.name, "a cap", ("caps", number, "name"))
        days, rest = divmod(parse_duration(cap.every) or 0, DAY)
        if rest or not 1 <= days <= LONGEST_WINDOW_DAYS:
            findings.fault(
                (POLICIES, ("caps", number, "every")),
                f"The cap {shown(cap.name)} counts over {shown(cap.every)}.",
                f"Give whole days, from `1 d` to `{LONGEST_WINDOW_DAYS} d`.",
            )
        if cap.channel is not None and cap.purpose is not None:
            findings.fault(
                (POLICIES, ("caps", number)),
                f"The cap {shown(cap.name)} selects by channel and by purpose.",
                "Keep one of the two, or make two caps.",
            )
    taken: dict[str, str] = {}
    for number, own in enumerate(policies.own):
        _claim(findings, taken, own.name, "a policy", ("own", number, "name"))
        findings.once_each((POLICIES, ("own", number, "purposes")), own.purposes, "a purpose")
        condition(findings, (POLICIES, ("own", number, "blocks")), own.blocks, declared)
    if policies.consent.soft_opt_in is not None:
        where = (POLICIES, ("consent", "soft_opt_in", "when"))
        condition(findings, where, policies.consent.soft_opt_in.when, declared)
        for number, purpose in enumerate(policies.consent.soft_opt_in.purposes):
            if purpose != "care":
                findings.fault(
                    (POLICIES, ("consent", "soft_opt_in", "purposes", number)),
                    f"The purpose {shown(purpose)} cannot rest on a soft opt-in.",
                    "Remove it: only care can; the others need no consent, or a real one.",
                )
    if policies.balance is not None:
        condition(findings, (POLICIES, ("balance", "asks_need")), policies.balance.asks_need, declared)
    quiet = policies.quiet_hours
    if quiet is not None and quiet.from_ == quiet.until:
        findings.fault(
            (POLICIES, ("quiet_hours",)),
            f"Quiet hours begin and end at {shown(quiet.from_)}.",
            "Give two times; for a whole quiet day name it in `days`.",
        )
    if (parse_duration(policies.care_first.missed_after) or 0) > LONGEST_WINDOW_DAYS * DAY:
        _too_long(findings, (POLICIES, ("care_first", "missed_after")), "A care need")


def check_conversation(
    file: str,
    conversation: Conversation,
    organisation: Organisation | None,
    touchpoints: Touchpoints | None,
    templates: Collection[str],
    declared: Declared,
    findings: Findings,
) -> None:
    """A conversation names what exists, speaks the organisation's languages, and recurs in countable time."""
    findings.one_of((file, ("topic",)), conversation.topic, "a topic", declared.topics)
    findings.one_of((file, ("brand",)), conversation.brand, "a brand", declared.brands)
    if conversation.brand is None and organisation is not None and len(organisation.brands) > 1:
        findings.fault(
            (file, ()),
            "The conversation has no `brand`, and there are several.",
            f"Add `brand:`, one of {', '.join(organisation.brands)}.",
        )
    for number, language in enumerate(conversation.languages or ()):
        findings.one_of((file, ("languages", number)), language, "a language of the organisation", declared.languages)
    findings.once_each((file, ("languages",)), conversation.languages or (), "a language")
    _check_audience(file, conversation.audience, declared, findings)
    if conversation.trigger is not None:
        _check_trigger(file, conversation.trigger, declared, findings)
    if conversation.recurs not in FIXED_RECURRENCES:
        every = parse_duration(conversation.recurs.removeprefix("every")) or 0
        if every > LONGEST_WINDOW_DAYS * DAY:
            _too_long(findings, (file, ("recurs",)), "A recurrence")
    if conversation.urgent and conversation.purpose != "service":
        findings.fault(
            (file, ("urgent",)),
            f"The conversation is urgent, but its purpose is {shown(conversation.purpose)}.",
            "Remove `urgent`: only a service notice passes quiet hours.",
        )
    if conversation.gift is not None:
        findings.one_of((file, ("gift", "pool")), conversation.gift.pool, "a pool of gifts.yaml", declared.pools)
    if conversation.call is not None and "phone" not in conversation.channels:
        findings.fault(
            (file, ("call",)),
            "The conversation has a `call`, and is not had on channel `phone`.",
            "Remove `call`, or add `phone` to its channels.",
            of_key=True,
        )
    for channel, way in conversation.channels.items():
        here: Place = ("channels", channel)
        known = findings.one_of((file, (*here, "touchpoint")), way.touchpoint, "a touchpoint", declared.touchpoints)
        touchpoint = None if touchpoints is None else touchpoints.touchpoints.get(way.touchpoint)
        if known and touchpoint is not None and touchpoint.channel != channel:
            findings.fault(
                (file, (*here, "touchpoint")),
                f"{shown(way.touchpoint)} is on channel {shown(touchpoint.channel)}, not on {shown(channel)}.",
                _touchpoints_on(channel, touchpoints),
            )
        seen: set[str] = set()
        for number, variant in enumerate(way.variants):
            spot = (*here, "variants", number)
            if variant.name in seen:
                findings.fault(
                    (file, (*spot, "name")),
                    f"{shown(variant.name)} is the name of two variants.",
                    "Rename one of the two.",
                )
            seen.add(variant.name)
            findings.one_of((file, (*spot, "template")), variant.template, "a file in playbook/templates", templates)
            findings.one_of((file, (*spot, "subject")), variant.subject, "a file in playbook/templates", templates)


def _touchpoints_on(channel: str, touchpoints: Touchpoints | None) -> str:
    there = (
        [name for name, one in touchpoints.touchpoints.items() if one.channel == channel]
        if touchpoints is not None
        else []
    )
    return (
        f"On {shown(channel)} there are: {', '.join(there)}."
        if there
        else f"Declare a touchpoint on {shown(channel)} first."
    )


def _check_audience(file: str, text: str, declared: Declared, findings: Findings) -> None:
    where = (file, ("audience",))
    name = text.strip()
    if NAME.fullmatch(name) and declared.measures.type_of(name) is not Type.BOOLEAN:
        findings.one_of(where, name, "an audience", declared.audiences)
    elif not (NAME.fullmatch(name) and name in (declared.audiences or ())):
        condition(findings, where, text, declared)


def _check_trigger(file: str, trigger: Trigger, declared: Declared, findings: Findings) -> None:
    if (trigger.event is None) == (trigger.date is None):
        findings.fault(
            (file, ("trigger",)), "A trigger is either an `event` or a `date`.", "Give exactly one of the two."
        )
    if trigger.event is not None:
        where = (file, ("trigger", "event", "touchpoint"))
        findings.one_of(where, trigger.event.touchpoint, "a touchpoint", declared.touchpoints)
        findings.expression(
            (file, ("trigger", "event", "where")), trigger.event.where, DeclaredNames(LEDGER_NAMES), Type.BOOLEAN
        )
    if trigger.date is not None:
        findings.one_of(
            (file, ("trigger", "date", "of")), trigger.date.of, "a date or a kind of interaction", (*DATES, *KINDS)
        )
        if (parse_duration(trigger.wait) or 0) > 0:
            findings.fault(
                (file, ("trigger", "wait")), "A date has no `wait`.", "Shift it by `at` of the date instead."
            )
    longest = (parse_duration(trigger.wait) or 0) + (parse_duration(trigger.within) or 0)
    if longest > LONGEST_WINDOW_DAYS * DAY:
        _too_long(findings, (file, ("trigger",)), "`wait` and `within`")


def _claim(findings: Findings, taken: dict[str, str], name: str, noun: str, place: Place) -> None:
    if name in taken:
        findings.fault(
            (POLICIES, place), f"{shown(name)} is the name of {taken[name]} already.", f"Give {noun} another name."
        )
    taken.setdefault(name, noun)


def _too_long(findings: Findings, where: Where, what: str) -> None:
    findings.fault(
        where,
        f"{what} cannot look back further than {LONGEST_WINDOW_DAYS} days.",
        f"Give at most `{LONGEST_WINDOW_DAYS} d`.",
    )
