"""In: touchpoints.yaml and mapping.yaml. Out: faults, and typed expressions over `event.X`. Writes no interactions."""

from __future__ import annotations

from touchline.expressions import OpenNames
from touchline.kernel.types import Type
from touchline.playbook.authored.mapping import Event
from touchline.playbook.authored.mapping import Mapping as EventMapping
from touchline.playbook.authored.touchpoints import Promise, Touchpoints
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.findings import Findings, results
from touchline.playbook.checking.names import Declared
from touchline.playbook.checking.rows import check_kind, check_preferences, check_results, columns_of, type_of_column
from touchline.playbook.folder import MAPPING, TOUCHPOINTS
from touchline.playbook.loading import Place

EVENT = OpenNames("event.")
"""Properties of incoming events: any name, typed from its use."""


def check_touchpoints(touchpoints: Touchpoints, declared: Declared, findings: Findings) -> None:
    """Touchpoints name departments and topics that exist, and promises are whole."""
    for name, touchpoint in touchpoints.touchpoints.items():
        here: Place = ("touchpoints", name)
        department = (TOUCHPOINTS, (*here, "department"))
        findings.one_of(department, touchpoint.department, "a department", declared.departments)
        findings.one_of((TOUCHPOINTS, (*here, "topic")), touchpoint.topic, "a topic", declared.topics)
        seen: set[str] = set()
        for number, promise in enumerate(touchpoint.promises):
            place = (*here, "promises", number)
            if promise.name in seen:
                findings.fault(
                    (TOUCHPOINTS, (*place, "name")),
                    f"{shown(promise.name)} is promised twice.",
                    "Rename one of the two.",
                )
            seen.add(promise.name)
            _check_promise(promise, place, findings)


def _check_promise(promise: Promise, place: Place, findings: Findings) -> None:
    timed = {"from": promise.from_, "until": promise.until, "within": promise.within}
    missing = [f"`{key}`" for key, value in timed.items() if value is None]
    if promise.holds is not None and len(missing) < len(timed):
        findings.fault(
            (TOUCHPOINTS, place),
            f"The promise {shown(promise.name)} has both `holds` and a time.",
            "Keep either `holds`, or `from`, `until` and `within`.",
        )
    elif promise.holds is None and missing:
        findings.fault(
            (TOUCHPOINTS, place),
            f"The promise {shown(promise.name)} does not say when it is kept: {', '.join(missing)} missing.",
            "Give either `holds`, or all of `from`, `until` and `within`.",
        )
    if promise.kept <= promise.broken:
        findings.fault(
            (TOUCHPOINTS, (*place, "kept")),
            f"The promise {shown(promise.name)} gives no better reading when kept than when broken.",
            "Make `kept` greater than `broken`.",
        )
    findings.expression((TOUCHPOINTS, (*place, "holds")), promise.holds, EVENT, Type.BOOLEAN, "mapping")


def check_mapping(mapping: EventMapping, declared: Declared, findings: Findings) -> None:
    """Events name kinds, touchpoints and episode types that exist, and set what their kind requires."""
    default = (MAPPING, ("default", "touchpoint"))
    findings.one_of(default, mapping.default.touchpoint, "a touchpoint", declared.touchpoints)
    check_kind(findings, (MAPPING, ("default", "kind")), mapping.default.kind, ("touchpoint",), has_payload=True)
    for name, event in mapping.events.items():
        _check_event(event, ("events", name), declared, findings)


def _check_event(event: Event, here: Place, declared: Declared, findings: Findings) -> None:
    columns = {"touchpoint"} if event.touchpoint is not None else set()
    findings.one_of((MAPPING, (*here, "touchpoint")), event.touchpoint, "a touchpoint", declared.touchpoints)
    if event.episode is not None:
        spot = (MAPPING, (*here, "episode", "type"))
        findings.one_of(spot, event.episode.type, "an episode type", declared.episodes)
    for column, inner, text in columns_of(event):
        columns.add(column)
        where = (MAPPING, (*here, *inner))
        expression = findings.expression(where, text, EVENT, type_of_column(column), "mapping")
        if expression is not None:
            check_results(findings, where, column, results(expression), declared)
    check_preferences(findings, (MAPPING, (*here, "preference")), event.preference, declared)
    check_kind(findings, (MAPPING, (*here, "kind")), event.kind, columns, has_payload=True)
