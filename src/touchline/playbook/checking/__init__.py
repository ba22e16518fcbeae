"""In: an authored playbook. Out: a checked one, or every fault of it. Writes no interactions.

Names are resolved across the files, expressions are typed where they stand, and durations are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from touchline.expressions import Expression
from touchline.kernel.errors import Fault
from touchline.kernel.measures import Measures
from touchline.playbook.authored import (
    Audiences,
    Conversation,
    Gifts,
    Import,
    Organisation,
    Policies,
    Programme,
    Stages,
    Touchpoints,
)
from touchline.playbook.authored import Mapping as EventMapping
from touchline.playbook.checking.contacts import check_audiences, check_conversation, check_policies, check_stages
from touchline.playbook.checking.events import check_mapping, check_touchpoints
from touchline.playbook.checking.findings import Findings, Where
from touchline.playbook.checking.gifts import check_gifts
from touchline.playbook.checking.imports import check_import
from touchline.playbook.checking.names import check_names, declared
from touchline.playbook.checking.programmes import check_programme
from touchline.playbook.folder import AuthoredPlaybook
from touchline.playbook.loading import Place


@dataclass(frozen=True)
class Checked:
    """A playbook without faults: nothing is missing, every name resolves, every expression has its type.

    conversations, programmes, imports   file -> what it says
    templates                            name -> SHA-256 of its text, hex
    expressions                          (file, place in it) -> the typed expression written there
    measures                             what conditions may read
    """

    organisation: Organisation
    touchpoints: Touchpoints
    mapping: EventMapping
    stages: Stages
    audiences: Audiences
    policies: Policies
    conversations: Mapping[str, Conversation]
    programmes: Mapping[str, Programme]
    gifts: Gifts
    imports: Mapping[str, Import]
    templates: Mapping[str, str]
    expressions: Mapping[Where, Expression]
    measures: Measures


def check_playbook(playbook: AuthoredPlaybook, faults: Iterable[Fault] = ()) -> tuple[Checked | None, list[Fault]]:
    """Check everything: (None, sorted faults) or (the checked playbook, none); `faults` are those of reading it."""
    findings = Findings(playbook.sources, faults)
    names = declared(playbook)
    check_names(playbook, findings)
    if playbook.touchpoints is not None:
        check_touchpoints(playbook.touchpoints, names, findings)
    if playbook.mapping is not None:
        check_mapping(playbook.mapping, names, findings)
    if playbook.stages is not None:
        check_stages(playbook.stages, names, findings)
    if playbook.audiences is not None:
        check_audiences(playbook.audiences, names, findings)
    if playbook.policies is not None:
        check_policies(playbook.policies, names, findings)
    for file, conversation in playbook.conversations.items():
        check_conversation(
            file, conversation, playbook.organisation, playbook.touchpoints, playbook.templates, names, findings
        )
    talks = {one.name: one for one in playbook.conversations.values()}
    said: dict[str, tuple[str, Place]] = {}
    for file, programme in playbook.programmes.items():
        check_programme(file, programme, talks, said, names, findings)
    if playbook.gifts is not None:
        check_gifts(playbook.gifts, playbook.codes, findings)
    for file, one in playbook.imports.items():
        check_import(file, one, names, findings)
    if findings.faults:
        return None, sorted(set(findings.faults))
    # A file that is None has left a fault.
    assert playbook.organisation is not None
    assert playbook.touchpoints is not None
    assert playbook.mapping is not None
    assert playbook.stages is not None
    assert playbook.audiences is not None
    assert playbook.policies is not None
    assert playbook.gifts is not None
    return (
        Checked(
            organisation=playbook.organisation,
            touchpoints=playbook.touchpoints,
            mapping=playbook.mapping,
            stages=playbook.stages,
            audiences=playbook.audiences,
            policies=playbook.policies,
            conversations=playbook.conversations,
            programmes=playbook.programmes,
            gifts=playbook.gifts,
            imports=playbook.imports,
            templates=playbook.templates,
            expressions=findings.expressions,
            measures=names.measures,
        ),
        [],
    )
