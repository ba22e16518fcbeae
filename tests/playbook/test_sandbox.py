"""Texts in Liquid: what they may read, and the limits that stop them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from touchline.playbook import sandbox
from touchline.playbook.sandbox import Read, Sandbox, Unsayable
from touchline.playbook.values import nested

TEXTS = {"footer.liquid": "-- {{ brand.name }}{{ who }}", "self.liquid": "{% render 'self.liquid' %}"}
VALUES = nested(
    {"profile.name": "Ann", "brand.name": "Hearth", "today": "2026-03-01", "sum.revenue": 12.5, "list": ["a", "b"]}
)


def say(text: str, *, markup: bool = False) -> str:
    said, missing = Sandbox(TEXTS).say(text, VALUES, "a.liquid", markup=markup)
    assert not missing
    return said


def test_a_text_renders_its_siblings() -> None:
    assert say("{% render 'footer.liquid', who: profile.name %}") == "-- HearthAnn"


@pytest.mark.parametrize(
    "name", ["../../touchline.yaml", "/etc/passwd", "nothing.liquid", "playbook/../footer.liquid", "~/.ssh/id"]
)
def test_a_text_renders_nothing_that_lies_elsewhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nothing.liquid").write_text("secret")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unsayable):
        say(f"{{% render '{name}' %}}")


@pytest.mark.parametrize(
    "tag",
    [
        "include 'footer.liquid'",
        "echo 'x'",
        "increment x",
        "tablerow i in list",
        "liquid echo 1",
        "layout 'x'",
        "extends 'x'",
    ],
)
def test_tags_that_are_not_needed_are_not_there(tag: str) -> None:
    with pytest.raises(LiquidError):
        Sandbox(TEXTS).parse(f"{{% {tag} %}}")


@pytest.mark.parametrize("name", ["safe", "escapejs", "base64_decode", "strip_html"])
def test_filters_that_undo_what_was_made_harmless_are_not_there(name: str) -> None:
    assert name not in Sandbox({}).filters
    with pytest.raises(Unsayable, match="unknown filter"):
        say(f"{{{{ profile.name | {name} }}}}")


HUNGRY = {
    "a loop": "{% for i in (1..1000000000) %}{{ i }}{% endfor %}",
    "loops in loops": "{% for i in (1..200) %}{% for j in (1..200) %}x{% endfor %}{% endfor %}",
    "a text that renders itself": "{% render 'self.liquid' %}",
    "too much text": "{% for i in (1..10000) %}" + "x" * 100 + "{% endfor %}",
    "too much text in secret": "{% capture a %}{% for i in (1..10000) %}" + "x" * 100 + "{% endfor %}{% endcapture %}",
    "replacing": "{{ 'aaaaaaaaaa'" + "| replace: 'a', 'aaaaaaaaaaaaaaaaaaaa'" * 9 + " }}",
    "doubling": "{% assign a = 'x' %}{% for i in (1..100) %}{% assign a = a | append: a %}{% endfor %}",
    "joining": "{{ (1..9000) | join: '" + "x" * 1000 + "' }}",
    "a long range": "{{ (1..100000000) | join: ',' }}",
    "multiplying": "{{ 9" + " | times: 99999999999999999999" * 99 + " }}",
    "a wide date": "{{ today | date: '%999999999d' }}",
    "nesting": "{% if true %}" * 60 + "{% endif %}" * 60,
}  # fmt: skip


@pytest.mark.parametrize("what", HUNGRY)
@pytest.mark.parametrize("markup", [False, True])
def test_a_hungry_text_is_stopped(what: str, markup: bool) -> None:
    with pytest.raises(Unsayable):
        say(HUNGRY[what], markup=markup)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in (1..9999) %}{% assign a = i %}{% endfor %}",
        "{% for i in (1..9999) %}{% if profile.name == 'x' %}{% endif %}{% endfor %}",
        "{% for i in (1..9999) %}x{% endfor %}",
    ],
)
def test_a_text_whose_time_is_over_is_stopped(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", -1.0)
    with pytest.raises(Unsayable, match="too long"):
        say(text)


@pytest.mark.parametrize("name", ["__class__", "__init__.__globals__", "keys", "items", "__html__"])
def test_a_value_shows_none_of_its_machinery(name: str) -> None:
    said, missing = Sandbox({}).say("{{ profile.name." + name + " }}{{ profile." + name + " }}", VALUES)
    assert said == ""
    assert missing


def test_no_text_reads_the_machines_clock() -> None:
    for text in ("{{ 'now' | date: '%Y' }}", "{{ 'today' | date: '%Y' }}"):
        with pytest.raises(Unsayable):
            say(text)
    assert say("{{ now | default: 'no' }}") == "no"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ today | date: '%d.%m.%Y' }}", "01.03.2026"),
        ("{{ '2026-03-01T22:30:00-05:00' | date: '%H:%M' }}", "03:30"),
        ("{{ 0 | date: '%Y' }}", "1970"),
        ("{{ sum.revenue | round }} {{ sum.revenue }}", "12 12.5"),
        ("{{ list | join: ', ' }} {{ list.size }} {{ list.first }}", "a, b 2 a"),
        ("{% case profile.name %}{% when 'Ann' %}yes{% endcase %}{% unless profile.x %}!{% endunless %}", "yes!"),
    ],
)
def test_what_texts_usually_say(text: str, said: str) -> None:
    assert say(text) == said


def test_values_are_plain_and_what_is_blank_is_not_there() -> None:
    made = nested(
        {
            "a.b": " ",
            "a.c": None,
            "a.d": float("nan"),
            "a.e": 2.0,
            "a.f": "x\x00\x1by\x9b",
            "a.g": "\ud800",
            "a.h": object(),
            "s": "x",
            "s.t": 1,
        }
    )
    assert made == {"a": {"e": 2, "f": "x  y ", "g": "?"}, "s": "x"}


def test_what_a_text_reads_is_known_with_its_line_and_its_guard() -> None:
    text = (
        "a\n{{ profile.x | default: profile.v }} {{ profile['y z'] }}\n"
        "{% if profile.z %}{{ profile.z | upcase }}{% endif %}{% for i in a.b %}{{ i.c }}{% endfor %}\n"
        "{% render 'footer.liquid', who: gift.code %}{% assign q = profile.w | default: 1 %}{{ q }}"
    )
    assert sorted(Sandbox(TEXTS).reads(text, "t.liquid"), key=lambda read: (read.file, read.line, read.name)) == [
        Read("brand.name", 1, "footer.liquid", guarded=False),
        Read("profile.v", 2, "t.liquid", guarded=False),
        Read("profile.x", 2, "t.liquid", guarded=True),
        Read("profile.y z", 2, "t.liquid", guarded=False),
        Read("a.b", 3, "t.liquid", guarded=False),
        Read("profile.z", 3, "t.liquid", guarded=True),
        Read("profile.z", 3, "t.liquid", guarded=True),
        Read("gift.code", 4, "t.liquid", guarded=False),
        Read("profile.w", 4, "t.liquid", guarded=True),
    ]


@given(text=st.text(st.sampled_from("{}%|'\" abfornidx.=:(1,)\n-#"), max_size=60))
def test_any_text_is_said_or_refused_and_nothing_else(text: str) -> None:
    box = Sandbox({})
    try:
        box.reads(text)
    except LiquidError:
        return
    try:
        box.say(text, VALUES)
    except Unsayable:
        return
