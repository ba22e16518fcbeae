"""The specification's own playbook loads, and is compiled as it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.playbook import hearth
from touchline import playbook
from touchline.kernel.times import DAY, HOUR
from touchline.kernel.types import Type
from touchline.playbook.compiled import Playbook


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    return playbook.load(hearth.write(tmp_path_factory.mktemp("hearth")))


def test_the_specifications_playbook_has_no_fault(tmp_path: Path) -> None:
    assert playbook.check(hearth.write(tmp_path)) == []


def test_the_organisation_is_compiled_with_minor_units_and_microseconds(compiled: Playbook) -> None:
    assert compiled.organisation.zone == "Europe/Berlin"
    assert compiled.organisation.minor_units == 100
    assert compiled.organisation.half_life == 180 * DAY
    assert compiled.organisation.languages == ("en", "de")
    assert compiled.organisation.country is None


def test_a_currency_without_cents_has_one_minor_unit(tmp_path: Path) -> None:
    changes = hearth.replaced("touchline.yaml", "currency: EUR", "currency: JPY")
    assert playbook.load(hearth.write(tmp_path, changes)).organisation.minor_units == 1


def test_places_are_touchpoints_used_channels_departments_and_episode_types(compiled: Playbook) -> None:
    for place in ("claim_line", "phone", "claims", "claim"):
        assert compiled.measures.type_of(f"experience.{place}") is Type.NUMBER
    assert compiled.measures.type_of("experience.chat") is None, "no touchpoint is on chat"
    assert set(compiled.channels) == {"web", "phone", "field", "post", "email"}


def test_a_promise_is_either_timed_or_told_by_the_event(compiled: Playbook) -> None:
    (timed,) = compiled.touchpoints["claim_line"].promises
    assert (timed.from_kind, timed.until_kind, timed.within, timed.holds) == ("asked", "answered_to", 4 * HOUR, None)
    (told,) = compiled.touchpoints["claim_visit"].promises
    assert told.holds is not None
    assert told.holds.type is Type.BOOLEAN
    assert told.within is None


def test_an_event_is_compiled_with_its_readings_episode_and_agreement(compiled: Playbook) -> None:
    visit = compiled.events["Claim Visit Done"]
    assert visit.kind == "served"
    assert list(visit.readings) == ["convenience"]
    assert visit.episode is not None
    assert visit.episode.closes is not None
    assert visit.episode.closes.type is Type.BOOLEAN
    assert visit.cost is not None
    assert visit.columns == {}
    signed = compiled.events["Contract Signed"]
    assert signed.agreement is not None
    assert signed.agreement.renewal is not None
    assert signed.agreement.renewal.type is Type.TIME
    assert compiled.default_event.kind == "acted"


def test_the_last_stage_has_no_condition(compiled: Playbook) -> None:
    assert [stage.name for stage in compiled.stages] == [
        "lapsed",
        "claim",
        "renewal",
        "onboarding",
        "member",
        "prospect",
    ]
    assert [stage.when is None for stage in compiled.stages] == [False, False, False, False, False, True]


def test_a_conversation_takes_its_audience_by_name_or_as_an_expression(compiled: Playbook) -> None:
    assert compiled.conversations["renewal_call"].audience == compiled.audiences["renewal_due"]
    assert compiled.conversations["renewal_thanks"].audience.names == ("days_since.renewed",)


def test_recurrence_and_triggers_are_compiled_to_microseconds(compiled: Playbook) -> None:
    anniversary = compiled.conversations["anniversary"]
    assert (anniversary.recurs, anniversary.recurs_every) == ("every", 365 * DAY)
    assert anniversary.trigger is not None
    assert (anniversary.trigger.of, anniversary.trigger.every, anniversary.trigger.at) == (
        "term_start",
        365 * DAY,
        -3 * DAY,
    )
    assert compiled.conversations["renewal_call"].recurs == "term"
    assert compiled.conversations["renewal_call"].recurs_every is None


def test_policies_are_compiled_to_minutes_days_and_microseconds(compiled: Playbook) -> None:
    policies = compiled.policies
    assert policies.quiet == (20 * 60, 8 * 60, (6,))
    assert policies.quiet_zone_of_customer
    assert [(cap.name, cap.at_most, cap.every // DAY, cap.channel, cap.purpose) for cap in policies.caps] == [
        ("overall", 3, 7, None, None),
        ("email", 2, 7, "email", None),
        ("selling", 1, 14, None, "selling"),
        ("listening", 1, 90, None, "listening"),
    ]
    assert (policies.cool_off_after, policies.cool_off_ramp) == (3 * DAY, 14 * DAY)
    assert policies.balance is not None
    assert policies.holdout_global == 0.05
    assert policies.own[0].blocks.names == ("days_since.complained",)


def test_an_import_is_compiled_with_flat_columns(compiled: Playbook) -> None:
    cdnow = compiled.imports["cdnow"]
    assert cdnow.separator == "whitespace"
    assert cdnow.exact
    assert cdnow.occurrence
    assert set(cdnow.rows[0].columns) == {"kind", "touchpoint", "occurred_at", "revenue", "payload.cds"}
    assert cdnow.rows[0].columns["occurred_at"].type is Type.TIME
    assert [reason for _, reason in cdnow.reject_when] == ["negative_revenue"]


def test_zero_revenue_is_rejected_where_the_import_says_so(tmp_path: Path) -> None:
    changes = hearth.replaced("playbook/imports/cdnow.yaml", "zero: accept", "zero: reject")
    cdnow = playbook.load(hearth.write(tmp_path, changes)).imports["cdnow"]
    assert [reason for _, reason in cdnow.reject_when] == ["negative_revenue", "zero_revenue"]


def test_left_out_files_leave_careful_defaults(tmp_path: Path) -> None:
    bare: dict[str, str | None] = {
        file: None for file in hearth.FILES if file.split("/")[1:-1] in (["conversations"], ["programmes"], ["imports"])
    }
    loaded = playbook.load(
        hearth.write(tmp_path, {**bare, "playbook/audiences.yaml": None, "playbook/policies.yaml": None})
    )
    assert loaded.policies.one_a_day == (3, 4, 5)
    assert loaded.policies.care_resolved_by == ("answered_to", "case_resolved")
    assert loaded.policies.holdout_global == 0.05
    assert loaded.conversations == {}
