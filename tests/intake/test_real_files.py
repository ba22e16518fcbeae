"""The retail template's imports read files that nobody here made, and the counts are those of an independent count."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.intake.builder import NOW
from tests.intake.files import ledger, rejects, stored
from tests.realdata import real_data
from touchline import playbook as playbooks
from touchline.intake import ImportResult, import_file
from touchline.playbook.compiled import Playbook

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.data]


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    folder = tmp_path_factory.mktemp("retail") / "w"
    playbooks.new(folder, "retail")
    return playbooks.load(folder)


def taken(folder: Path, retail: Playbook, name: str, file: str) -> ImportResult:
    return import_file(
        [real_data(file)], retail.imports[name], retail, ledger(folder), received_at=NOW, rejects_dir=folder / "rejects"
    )


def test_cdnow_is_read_to_the_cent_and_a_second_time_adds_nothing(tmp_path: Path, retail: Playbook) -> None:
    file = "cdnow/CDNOW_master.txt"
    first, second = taken(tmp_path, retail, "cdnow", file), taken(tmp_path, retail, "cdnow", file)
    assert (first.read, first.accepted, first.duplicates, first.rejected, first.customers) == (
        69_659,
        69_659,
        0,
        0,
        23_570,
    )
    assert (second.read, second.accepted, second.duplicates, second.rejected, second.customers) == (
        69_659,
        0,
        69_659,
        0,
        23_570,
    )
    rows = stored(tmp_path)
    assert rows["revenue_minor"].sum() == 250_031_563
    assert rows["id"].is_unique().all()
    days = (
        pl.from_epoch(rows["occurred_at"], time_unit="us")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone("America/New_York")
    )
    assert [str(day) for day in (days.dt.date().min(), days.dt.date().max())] == ["1997-01-01", "1998-06-30"]


def test_online_retail_keeps_sales_and_returns_and_names_what_is_neither(tmp_path: Path, retail: Playbook) -> None:
    file = "online_retail/online_retail_2009_2010.parquet"
    result = taken(tmp_path, retail, "online_retail", file)
    raw = pl.read_parquet(real_data(file))
    known = raw.filter(pl.col("Customer ID").is_not_null())
    good = known.filter((pl.col("Price") >= 0) & ((pl.col("Quantity") > 0) | pl.col("Invoice").str.starts_with("C")))
    assert (result.read, result.accepted, result.rejected) == (len(raw), len(good), len(raw) - len(good))
    assert result.customers == good["Customer ID"].n_unique() == 4_383
    assert result.reasons == {"no_customer": len(raw) - len(good)}
    assert len(rejects(result)) == result.rejected
    rows = stored(tmp_path)
    cents = (good["Quantity"].cast(pl.Int64) * (good["Price"] * 1000).round().cast(pl.Int64)).sum() / 10
    assert rows["revenue_minor"].sum() == pytest.approx(cents, abs=len(good) / 2)
    assert dict(rows["kind"].value_counts().rows()) == {
        "bought": len(good.filter(pl.col("Quantity") > 0)), "refunded": len(good.filter(pl.col("Quantity") < 0)),
    }  # fmt: skip
    assert rows["episode_id"].n_unique() - 1 == good.filter(pl.col("Quantity") > 0)["Invoice"].n_unique()


def test_bank_marketing_gives_a_call_an_answer_and_sometimes_a_deposit(tmp_path: Path, retail: Playbook) -> None:
    file = "bank_marketing/bank_additional_full.parquet"
    result = taken(tmp_path, retail, "bank_marketing", file)
    raw = pl.read_parquet(real_data(file))
    yes = len(raw.filter(pl.col("y") == "yes"))
    assert (result.read, result.rejected, result.customers) == (41_188, 0, 41_188)
    rows = stored(tmp_path)
    assert dict(rows["kind"].value_counts().rows()) == {"called": 41_188, "replied": 41_188, "joined": yes}
    assert round(100 * yes / 41_188, 2) == 11.27
    replied, called = rows.filter(pl.col("kind") == "replied"), rows.filter(pl.col("kind") == "called")
    paired = replied.join(called, left_on="in_reply_to", right_on="message_id", how="inner")
    assert len(paired) == 41_188
    assert paired.select((pl.col("persona_id") == pl.col("persona_id_right")).all()).item()


def test_helpdesk_gives_tickets_as_episodes(tmp_path: Path, retail: Playbook) -> None:
    file = "service_logs/helpdesk.parquet"
    result = taken(tmp_path, retail, "helpdesk", file)
    raw = pl.read_parquet(real_data(file))
    assert (result.read, result.accepted, result.rejected) == (21_348, 21_348, 0)
    rows = stored(tmp_path)
    assert rows["episode_id"].n_unique() == 4_580
    assert rows["name"].n_unique() == 14
    assert result.customers == raw["customer"].n_unique()
    assert rows["episode_closes"].sum() == len(raw.filter(pl.col("concept:name") == "Closed"))


def test_airline_gives_a_reading_for_every_mark_about_its_touchpoint(tmp_path: Path, retail: Playbook) -> None:
    file = "airline_satisfaction/airline_passenger_satisfaction.parquet"
    part = tmp_path / "part.parquet"
    raw = pl.read_parquet(real_data(file)).head(4_000)
    raw.write_parquet(part)
    result = import_file([part], retail.imports["airline"], retail, ledger(tmp_path), received_at=NOW)
    marks = raw.select(
        pl.col(column) for column, kind in raw.schema.items() if kind.is_integer() and column not in _NO_MARKS
    )
    assert marks.width == 14
    given = int(marks.select(pl.sum_horizontal((pl.all() > 0).sum())).item())
    assert (result.read, result.rejected, result.accepted) == (4_000, 0, given + 4_000)
    rows = stored(tmp_path)
    assert rows["id"].is_unique().all()
    about = rows.filter(pl.col("about").is_not_null())
    assert len(about) == given
    assert about["about_touchpoint"].is_not_null().all()
    wifi = rows.filter(pl.col("question") == "wifi")
    told = raw.filter(pl.col("In-flight Wifi Service") > 0)["In-flight Wifi Service"]
    assert wifi["reliability"].mean() == pytest.approx(((told - 3) / 2).mean(), abs=1e-6)
    satisfied = rows.filter((pl.col("question") == "satisfaction") & (pl.col("emotional") > 0))
    assert len(satisfied) == len(raw.filter(pl.col("Satisfaction") == "Satisfied"))


_NO_MARKS = ("ID", "Age", "Flight Distance", "Departure Delay", "Arrival Delay")
