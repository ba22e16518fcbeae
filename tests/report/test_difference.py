"""The difference of two texts: what goes out and in, with its numbers; either text is found again in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from touchline.report.difference import AROUND, MOST, difference

TEXTS = st.lists(st.sampled_from(["a", "b", "", "c d"]), max_size=30).map(
    lambda lines: "".join(f"{one}\n" for one in lines)
)


def test_a_change_is_shown_with_a_few_lines_around() -> None:
    old = "".join(f"{n}\n" for n in range(1, 21))
    found = difference(old, old.replace("10\n", "ten\nand more\n"))
    assert [(one.kind, one.old, one.new) for one in found.lines] == [
        ("skip", None, None), ("same", 7, 7), ("same", 8, 8), ("same", 9, 9), ("out", 10, None), ("in", None, 10), ("in", None, 11),
        ("same", 11, 12), ("same", 12, 13), ("same", 13, 14), ("skip", None, None),
    ]  # fmt: skip
    assert (found.out, found.into, found.more) == (1, 2, 0)


def test_a_file_that_is_new_or_gone_is_all_in_or_all_out() -> None:
    assert [one.kind for one in difference(None, "a\nb\n").lines] == ["in", "in"]
    assert [one.kind for one in difference("a\nb\n", None).lines] == ["out", "out"]
    assert difference("a\n", "a\n").lines == ()


def test_of_a_change_without_end_its_beginning_is_shown() -> None:
    found = difference("x\n" * 100_000, "y\n" * 90_000)
    assert len(found.lines) == MOST
    assert found.more == 190_000 - MOST


@given(TEXTS, TEXTS)
def test_either_side_is_found_again_at_its_numbers(old: str, new: str) -> None:
    before, after = old.split("\n")[:-1], new.split("\n")[:-1]
    found = difference(old, new)
    for one in found.lines:
        assert one.old is None or before[one.old - 1] == one.text
        assert one.new is None or after[one.new - 1] == one.text
    out = {one.old for one in found.lines if one.kind == "out"}
    into = {one.new for one in found.lines if one.kind == "in"}
    assert (len(out), len(into)) == (found.out, found.into)
    kept = [text for number, text in enumerate(before, 1) if number not in out]
    assert kept == [text for number, text in enumerate(after, 1) if number not in into]
    run = 0
    for one in found.lines:
        run = run + 1 if one.kind == "same" else 0
        assert run <= 2 * AROUND
