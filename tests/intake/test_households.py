"""Who lives together stays apart, and lines without a key are not one line."""

from __future__ import annotations

from pathlib import Path

from touchline import playbook
from touchline.kernel.times import FixedClock, parse_instant
from touchline.site.entry import open_workspace

NOW = parse_instant("2026-06-24T10:00:00Z")


def test_two_who_live_together_have_each_their_own_consent_to_letters(tmp_path: Path) -> None:
    from django.db import connections

    root = playbook.new(tmp_path / "w", "retail")
    told = tmp_path / "consents.csv"
    told.write_text(
        "user_id,account,email,phone,address,zone,purpose,channel,answer,told_at,evidence\n"
        "ann,,,,Ring 1 Berlin,,care,post,yes,2026-06-01T10:00:00Z,{}\n"
        "bob,,,,Ring 1 Berlin,,care,post,no,2026-06-02T10:00:00Z,{}\n",
        encoding="utf-8",
    )
    opened = open_workspace(root, FixedClock(NOW))
    assert opened.import_files([told], "consents")["accepted"] == 2
    measures = ["consent.care_post", "reach.post", "withdrawn.care_post"]
    ann, bob = (
        opened.relationships_table(customer=name, measures=measures).row(0, named=True) for name in ("ann", "bob")
    )
    assert (ann["consent.care_post"], ann["reach.post"]) == (True, True)
    assert (bob["consent.care_post"], bob["reach.post"]) == (False, True)
    assert bob["withdrawn.care_post"] is True
    assert ann["withdrawn.care_post"] is not True, "another's withdrawal is not hers"
    connections.close_all()


def test_an_address_that_four_people_by_name_use_links_nobody(tmp_path: Path) -> None:
    from django.db import connections

    root = playbook.new(tmp_path / "w", "retail")
    told = tmp_path / "contacts.csv"
    lines = [
        f",c{n},home@example.com,,,{name},,,2026-06-0{n + 1}T10:00:00Z"
        for n, name in enumerate(("Ann", "Bob", "Cem", "Dora"))
    ]
    told.write_text(
        "user_id,account,email,phone,address,name,language,zone,told_at\n" + "\n".join(lines) + "\n", encoding="utf-8"
    )
    opened = open_workspace(root, FixedClock(NOW))
    assert opened.import_files([told], "contacts")["accepted"] == 4
    people = opened.people()
    assert people.filter("shared")["type"].to_list() == ["email"]
    assert people["customer"].n_unique() == people.height == 5
    connections.close_all()


def test_a_line_with_an_empty_key_is_rejected_and_not_taken_for_known(tmp_path: Path) -> None:
    from django.db import connections

    root = playbook.new(tmp_path / "w", "blank")
    (root / "playbook" / "imports").mkdir(exist_ok=True)
    (root / "playbook" / "imports" / "till.yaml").write_text(
        "name: till\nformat: {type: csv}\ntypes: {receipt: text, card: text}\nexpect: {columns: [receipt, card]}\n"
        "persona: [{type: account, value: card, scope: till}]\n"
        "row: {kind: \"'visited'\", touchpoint: \"'site'\", occurred_at: \"INSTANT('2026-06-01', '%Y-%m-%d', 'UTC')\"}\n"
        "id: {key: [receipt]}\n",
        encoding="utf-8",
    )
    told = tmp_path / "till.csv"
    told.write_text("receipt,card\n,d1\n,d2\nr1,d3\n", encoding="utf-8")
    opened = open_workspace(root, FixedClock(NOW))
    result = opened.import_files([told], "till")
    assert (result["accepted"], result["duplicates"], result["rejected"]) == (1, 0, 2)
    assert result["reasons"] == {"empty_key": 2}
    connections.close_all()
