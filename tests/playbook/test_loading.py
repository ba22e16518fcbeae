"""Authored YAML is read as YAML 1.2 with the line of everything, and what nobody writes by hand is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from touchline.kernel.errors import Fault
from touchline.playbook.loading import DEEPEST, LARGEST_FILE, MOST_NODES, Source, parse, read


def _source(text: str) -> Source:
    source = parse(text.encode(), "f.yaml")
    assert isinstance(source, Source), source
    return source


def _faults(content: bytes) -> list[Fault]:
    faults = parse(content, "f.yaml")
    assert isinstance(faults, list)
    return faults


def test_words_and_times_stay_text_and_numbers_are_numbers() -> None:
    source = _source(
        "a: no\nb: on\nc: 21:00\nd: 2026-01-01\ne: 7\nf: -0.5\ng: true\nh: ~\ni: '7'\nj: 0x1F\nk: .inf\nl: 1_000\n"
    )
    said = source.data
    assert isinstance(said, dict)
    assert {key: said[key] for key in "abcd"} == {"a": "no", "b": "on", "c": "21:00", "d": "2026-01-01"}
    assert {key: said[key] for key in "efgh"} == {"e": 7, "f": -0.5, "g": True, "h": None}
    assert {key: said[key] for key in "ijkl"} == {"i": "7", "j": "0x1F", "k": ".inf", "l": "1_000"}


def test_every_key_and_value_has_its_line() -> None:
    source = _source("# a comment\na:\n  b: 1\n  c:\n    - x\n    - {y: 2,\n       z: 3}\nd: >-\n  long\n  text\n")
    assert source.line_of_key(("a", "b")) == 3
    assert source.line_of(("a", "c", 0)) == 5
    assert source.line_of(("a", "c", 1, "z")) == 7
    assert source.line_of(("d",)) == 8
    assert source.line_of(("a", "gone", "deeper")) == 2, "what is not there is on the line of what holds it"
    assert source.data == {"a": {"b": 1, "c": ["x", {"y": 2, "z": 3}]}, "d": "long text"}


def test_an_item_taken_out_of_a_list_leaves_the_lines_of_the_others() -> None:
    source = _source("a:\n  - {b: 1}\n  - {b: 2}\n  - {b: 3}\n").without(("a", 1))
    assert source.data == {"a": [{"b": 1}, {"b": 3}]}
    assert source.line_of(("a", 1, "b")) == 4


def test_a_renamed_key_keeps_its_line() -> None:
    source = _source("a:\n  colour: {x: 1}\n").with_key(("a", "colour"), "color")
    assert source.data == {"a": {"color": {"x": 1}}}
    assert source.line_of(("a", "color", "x")) == 2


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    source = parse(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f.yaml")
    assert isinstance(source, Source)
    assert source.data == {"a": 1, "b": 2}
    assert source.line_of(("b",)) == 2


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "`a` is given twice; the first is on line 1"),
        ("a: {b: 1, b: 2}\n", 1, "`b` is given twice"),
        ("a: &x 1\n", 1, "`&x` is an anchor"),
        ("a: 1\nb: *x\n", 2, "`*x` refers to an anchor"),
        ("a: !!python/object:os.system x\n", 1, "is a YAML tag"),
        ("a: 1\n---\nb: 2\n", 2, "A second document"),
        ("a: 1\n? [b, c]\n: 2\n", 2, "A key must be a text"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("a:\n\t- b\n", 2, "cannot start any token"),
        ("a: 'b\nc: d\n", 3, "unexpected end"),
        ("a: [b,\n", 2, "expected"),
        ("a: 1\nb: \x07\n", 2, "control character"),
        ("a: " + "[" * 40 + "]" * 40 + "\n", 1, f"more than {DEEPEST} deep"),
    ],
)
def test_what_is_refused_has_its_line_and_a_remedy(text: str, line: int, what: str) -> None:
    faults = _faults(text.encode())
    assert [fault.line for fault in faults if what in fault.what] == [line]
    assert all(fault.remedy for fault in faults)


def test_a_bomb_of_anchors_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x, x, x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert _faults(bomb.encode())[0].line == 1


def test_no_nesting_exhausts_the_stack() -> None:
    assert "deep" in _faults(b"[" * 100_000)[-1].what
    assert "deep" in _faults(b"- " * 10_000 + b"x")[-1].what


def test_a_file_of_too_many_values_is_refused() -> None:
    faults = _faults(b"[" + b"1," * (MOST_NODES + 1) + b"1]")
    assert "more than 50,000 values" in faults[0].what


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    (fault,) = read(path, "f.yaml")  # type: ignore[misc] # faults are a list
    assert fault.what.startswith("The file has 1,048,577 bytes")


def test_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    (fault,) = _faults("a: 1\nb: Stra\u00dfe\n".encode("latin-1"))
    assert (fault.line, fault.remedy) == (2, "Save the file as UTF-8.")


def test_a_number_of_ten_thousand_digits_stays_text() -> None:
    assert _source(f"a: {'9' * 10_000}\n").data == {"a": "9" * 10_000}
