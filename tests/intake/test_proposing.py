"""An import that is proposed for a file has no fault, and reads the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.intake.files import ledger
from touchline import playbook
from touchline.intake import import_file
from touchline.intake.heads import Head, Seen, fit, look
from touchline.intake.proposing import guesses, proposal
from touchline.kernel.errors import BadFile
from touchline.kernel.times import SystemClock


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blank workspace, into which each proposal is put in place of the one before."""
    root = playbook.new(tmp_path_factory.mktemp("blank") / "w", "blank")
    (root / "playbook" / "imports").mkdir()
    return root


def _put(root: Path, head: Head, called: str) -> str:
    """The proposal, as the playbook's only import; its name."""
    for left in (root / "playbook" / "imports").iterdir():
        left.unlink()
    name, text = proposal(head, playbook.load(root), called)
    (root / "playbook" / "imports" / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert playbook.check(root) == [], text
    return name


def _parquet(path: Path) -> None:
    from datetime import UTC, datetime

    pl.DataFrame(
        {
            "Customer ID": [1.0, 2.0, None],
            "InvoiceDate": [datetime(2024, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3)],
            "Total": [1.5, 2.5, 3.5],
            "lines": [[1], [2], [3]],
            "paid": [True, False, None],
        }
    ).write_parquet(path)


FILES: dict[str, Any] = {
    "Verkäufe 2024.csv": 'Rechnung;Kunden-Nr;Datum;Betrag;Ort;case\nR1;7;01.02.2024;3.50;"Ulm; West";a\nR2;8;02.02.2024;4;Köln;b\n',
    "windows.csv": "id,email,name,when\n1,a@b.example,Jürgen,2024-01-01T10:00:00\n2,c@d.example,Ann,2024-01-02\n".encode(
        "cp1252"
    ),
    "bare.csv": "c1,2024-01-01,19.90\nc2,2024-01-02,5\n",
    "events.ndjson": "".join(
        json.dumps(
            {"kind": kind, "user": {"id": n, "phone": "+49 30 5551234"}, "at": "2024-01-01T10:00:00Z", "Order Total": 3}
        )
        + "\n"
        for n, kind in enumerate(("bought", "bought"))
    ),
    "orders.parquet": _parquet,
    "people.csv": "user_id,e-mail,fullname,told_at\nu1,a@b.example,Ann,2024-01-01T10:00:00+02:00\nu2,c@d.example,Bob,2024-01-01T10:00:00Z\n",
    "tabs.csv": "key\tnull\tend\trow_number\nx\ty\tz\t1\nu\tv\tw\t2\n",
}


@pytest.mark.parametrize("called", FILES)
def test_a_proposal_reads_its_file(blank: Path, database: Path, tmp_path: Path, called: str) -> None:
    path, made = tmp_path / called, FILES[called]
    if callable(made):
        made(path)
    else:
        path.write_bytes(made if isinstance(made, bytes) else made.encode())
    head = look(path)
    name = _put(blank, head, called)
    book = playbook.load(blank)
    assert not fit(head, book.imports[name])
    done = import_file([path], book.imports[name], book, ledger(tmp_path), received_at=SystemClock().now())
    wanted = 2 if called != "orders.parquet" else 3
    without = 1 if called == "orders.parquet" else 0  # a line that says of nobody whose it is
    assert (done.read, done.accepted, done.rejected) == (wanted, wanted - without, without), (done.reasons, called)


def test_columns_are_taken_for_what_they_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(FILES["Verkäufe 2024.csv"].encode())
    assert [(one.name, one.role or one.type) for one in guesses(look(path))] == [
        ("rechnung", "text"), ("kunden_nr", "user_id"), ("datum", "time"), ("betrag", "amount"), ("ort", "text"), ("column_case", "text"),
    ]  # fmt: skip


@settings(max_examples=examples(50))
@given(
    names=st.lists(st.text(max_size=30) | st.sampled_from(["NULL", "end", "a b", "a.b", "'", '"', "#x", "no", "y", "=1", "ß"]), min_size=1, max_size=12),
    value=st.text(max_size=12) | st.sampled_from(["1", "-3.5", "true", "2024-01-01", "01.02.2024", "bought", "a@b.example", "1e999"]),
    kind=st.sampled_from(["csv", "ndjson", "parquet"]),
    titled=st.booleans(),
    separator=st.sampled_from([",", ";", "\t", "|"]),
)  # fmt: skip
def test_a_proposal_has_no_fault_whatever_the_columns_are_called(
    blank: Path, names: list[str], value: str, kind: str, titled: bool, separator: str
) -> None:
    columns = [Seen(name, name.isprintable(), "", [value] if value.strip() else []) for name in dict.fromkeys(names)]
    head = Head(kind, separator=separator, titled=titled or kind != "csv", columns=columns)
    if guesses(head):
        _put(blank, head, names[0])
    else:
        assert proposal(head, playbook.load(blank), names[0])[1] == ""


def test_a_file_that_fits_nothing_is_told_apart_from_one_that_lacks_a_column(blank: Path, tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(FILES["people.csv"].encode())
    name = _put(blank, look(path), "people.csv")
    imp = playbook.load(blank).imports[name]
    path.write_bytes(b"user_id;fullname;told_at;more\n1;2;3;4\n")
    assert fit(look(path), imp) == 'It reads columns parted by ",", and those of this file are parted by ";".'
    path.write_bytes(b"user_id,fullname,told_at,more\n1,2,3,4\n")
    found = fit(look(path), imp)
    assert not isinstance(found, str)
    assert (found.missing, found.extra) == (("e-mail",), ("more",))
    path.write_bytes(b'{"a": 1}\n')
    assert "NDJSON" in str(fit(look(path), imp))
    path.write_bytes(b"")
    with pytest.raises(BadFile, match="empty"):
        look(path)
