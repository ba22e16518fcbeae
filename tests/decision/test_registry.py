"""Adding a policy is a checklist; these tests fail when a step of it is missing."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.decision import builder
from tests.decision.builder import conversation, own, plan_of
from touchline.decision.purposes import TABLE
from touchline.decision.rules import POLICIES, Policy
from touchline.kernel.times import DAY
from touchline.playbook.compiled import Cap, Policies

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "policies.md"


def sections() -> dict[str, str]:
    """Heading -> text below it, of the reference page."""
    parts = re.split(r"^### `([a-z_.]+)`\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_has_a_sentence_a_section_of_the_reference_and_a_test(policy: Policy) -> None:
    importlib.import_module("tests.decision.test_policies")
    assert policy.means.endswith(".")
    assert builder.TESTED.get(policy.name), f"no test says @of_policy({policy.name!r})"
    section = sections()[policy.name]
    assert policy.means in " ".join(section.split())
    purposes = "every purpose" if len(policy.purposes) == len(TABLE) else ", ".join(policy.purposes)
    assert f"Applies to: {purposes}." in section


def test_the_reference_and_the_tests_know_no_other_policies() -> None:
    importlib.import_module("tests.decision.test_policies")
    known = [policy.name for policy in POLICIES]
    assert list(sections()) == known
    assert set(builder.TESTED) <= set(known)


def test_every_policy_can_come_into_a_plan() -> None:
    policies = Policies(
        caps=(Cap("overall", 3, 7 * DAY),),
        quiet=(1200, 480, ()),
        cool_off_after=3 * DAY,
        balance=builder.condition("value.balance >= -0.2"),
        own=(own("mine", "count.left > 0"),),
    )
    talk = conversation(channels=("email", "post"), asked=1)
    named = {
        name.partition(".")[0] if name.startswith(("cap.", "own.")) else name
        for name in plan_of(talk, policies=policies).policies
    }
    assert named == {policy.name for policy in POLICIES}


def test_the_table_of_purposes_is_the_one_of_the_reference() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for purpose in TABLE.values():
        basis = {
            "contract": "contract, no consent",
            "opt_in": "consent",
            "opt_in_or_soft": "consent or soft opt-in",
            "opt_out": "legitimate interest, opt-out honoured",
        }[purpose.basis]
        caps = {"none": "no", "own": "its own", "all": "yes"}[purpose.caps]
        quiet = "urgent passes" if purpose.urgent_passes else "yes"
        care = {"passes": "no", "unless_about_it": "unless about it", "waits": "yes"}[purpose.care_first]
        held_out = "yes" if purpose.held_out else "never"
        cells = (purpose.name, basis, caps, quiet, care, held_out, str(purpose.class_))
        line = f"| {' | '.join(cells)} |"
        assert line in page, line
