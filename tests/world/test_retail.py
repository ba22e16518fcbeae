"""The retail base: seeded, plausible, in the columns of its imports, and as its stated rules say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import phonenumbers
import polars as pl
import pytest

from touchline import playbook
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.times import DAY, parse_instant
from touchline.playbook import Playbook
from touchline.world.parameters import Parameters
from touchline.world.retail import FILES, World, generate, live
from touchline.world.words import PATTERNS, sentences

UNTIL = parse_instant("2026-06-24T08:00:00Z")
WEEK = 7 * DAY


@pytest.fixture(scope="module")
def world() -> World:
    return live(5_000, 730, 7, until=UNTIL)


@pytest.fixture(scope="module")
def large() -> World:
    return live(9_000, 730, 5, until=UNTIL)


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    folder = tmp_path_factory.mktemp("retail") / "w"
    playbook.new(folder, "retail")
    return playbook.load(folder)


def counts(world: World) -> Mapping[str, int]:
    return dict(world.diary.group_by("kind").len().rows())


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", 300, 200, 3, until=UNTIL)
    other = generate(tmp_path / "other", 300, 200, 3, until=UNTIL)
    third = generate(tmp_path / "third", 300, 200, 4, until=UNTIL)
    assert list(one.files) == list(FILES)
    for name, path in one.files.items():
        assert path.read_bytes() == other.files[name].read_bytes()
    assert one.files["demo_touches"].read_bytes() != third.files["demo_touches"].read_bytes()


def test_rows_are_those_that_were_written(tmp_path: Path) -> None:
    written = generate(tmp_path, 200, 100, 3, until=UNTIL)
    assert pl.read_parquet(written.files["demo_touches"]).height == written.rows["demo_touches"]
    assert (
        pl.read_csv(written.files["demo_contacts"], infer_schema=False).height == written.rows["demo_contacts"] == 200
    )
    assert pl.read_ndjson(written.files["demo_answers"]).height == written.rows["demo_answers"]


def test_thirty_thousand_customers_would_be_a_few_hundred_thousand_interactions(world: World) -> None:
    rows = sum(frame.height for frame in world.files.values()) * 6
    assert 600_000 <= rows <= 1_000_000


def test_everything_that_a_shop_lives_happens(world: World) -> None:
    happened = counts(world)
    wanted = {
        "visited",
        "bought",
        "served",
        "refunded",
        "came_back",
        "asked",
        "answered_to",
        "complained",
        "praised",
        "said",
        "answered",
        "case_opened",
        "case_touched",
        "case_resolved",
        "gave",
        "told",
        "sent",
        "opened",
        "clicked",
        "opted_out",
        "reported_spam",
        "joined",
        "renewed",
        "left",
        "referred",
    }
    assert wanted <= happened.keys()
    assert happened["sent"] > happened["bought"] > happened["asked"] > happened["complained"] > 50


def test_nothing_happens_outside_its_time(world: World) -> None:
    start = (UNTIL - 730 * DAY) // DAY * DAY
    assert world.diary["at"].is_between(start, UNTIL).all()
    assert world.diary["at"].is_sorted()
    for name in ("demo_contacts", "demo_preferences"):
        times = world.files[name]["told_at"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us").to_physical()
        assert times.is_between(start, UNTIL).all()
    given = (
        world.files["demo_permissions"]["happened_at"]
        .str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us")
        .to_physical()
    )
    assert given.is_between(start, UNTIL).all()


def test_every_row_has_an_id_of_its_own_and_a_kind_of_the_catalogue(world: World) -> None:
    assert world.diary["event_id"].is_unique().all()
    assert world.files["demo_permissions"]["event_id"].is_unique().all()
    assert set(world.diary["kind"]) <= KINDS.keys()
    assert set(world.files["demo_permissions"]["kind"]) <= KINDS.keys()
    assert set(world.files["demo_permissions"]["purpose"].drop_nulls()) <= PURPOSES.keys()
    assert set(world.files["demo_permissions"]["channel"]) <= set(CHANNELS)


def test_answers_name_questions_and_cases_follow_complaints(world: World) -> None:
    diary = world.diary
    asked = diary.filter(pl.col("kind") == "asked")
    answered = diary.filter(pl.col("kind") == "answered_to").join(
        asked.select(pl.col("event_id").alias("reply_to"), pl.col("at").alias("asked_at")), on="reply_to", how="left"
    )
    assert answered["asked_at"].is_not_null().all()
    assert (answered["at"] > answered["asked_at"]).all()
    assert answered.height < asked.height
    cases = diary.filter(pl.col("kind") == "case_resolved").join(
        diary.filter(pl.col("kind") == "complained").select("case_no", pl.col("at").alias("since")),
        on="case_no",
        how="left",
    )
    assert (cases["at"] > cases["since"]).all()


def test_files_have_exactly_the_columns_of_their_imports(world: World, retail: Playbook) -> None:
    for name, frame in world.files.items():
        wanted = retail.imports[name]
        assert tuple(frame.columns) == wanted.expect
        assert set(wanted.types) <= {*frame.columns, "row_number"}


def test_places_topics_and_episodes_are_those_of_the_template(world: World, retail: Playbook) -> None:
    places = {
        one
        for name in ("demo_touches", "demo_messages", "demo_reviews")
        for one in world.files[name]["touchpoint"].drop_nulls()
    }
    assert places <= retail.touchpoints.keys()
    about = {
        one.removeprefix("touchpoint:") for one in world.diary["about"].drop_nulls() if one.startswith("touchpoint:")
    }
    assert about <= retail.touchpoints.keys()
    topics = {
        name.removeprefix("topic_") for name in world.files["demo_preferences"].columns if name.startswith("topic_")
    }
    assert topics == set(retail.topics)
    assert {"order", "ticket"} <= retail.episodes.keys()


def test_addresses_are_invented_and_numbers_are_kept_for_fiction(world: World) -> None:
    true = world.people.contacts
    assert true["email"].str.ends_with("@example.com").all()
    assert true["email"].is_unique().all()
    for number in true["phone"].drop_nulls().unique().sample(200, seed=1):
        assert phonenumbers.is_valid_number(phonenumbers.parse(number))
        assert re.match(
            r"\+33(19900|26191|35301|46571|53649)|\+441\d{2}4960|\+49(3023125|6990009|4066969|2214710|8999998)", number
        )


def test_some_contacts_are_typed_wrongly_and_some_telephones_are_shared(world: World) -> None:
    typed = world.files["demo_contacts"]
    odd = typed["email"].drop_nulls().str.contains(r"^[a-z]+\.[a-z]+\d{6}@example\.com$", strict=True)
    assert 0.02 < (~odd).mean() < 0.15
    shared = world.people.contacts["phone"].drop_nulls().value_counts().filter(pl.col("count") > 1)
    assert shared.height > 10
    assert typed["phone"].drop_nulls().str.starts_with("+").mean() < 0.95


def test_web_ids_are_stitched_for_most_and_met_before(world: World) -> None:
    touches = world.files["demo_touches"]
    unsigned = touches.filter(pl.col("user_id").is_null())
    assert unsigned.height > 500
    assert set(unsigned["kind"]) == {"visited"}
    known = set(world.files["demo_contacts"]["anonymous_id"].drop_nulls())
    assert 0.7 < len(set(unsigned["anonymous_id"]) & known) / unsigned["anonymous_id"].n_unique() < 0.95


def test_some_consents_have_no_evidence_and_every_one_has_an_address(world: World) -> None:
    given = world.files["demo_permissions"].filter(pl.col("kind") == "opted_in")
    assert 0.1 < given["evidence"].is_null().mean() < 0.5
    assert given["address"].is_not_null().all()


def test_who_opted_out_gets_no_more_mailings(world: World) -> None:
    gone = (
        world.diary.filter(pl.col("kind").is_in(["opted_out", "reported_spam"]))
        .group_by("who")
        .agg(pl.col("at").min().alias("gone"))
    )
    mailed = world.diary.filter((pl.col("kind") == "sent") & (pl.col("purpose") != "listening")).join(gone, on="who")
    assert (mailed["at"] > mailed["gone"] + 2 * WEEK).mean() < 0.02


def test_machines_open_messages_too(world: World) -> None:
    opened = world.diary.filter(pl.col("kind") == "opened")
    assert 0.1 < opened["machine"].mean() < 0.6


def test_a_bad_delivery_lowers_the_mark_given_for_it(world: World) -> None:
    bad = world.diary.filter(pl.col("touchpoint") == "delivery").select(
        "order_no", bad=(pl.col("days_late") > 0) | pl.col("damaged")
    )
    marks = (
        world.diary.filter(pl.col("question") == "csat")
        .join(bad, on="order_no")
        .group_by("bad")
        .agg(pl.col("score").mean(), pl.len())
    )
    mark = {row[0]: row[1] for row in marks.rows()}
    assert mark[True] < mark[False] - 1.0


def _next_purchase(world: World) -> pl.DataFrame:
    """One row a delivered order: whether it went wrong, and whether the customer bought in the half year from day 30,
    when late parcels have come too."""
    bought = world.diary.filter(pl.col("kind") == "bought").select("who", "at", "order_no")
    done = world.diary.filter(pl.col("days_late").is_not_null())
    done = done.select("order_no", bad=(pl.col("days_late") > 0) | pl.col("damaged"))
    known = bought.filter(pl.col("at") < UNTIL - 220 * DAY).join(done, on="order_no")
    later = known.with_columns(since=pl.col("at") + 30 * DAY).sort("since")
    found = later.join_asof(
        bought.select("who", pl.col("at").alias("since"), pl.col("at").alias("after")).sort("since"),
        on="since",
        by="who",
        strategy="forward",
        coalesce=False,
        check_sortedness=False,
    )
    return found.with_columns(again=(pl.col("after") < pl.col("since") + 180 * DAY).fill_null(value=False))


def test_after_a_bad_delivery_fewer_buy_again(large: World) -> None:
    again = {row[0]: row[1] for row in _next_purchase(large).group_by("bad").agg(pl.col("again").mean()).rows()}
    assert again[True] < again[False] - 0.02


def test_without_the_effect_there_is_none() -> None:
    none = Parameters(late_hurts=0.0, damage_hurts=0.0, on_time=0.0, complains_of_bad=0.0, complains_of_good=0.0)
    world = live(9_000, 730, 5, until=UNTIL, parameters=none)
    again = {row[0]: row[1] for row in _next_purchase(world).group_by("bad").agg(pl.col("again").mean()).rows()}
    assert abs(again[True] - again[False]) < 0.03


def test_a_complaint_recovered_in_time_leaves_more_goodwill_than_one_that_was_not(world: World) -> None:
    complained = world.diary.filter((pl.col("kind") == "complained") & (pl.col("at") < UNTIL - 40 * DAY))
    solved = world.diary.filter((pl.col("kind") == "case_resolved") & pl.col("in_time")).select(
        "case_no", solved=pl.lit(value=True)
    )
    told = complained.join(solved, on="case_no", how="left").with_columns(
        goodwill=world.goodwill.gather(complained["who"])
    )
    means = {
        row[0]: row[1] for row in told.group_by(pl.col("solved").is_not_null()).agg(pl.col("goodwill").mean()).rows()
    }
    assert means[True] > means[False] + 0.1


def test_contact_pressure_repels() -> None:
    calm = live(5_000, 365, 9, until=UNTIL, parameters=Parameters(pressure_on_buying=0.0, unsubscribes_of_pressure=0.0))
    pressed = live(
        5_000, 365, 9, until=UNTIL, parameters=Parameters(pressure_on_buying=-1.5, unsubscribes_of_pressure=0.05)
    )
    often = pressed.people.mailing > 0.7

    def bought(world: World) -> int:
        return world.diary.filter((pl.col("kind") == "bought") & pl.Series(often).gather(world.diary["who"])).height

    assert bought(pressed) < bought(calm) * 0.9
    assert counts(pressed)["opted_out"] > counts(calm)["opted_out"] * 2


def test_the_inertial_stay_whatever_happens(large: World) -> None:
    inertial = pl.Series(large.people.inertial)
    diary = large.diary.with_columns(inertial=inertial.gather(large.diary["who"]))
    ends = (
        diary.filter(pl.col("kind").is_in(["renewed", "left"]))
        .group_by("inertial")
        .agg((pl.col("kind") == "renewed").mean())
    )
    stays = dict(ends.rows())
    assert stays[True] > stays[False] + 0.1
    rates = diary.group_by("inertial").agg(
        (pl.col("kind") == "answered").sum() / (pl.col("conversation") == "delivery_survey").sum()
    )
    answers = dict(rates.rows())
    assert answers[True] < answers[False] / 2


def test_sentences_are_many_and_short() -> None:
    for sort in PATTERNS:
        made = sentences(sort)
        assert len(made) == len(set(made)) >= 3
        assert all("{" not in one and len(one) < 120 for one in made)


def test_a_world_of_nobody_and_of_one_is_a_world() -> None:
    assert live(0, 60, 1, until=UNTIL).diary.height == 0
    assert live(1, 60, 1, until=UNTIL).files["demo_contacts"].height == 1
