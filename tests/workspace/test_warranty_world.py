"""The warranty world in a workspace: its files and its events say the same, and what was imported can be decided on."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from touchline import playbook
from touchline.intake import buffer
from touchline.intake.drain import drain
from touchline.kernel.times import DAY, parse_instant
from touchline.site.entry import open_workspace
from touchline.world import warranty_files
from touchline.world.warranty import Company
from touchline.world.warranty_diary import events

UNTIL = parse_instant("2026-03-25T09:00:00Z")
SAID = (
    "kind", "touchpoint", "occurred_at", "episode_type", "episode_id", "episode_closes", "agreement_id", "term_start", "renewal_at", "emotional",
    "reliability", "convenience", "responsiveness", "relevance", "revenue_minor", "cost_minor", "case_id", "text", "reason", "about",
)  # fmt: skip
"""What an interaction says, by whatever way it came."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Company, dict[str, dict[str, Any]]]:
    """A workspace with a history, the company after it, and what each import told."""
    folder = tmp_path_factory.mktemp("world")
    workspace = open_workspace(playbook.new(folder / "w", "warranty"))
    company = Company(customers=300, days=120, seed=3, until=UNTIL)
    happened = company.live_history()
    frames = warranty_files.frames(happened, company.people, company.chance, start=company.life.start, until=UNTIL)
    told = {
        name: workspace.import_files([path], name) for path, name in warranty_files.write(folder / "history", frames)
    }
    touched = happened.filter(pl.col("kind").is_in(frames["history_touches"]["kind"].unique().implode()))
    accepted = buffer.accept(events(touched, company.people.contacts), received_at=UNTIL, source="world")
    assert not accepted.faults
    drain(workspace.playbook, workspace.ledger, received_at=UNTIL)
    return workspace, company, told


def test_a_history_is_imported_and_only_addresses_that_are_none_are_refused(
    filled: tuple[Any, Company, dict[str, dict[str, Any]]],
) -> None:
    _, _, told = filled
    assert {name: one["reasons"] for name, one in told.items() if one["rejected"]} in (
        {}, {"history_contacts": {"bad_identifier": told["history_contacts"]["rejected"]}},
    )  # fmt: skip
    assert told["history_touches"]["accepted"] > 1_000


def test_what_comes_by_file_and_what_comes_as_an_event_says_the_same(
    filled: tuple[Any, Company, dict[str, dict[str, Any]]],
) -> None:
    workspace, _, _ = filled
    rows = workspace.engine.collect(workspace.interactions())
    by_file, by_event = (
        rows.filter(pl.col("source") == source).select(SAID).sort(SAID, nulls_last=True)
        for source in ("history_touches", "world")
    )
    assert by_file.height == by_event.height
    assert {name for name in SAID if not by_file[name].equals(by_event[name])} == set()
    assert by_file.equals(by_event)


def test_customers_of_the_history_have_something_to_hear_and_reasons_for_the_rest(
    filled: tuple[Any, Company, dict[str, dict[str, Any]]],
) -> None:
    workspace, _, _ = filled
    summary = workspace.decide(as_of=UNTIL + DAY // 24, dry_run=True).summary
    assert summary["decided"] > 10
    assert {"consent", "holdout.renewal"} <= set(summary["held"])
    assert summary["by_conversation"]["renewal_call"] > 0
    # A step is offered to who stands at it, and the letter stands after the call.
    assert not summary["by_conversation"].get("renewal_letter")
