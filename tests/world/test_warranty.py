"""The warranty company: seeded, plausible, in the columns of its imports, and as its stated rules say."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import phonenumbers
import polars as pl
import pytest

from touchline import playbook
from touchline.intake.buffer import fault_of
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.times import DAY, from_micros, parse_instant
from touchline.playbook import Playbook
from touchline.world.warranty import OUTCOMES, Company, NoSuchWorld, last_wednesday
from touchline.world.warranty_chance import Chance
from touchline.world.warranty_diary import EVENTS
from touchline.world.warranty_files import FILES
from touchline.world.warranty_living import NEVER, Contacts
from touchline.world.warranty_parameters import EFFECTS, WarrantyParameters
from touchline.world.warranty_people import people

UNTIL = parse_instant("2026-03-25T09:00:00Z")
CUSTOMERS = 5_000


def contacts(rows: list[dict[str, Any]] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        rows or [],
        schema={"user_id": pl.String, "conversation": pl.String, "channel": pl.String, "at": pl.Int64, "message_id": pl.String, "pool": pl.String, "code": pl.String},
    )  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Company:
    """Of one history; tests read it and leave it as it is."""
    return Company(customers=CUSTOMERS, until=UNTIL)


@pytest.fixture(scope="module")
def diary(company: Company) -> pl.DataFrame:
    return company.live_history()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("history")
    return {name: path for path, name in Company(customers=600, days=200, until=UNTIL).history(folder)}


@pytest.fixture(scope="module")
def warranty(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    return playbook.load(playbook.new(tmp_path_factory.mktemp("warranty") / "w", "warranty"))


def lived_on(company: Company, days: int, said: Mapping[int, pl.DataFrame] | None = None) -> list[dict[str, Any]]:
    happened = []
    for day in range(days):
        happened += company.day((said or {}).get(day, contacts()))
    return happened


def test_the_same_seed_writes_the_same_bytes_and_another_writes_others(tmp_path: Path) -> None:
    def written(folder: str, seed: int) -> dict[str, bytes]:
        company = Company(customers=200, days=120, seed=seed, until=UNTIL)
        return {name: path.read_bytes() for path, name in company.history(tmp_path / folder)}

    one, other, third = written("one", 3), written("other", 3), written("third", 4)
    assert list(one) == list(FILES)
    assert one == other
    assert one["history_touches"] != third["history_touches"]


def test_one_persons_life_does_not_depend_on_how_many_others_there_are() -> None:
    few, many = (Company(customers=n, days=150, until=UNTIL).live_history() for n in (100, 400))
    mine = [frame.filter(pl.col("who") == 7).drop("who").rows() for frame in (few, many)]
    assert mine[0] == mine[1]
    assert mine[0]


def test_files_have_the_columns_that_their_imports_expect(files: Mapping[str, Path], warranty: Playbook) -> None:
    for name, path in files.items():
        frame = {".csv": pl.scan_csv, ".ndjson": pl.scan_ndjson, ".parquet": pl.scan_parquet}[path.suffix](path)
        assert tuple(frame.collect_schema().names()) == warranty.imports[name].expect


def test_kinds_purposes_channels_and_touchpoints_are_known(diary: pl.DataFrame, warranty: Playbook) -> None:
    assert set(diary["kind"]) <= set(KINDS)
    assert set(diary["purpose"].drop_nulls()) <= set(PURPOSES)
    assert set(diary["channel"].drop_nulls()) <= set(CHANNELS)
    assert set(diary["touchpoint"].drop_nulls()) <= set(warranty.touchpoints)
    assert diary["event_id"].n_unique() == diary.height
    assert diary["at"].max() < UNTIL  # type: ignore[operator]  # there are rows


def test_every_effect_is_of_a_conversation_of_the_template(warranty: Playbook) -> None:
    assert set(EFFECTS) <= set(warranty.conversations)


def test_every_event_is_named_in_the_templates_mapping(warranty: Playbook) -> None:
    assert {*EVENTS.values(), "Preference Told"} <= set(warranty.events)


def test_how_often_things_happen_is_what_the_parameters_say(company: Company, diary: pl.DataFrame) -> None:
    p, count = WarrantyParameters(), dict(diary.group_by("kind").len().rows())
    life = company.life
    days = np.minimum(np.maximum(company.people.join_day, 0), company.days)
    gone = diary.filter(pl.col("kind") == "left").select("who", day=(pl.col("at") - life.start) // DAY)
    until = np.full(len(company.people), company.days)
    until[gone["who"].to_numpy()] = gone["day"].to_numpy()
    years = float(np.maximum(until - days, 0).sum()) / 365
    assert count["asked"] / years == pytest.approx(p.claims, rel=0.06)
    disputes = diary.filter((pl.col("kind") == "complained") & (pl.col("touchpoint") == "invoice")).height
    assert disputes / years == pytest.approx(p.disputes, rel=0.15)
    visits = diary.filter(pl.col("kind") == "served")
    assert visits["solved"].mean() == pytest.approx(1 - p.unsolved, abs=0.02)
    assert (visits["visits"] == 2).mean() == pytest.approx(p.second_visit, abs=0.03)
    assert (visits["visits"] == 3).mean() == pytest.approx(p.third_visit, abs=0.02)
    late = (visits["agreed_on"] != visits["arrived_on"]).mean()
    assert late == pytest.approx(p.visit_late + 0.25 * 90 / 548 * (p.visit_late_in_trouble - p.visit_late), abs=0.025)
    assert company.people.inertial.mean() == pytest.approx(p.inertial, abs=0.02)
    assert company.people.engaged.mean() == pytest.approx(0.4, abs=0.01)
    assert company.people.agrees.mean() == pytest.approx(p.agrees, abs=0.03)


def test_who_decides_renews_as_often_as_the_page_says(company: Company, diary: pl.DataFrame) -> None:
    inertial = pl.Series(company.people.inertial)
    decided = diary.filter(
        (pl.col("kind") == "renewed") & (pl.col("at") >= company.life.start)
        | ((pl.col("kind") == "left") & (pl.col("reason") == "not_renewed"))
    ).with_columns(inertial=pl.col("who").replace_strict(dict(enumerate(inertial))))
    rates = dict(decided.group_by("inertial").agg((pl.col("kind") == "renewed").mean()).rows())
    assert rates[True] == pytest.approx(0.93, abs=0.02)
    assert rates[False] == pytest.approx(0.63, abs=0.04)


def test_who_opted_in_renews_more_though_no_message_caused_it() -> None:
    """The trap that the world holds ready for a comparison without a control."""
    company = Company(WarrantyParameters().null(), customers=12_000, days=0, until=UNTIL, deaf=True)
    everybody = np.arange(len(company.people))
    chances, agrees = company.life.renewal_chance(everybody), company.people.agrees
    assert chances[agrees].mean() - chances[~agrees].mean() > 0.02


def two_lives(
    conversation: str | None, parameters: WarrantyParameters, days: int = 30, customers: int = 3_000, **hurt: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Chances of renewing of the same people, without and with a contact on the fifth day of every one of them."""
    chances = []
    for said in (False, True):
        company = Company(parameters, customers=customers, days=0, until=UNTIL, deaf=True)
        life, who = company.life, np.arange(customers, dtype=np.int64)
        if hurt:
            life.carried.hurt_on[:], life.carried.taken[:] = 0, hurt["taken"]
            life.carried.goodwill -= hurt["taken"]
        for day in range(days):
            now = Contacts.none()
            if said and conversation is not None and day == hurt.get("on", 5):
                nothing = np.full(customers, None, dtype=object)
                names, post = (np.full(customers, text, dtype=object) for text in (conversation, "post"))
                now = Contacts(who, names, np.full(customers, UNTIL + day * DAY), nothing, post)
            life.step(day, now)
        chances.append(life.renewal_chance(who))
    return chances[0], chances[1]


@pytest.mark.parametrize(
    "conversation", [name for name, effect in EFFECTS.items() if effect.persuasion or effect.goodwill]
)
def test_each_contact_that_the_page_names_helps_who_reacts_more_than_the_inertial(conversation: str) -> None:
    without, with_ = two_lives(conversation, WarrantyParameters(), days=8)
    inertial = people(3_000, 0, Chance(7), WarrantyParameters()).inertial
    gain = with_ - without
    assert gain[~inertial].mean() > 0.005
    assert gain[~inertial].mean() > 3 * gain[inertial].mean()
    assert (gain > -1e-12).all()


def test_contact_pressure_beyond_what_is_tolerated_repels() -> None:
    without, with_ = two_lives("cover_offer", replace(WarrantyParameters(), tolerated=0.0), days=8)
    assert (with_ - without).mean() < -0.01
    tolerated, still = two_lives("cover_offer", WarrantyParameters(), days=8)
    assert np.array_equal(tolerated, still)


def test_recovery_in_time_gives_back_what_was_lost_and_late_recovery_little() -> None:
    early, late = (two_lives("recovery_letter", WarrantyParameters(), taken=0.6, on=on) for on in (3, 15))
    gain_early, gain_late = ((with_ - without).mean() for without, with_ in (early, late))
    assert gain_early > 0.15
    assert gain_early > 2 * gain_late > 0.02


def test_a_billing_dispute_lowers_the_chance_of_renewing_until_it_is_settled_and_hardly_that_of_the_inertial() -> None:
    never, always = (
        Company(replace(WarrantyParameters(), disputes=rate), customers=3_000, days=0, until=UNTIL, deaf=True)
        for rate in (0.0, 365.0)
    )
    for company in (never, always):
        company.life.step(0, Contacts.none())
    who, inertial = np.flatnonzero(always.life.carried.hurt_on == 0), always.people.inertial
    assert len(who) > 2_000
    lost = never.life.renewal_chance(who) - always.life.renewal_chance(who)
    assert lost[~inertial[who]].mean() > 0.1
    assert lost[~inertial[who]].mean() > 3 * lost[inertial[who]].mean() > 0
    always.life._heal(1, who, "desk")
    assert (always.life.renewal_chance(who) >= never.life.renewal_chance(who)).all()


def test_two_things_wrong_and_not_made_good_cost_about_a_fifth() -> None:
    company = Company(customers=6_000, days=0, until=UNTIL, deaf=True)
    who, life = np.arange(6_000), company.life
    before = life.renewal_chance(who)
    life.carried.goodwill -= 0.6 * company.people.reacts
    assert (life.renewal_chance(who) - before).mean() == pytest.approx(-0.2, abs=0.03)


@pytest.mark.parametrize(
    "conversation", ["renewal_call", "renewal_letter", "anniversary", "cover_offer", "recovery_letter"]
)
def test_in_the_null_world_nothing_that_is_said_changes_anything(conversation: str) -> None:
    without, with_ = two_lives(conversation, WarrantyParameters().null(), taken=0.6, on=3)
    assert np.array_equal(without, with_)


def test_in_the_null_world_nothing_that_was_lived_through_shows_in_renewals() -> None:
    company = Company(WarrantyParameters().null(), customers=CUSTOMERS, until=UNTIL)
    diary = company.live_history()
    decided = diary.filter(
        ((pl.col("kind") == "renewed") & (pl.col("at") >= company.life.start)) | (pl.col("reason") == "not_renewed")
    ).select("who", "at", renewed=pl.col("kind") == "renewed")
    visits = diary.filter(pl.col("kind") == "served").select(
        "who", seen="at", bad=~pl.col("solved") | (pl.col("agreed_on") != pl.col("arrived_on"))
    )
    before = (
        decided.sort("at").join_asof(visits.sort("seen"), left_on="at", right_on="seen", by="who").drop_nulls("bad")
    )
    rates = {bad: (rate, n) for bad, rate, n in before.group_by("bad").agg(pl.col("renewed").mean(), pl.len()).rows()}
    (bad, n_bad), (good, n_good) = rates[True], rates[False]
    assert abs(bad - good) < 3 * np.sqrt(bad * (1 - bad) / n_bad + good * (1 - good) / n_good)
    assert n_bad > 200


def test_in_the_world_a_bad_visit_shows_in_renewals(diary: pl.DataFrame, company: Company) -> None:
    decided = diary.filter(
        ((pl.col("kind") == "renewed") & (pl.col("at") >= company.life.start)) | (pl.col("reason") == "not_renewed")
    ).select("who", "at", renewed=pl.col("kind") == "renewed")
    visits = diary.filter(pl.col("kind") == "served").select("who", seen="at", bad=~pl.col("solved"))
    before = decided.sort("at").join_asof(
        visits.sort("seen"), left_on="at", right_on="seen", by="who", tolerance=180 * DAY
    )
    rates = dict(before.drop_nulls("bad").group_by("bad").agg(pl.col("renewed").mean()).rows())
    assert rates[False] - rates[True] > 0.03


def test_each_next_day_brings_events_that_intake_takes(tmp_path: Path) -> None:
    company = Company(customers=800, days=60, until=UNTIL)
    company.history(tmp_path)
    happened = lived_on(company, 40)
    assert not [fault for fault in map(fault_of, happened) if fault]
    assert len({one["messageId"] for one in happened}) == len(happened)
    assert company.now == UNTIL + 40 * DAY
    names = Counter(one.get("event", one["type"]) for one in happened)
    assert {
        "Page Viewed",
        "identify",
        "Contract Signed",
        "Claim Reported",
        "Claim Visit Done",
        "Contract Renewed",
    } <= set(names)
    times = [one["timestamp"] for one in happened]
    assert min(times) >= from_micros(UNTIL).isoformat()[:16]


def test_who_enrols_later_comes_from_the_office_with_address_and_consents(tmp_path: Path) -> None:
    company = Company(customers=3_000, days=60, until=UNTIL, deaf=True)
    company.live_history()
    days = []
    for day in range(6):
        company.day(contacts())
        days.append(
            {name: pl.read_csv(path, infer_schema=False) for path, name in company.enrolled(tmp_path / str(day))}
        )
    told = pl.concat([day["history_contacts"] for day in days])
    joined = np.flatnonzero((company.people.join_day >= 60) & (company.people.join_day < 66))
    assert sorted(told["user_id"]) == [f"h{who:06d}" for who in joined]
    assert told["address"].null_count() == 0
    agreed = pl.concat([day["history_permissions"] for day in days])
    assert set(agreed.filter(pl.col("kind") == "opted_in")["user_id"]) == {
        f"h{who:06d}" for who in joined if company.people.agrees[who]
    }
    assert agreed["event_id"].n_unique() == agreed.height
    assert sum(day["history_contacts"].height for day in days) > 20


def test_what_is_sent_changes_what_they_do(tmp_path: Path) -> None:
    said = contacts([
        {"user_id": f"h{n:06d}", "conversation": name, "channel": "email", "at": UNTIL, "message_id": f"m{name}{n}", "pool": "tea_codes", "code": f"TEA-{n}"}
        for n in range(600) for name in ("claim_opt_in",)
    ])  # fmt: skip
    quiet, loud = (Company(customers=600, days=30, until=UNTIL) for _ in range(2))
    for each, name in ((quiet, "quiet"), (loud, "loud")):
        each.history(tmp_path / name)
    before, after = lived_on(quiet, 35), lived_on(loud, 35, {0: said})
    counted = [Counter(one.get("event") for one in each) for each in (before, after)]
    assert counted[0]["Consent Given"] == 0
    assert counted[1]["Consent Given"] > 100
    assert counted[1]["Code Redeemed"] == pytest.approx(600 * WarrantyParameters().redeems, rel=0.25)
    opened = [one["properties"]["message_id"] for one in after if one.get("event") == "Mail Opened"]
    assert {one for one in opened if not one.startswith("former")} <= set(said["message_id"])
    assert any(one.startswith("mclaim") for one in opened)
    given = next(one for one in after if one.get("event") == "Consent Given")
    assert json.loads(given["properties"]["evidence"])["wording"] == "v3"


def test_a_world_put_away_and_restored_goes_on_as_one_that_was_not(tmp_path: Path) -> None:
    company = Company(customers=500, days=90, seed=5, until=UNTIL)
    company.history(tmp_path / "files")
    said = {
        1: contacts(
            [
                {
                    "user_id": "h000003",
                    "conversation": "claim_survey",
                    "channel": "email",
                    "at": UNTIL + DAY,
                    "message_id": "m",
                }
            ]
        )
    }
    lived_on(company, 3, said)
    company.state(tmp_path / "world")
    other = Company.restore(tmp_path / "world")
    assert other.now == company.now
    assert lived_on(other, 12) == lived_on(company, 12)


def test_where_no_world_was_put_away_the_fault_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoSuchWorld):
        Company.restore(tmp_path)
    (tmp_path / "world.json").write_text("{", encoding="utf-8")
    with pytest.raises(NoSuchWorld):
        Company.restore(tmp_path)


def test_a_call_ends_the_same_however_often_it_is_asked_and_mostly_reaches() -> None:
    company = Company(customers=4_000, days=0, until=UNTIL, deaf=True)
    users = company.people.contacts["user_id"].to_list()
    first = company.outcomes(users, "renewal_call")
    assert first == company.outcomes(users, "renewal_call")
    assert set(first) == set(OUTCOMES)
    assert first.count("reached") / len(first) == pytest.approx(WarrantyParameters().reached, abs=0.03)


def test_users_and_conversations_that_the_world_does_not_know_change_nothing() -> None:
    hostile = ["nobody", "", "'; DROP TABLE x; --", "h\u0000", "h999999999"]
    quiet, told = (Company(customers=300, days=0, until=UNTIL) for _ in range(2))
    said = contacts(
        [{"user_id": user, "conversation": "renewal_letter", "channel": "post", "at": UNTIL} for user in hostile]
    )
    assert lived_on(quiet, 4) == lived_on(told, 4, {0: said})
    assert isinstance(
        told.day(contacts([{"user_id": "h000001", "conversation": "\u202e{{ x }}", "channel": "pigeon", "at": 0}])),
        list,
    )


def test_identities_are_as_people_leave_them(files: Mapping[str, Path]) -> None:
    written = pl.read_csv(files["history_contacts"], infer_schema=False)
    emails = written["email"].drop_nulls()
    clean = [mail for mail in emails if re.fullmatch(r"[a-z]+\.[a-z]+\d{6}@example\.com", mail)]
    assert 0.85 < len(clean) / emails.len() < 0.97
    assert 0.01 < written["email"].null_count() / written.height < 0.08
    phones = [re.sub(r"^00", "+", re.sub(r"[ ()]", "", phone)) for phone in written["phone"].drop_nulls()]
    assert all(phonenumbers.is_possible_number(phonenumbers.parse(phone, "DE")) for phone in phones)
    shared = len(phones) - len(set(phones))
    assert 0.04 < shared / len(phones) < 0.13
    assert set(written["language"]) == {"en", "de"}
    assert all(ZoneInfo(zone) for zone in set(written["zone"]))


def test_consents_have_evidence_or_lack_it(files: Mapping[str, Path]) -> None:
    permissions = pl.read_csv(files["history_permissions"], infer_schema=False)
    given = permissions.filter(pl.col("kind") == "opted_in")
    assert 0.6 < given["evidence"].is_not_null().mean() < 0.9  # type: ignore[operator]  # there are rows
    assert all(json.loads(text)["wording"] for text in given["evidence"].drop_nulls())
    assert {"opted_in", "suppressed"} <= set(permissions["kind"])


@pytest.mark.parametrize(("before", "zone", "expected"), [
    ("2026-06-24T08:00:00Z", "Europe/Berlin", "2026-06-24T08:00:00Z"),
    ("2026-06-24T07:59:59Z", "Europe/Berlin", "2026-06-17T08:00:00Z"),
    ("2026-03-31T12:00:00Z", "Europe/Berlin", "2026-03-25T09:00:00Z"),
    ("2026-01-01T00:00:00Z", "America/New_York", "2025-12-31T15:00:00Z"),
])  # fmt: skip
def test_the_last_instant_is_a_wednesday_at_ten_in_the_zone(before: str, zone: str, expected: str) -> None:
    found = last_wednesday(parse_instant(before), zone)
    assert found == parse_instant(expected)
    local = from_micros(found).astimezone(ZoneInfo(zone))
    assert (local.weekday(), local.hour, local.minute) == (2, 10, 0)


def test_the_page_about_the_world_has_the_parameters_numbers() -> None:
    """Each number of docs/explanation/world.md that a rule takes its strength from."""
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "world.md").read_text(encoding="utf-8")
    p = WarrantyParameters()
    for effect in EFFECTS.values():
        for strength in (effect.persuasion, effect.goodwill):
            assert not strength or f"+ {strength:.2f}" in page
    said = [
        f"log-odds = {p.renews} + {p.engaged_on_renewal} (e − 0.4) + r ({p.goodwill_on_renewal} g + s − {-p.pressure_on_renewal} max(0, p − {p.tolerated:.0f}))",
        f"the inertial: {p.inertial_renews}", f"{p.inertial:.0%}".replace("%", " %"), f"by {p.inertia}", f"{p.memory_days:.0f} days",
        f"halves every {p.pressure_days:.0f} days", f"halves every {p.persuasion_days:.0f} days", f"{p.claims:.2f} claims a year", f"+ {p.visit_adds:.2f}",
        f"− {-p.late_takes:.2f}", f"− {-p.further_takes:.2f} each", f"− {-p.unsolved_takes:.2f}", f"≤ −{-p.bad:.2f}", f"within {p.recovery_in_days} days",
        f"within {p.recovery_late_days} days", f"{p.recovered:.0%}".replace("%", " %"), f"{p.recovered_late:.0%}".replace("%", " %"), f"− {-p.never_recovered:.2f} more",
        f"− {-p.late_answer_takes:.2f}", f"{p.disputes} a year", f"− {-p.dispute_takes:.2f}", f"({p.reached:.0%})".replace("%", " %"), f"{p.moves:.0%}".replace("%", " %"),
        f"{p.visit_late:.0%}; {p.visit_late_in_trouble:.0%}".replace("%", " %"), f"{p.second_visit:.0%}; {p.third_visit:.0%}".replace("%", " %"),
        f"{p.desk_in_time:.0%}".replace("%", " %"), f"{p.desk_late:.0%}".replace("%", " %"),
    ]  # fmt: skip
    assert [each for each in said if each not in page] == []


def test_nobody_decides_on_a_term_twice(diary: pl.DataFrame, company: Company) -> None:
    terms = diary.filter(pl.col("kind").is_in(("joined", "renewed"))).select("who", "term_start")
    assert terms.height == terms.unique().height
    carried = company.life.carried
    assert not ((carried.decides_on > NEVER) & carried.leaving).any()
