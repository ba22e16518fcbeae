"""Messages as they will be read: complete or held, escaped, and the same in every form."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html.parser import HTMLParser

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from touchline.delivery.rendering import Missing, Rendered, Renderer, preview, variables
from touchline.kernel.errors import UnknownName
from touchline.playbook.compiled import Brand
from touchline.playbook.plaintext import Unsafe, plain_text
from touchline.playbook.sandbox import Sandbox, Unsayable
from touchline.playbook.typesetting import NotSet
from touchline.playbook.wording import Wordings, Words, form_of

MJML = """<mjml><mj-head><mj-preview>{{ profile.name }}</mj-preview></mj-head><mj-body><mj-section><mj-column>
<mj-text>Hello {{ profile.name }},</mj-text>
<mj-button href="https://hearth.example/?for={{ profile.name | url_encode }}" title="{{ profile.name }}">See</mj-button>
</mj-column></mj-section></mj-body></mjml>"""
LETTER = """#let data = json(bytes(sys.inputs.data))
Dear #data.profile.name, today is #datetime.today().display(). #data.profile.at("nick", default: "")
"""
GIVEN = variables(
    "Hearth Home Warranty",
    Brand("Hearth", "care@hearth.example", "Ringstr. 1"),
    today=datetime(2026, 3, 1, tzinfo=UTC),
    address="ann@customer.example",
    measures={"tenure_days": 1096.0, "experience.overall": None},
    profile={"name": "Ann"},
    unsubscribe_url="https://hearth.example/u",
)


def wordings(texts: Mapping[str, str], channel: str = "email", say: tuple[str, ...] = ()) -> Wordings:
    """One conversation `c` with one variant `a`, its template being the first text, and `s` its subject."""
    first = next(iter(texts))
    words = {
        ("c", channel, "a", language): Words(
            conversation="c", channel=channel, variant="a", language=language, purpose="care", brand="hearth",
            form=form_of(first), file=first, source=texts[first],
            subject_file="s" if "s" in texts else None, subject=texts.get("s"), say=say, never_ask=("postal",),
        )
        for language in ("en", "de")
    }  # fmt: skip
    return Wordings(words, texts, Sandbox(texts))


def rendered(
    texts: Mapping[str, str],
    channel: str = "email",
    say: tuple[str, ...] = (),
    *,
    given_too: Mapping[str, object] | None = None,
) -> Rendered:
    made = wordings(texts, channel, say)
    renderer = Renderer(made)
    try:
        return renderer.render(made.find("c", channel, "a", "en"), {**GIVEN, **(given_too or {})})
    finally:
        renderer.close()


class Shape(HTMLParser):
    """The elements of a page and the names of their attributes: what a value must never change."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))


def test_an_email_has_a_subject_html_and_the_same_as_text() -> None:
    made = rendered({"a.mjml": MJML, "s": "For {{ profile.name }}"})
    assert made.subject == "For Ann"
    assert made.text == "Hello Ann,\n\nSee (https://hearth.example/?for=Ann)\n"
    assert made.html is not None
    assert made.html.startswith("<!doctype html>")
    assert made.pdf is None


@pytest.mark.parametrize("blank", [None, "", "   ", "\x00\n"])
def test_a_missing_value_holds_the_message_and_is_never_a_blank_greeting(blank: object) -> None:
    for texts in ({"a.mjml": MJML, "s": "x"}, {"a.liquid": "Dear {{ profile.name }},", "s": "x"}, {"a.typ": LETTER}):
        with pytest.raises(Missing) as caught:
            rendered(texts, given_too={"profile.name": blank})
        assert caught.value.names == ("profile.name",)


def test_all_that_is_missing_is_told_at_once_of_subject_text_and_what_to_say() -> None:
    with pytest.raises(Missing) as caught:
        rendered(
            {"a.liquid": "{{ profile.a | upcase }} {{ experience.overall | plus: 1 }}", "s": "{{ profile.b }}"},
            "phone",
            ("{{ profile.c }}",),
        )
    assert caught.value.names == ("profile.b", "profile.a", "experience.overall", "profile.c")


def test_what_a_filter_leaves_blank_is_missing_too() -> None:
    with pytest.raises(Missing):
        rendered({"a.liquid": "Dear {{ profile.name | remove: 'Ann' }},", "s": "x"})


def test_a_default_or_a_test_covers_what_is_missing() -> None:
    text = "{{ profile.nick | default: profile.name }}{% if profile.nick %} {{ profile.nick }}{% endif %}{% if profile.nick == 'x' %}!{% endif %}"
    assert rendered({"a.liquid": text, "s": "x"}).text == "Ann\n"


def test_whole_numbers_are_written_without_a_fraction() -> None:
    assert rendered({"a.liquid": "{{ tenure_days }} {{ tenure_days | divided_by: 365 }}", "s": "x"}).text == "1096 3\n"


def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    made = rendered(
        {"a.liquid": "x", "s": "For {{ profile.name }}"},
        given_too={"profile.name": "Ann\r\nBcc: eve@evil.example\u2028\x85x"},
    )
    assert made.subject is not None
    assert made.subject.isprintable()
    assert made.subject.startswith("For Ann Bcc:")


hostile = st.text(max_size=40) | st.sampled_from(
    ['"><script>alert(1)</script>', "' onmouseover='x", "</mj-text><mj-raw><b>", "]]>", "<!-- -->", "&lt;b&gt;", "{{ brand.name }}",
     "{% raw %}", "-->", "</style><style>", "&#x22;", "javascript:x", "\\", "<![endif]-->"]
)  # fmt: skip


@settings(max_examples=examples(150))
@given(value=hostile)
def test_no_value_changes_the_elements_of_an_email(value: str) -> None:
    try:
        made = rendered({"a.mjml": MJML, "s": "x"}, given_too={"profile.name": value})
    except Missing:
        return
    benign = rendered({"a.mjml": MJML, "s": "x"}, given_too={"profile.name": "Ann"})
    assert made.html is not None
    assert benign.html is not None
    assert Shape(made.html).elements == Shape(benign.html).elements


FILTERS = sorted(set(Sandbox({}).filters) - {"newline_to_br", "divided_by", "modulo", "times", "plus", "minus"})


@settings(max_examples=examples(200))
@given(value=hostile, chain=st.lists(st.sampled_from(FILTERS), max_size=3))
def test_no_filter_lets_a_value_become_an_element(value: str, chain: list[str]) -> None:
    arguments = {
        "append": ": '<i>'",
        "prepend": ": '<i>'",
        "replace": ": 'a', '<b>'",
        "default": ": '<u>'",
        "join": ": '<i>'",
        "split": ": ' '",
    }
    text = "<p>{{ profile.name " + " ".join(f"| {one}{arguments.get(one, '')}" for one in chain) + " }}</p>"
    try:
        html = rendered({"a.html": text, "s": "x"}, given_too={"profile.name": value}).html
    except (Missing, Unsayable):
        return
    assert html is not None
    assert Shape(html).elements == [("p", ())]


def test_a_line_end_becomes_an_element_and_what_stands_beside_it_does_not() -> None:
    made = rendered(
        {"a.html": "<p>{{ profile.name | newline_to_br }}</p>", "s": "x"}, given_too={"profile.name": "<b>\nAnn"}
    )
    assert made.html == "<p>&lt;b&gt;<br />\nAnn</p>"


@pytest.mark.parametrize(
    "text",
    [
        "<a href='{{ profile.name }}'>x</a>",
        '<img src="{{ profile.name }}">',
        "<a href=' java&#10;script:{{ profile.name }}'>x</a>",
    ],
)
def test_a_value_is_no_address_that_acts(text: str) -> None:
    with pytest.raises(Unsayable):
        rendered({"a.html": text, "s": "x"}, given_too={"profile.name": "JavaScript:alert(1)"})


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<b onclick='x'>",
        "<iframe>",
        "<form>",
        "<a href='data:text/html,x'>",
        "<meta http-equiv=refresh content=0>",
    ],
)
def test_what_acts_by_itself_is_refused(html: str) -> None:
    with pytest.raises(Unsafe):
        plain_text(html)


def test_text_of_a_page_keeps_paragraphs_lists_and_links() -> None:
    html = """<html><head><title>no</title><style>p {}</style></head><body><div style="display: none">hidden</div>
      <h1>One</h1><p>Two &amp;
      three<br>four</p><ul><li>five<li>six</ul><table><tr><td>a<td>b</table>
      <a href="https://x.example/y">seven</a> <a href="https://x.example">https://x.example</a> <img src="https://x/p.png" alt="eight"></body></html>"""
    assert plain_text(html) == (
        "One\n\nTwo & three\nfour\n\n- five\n- six\n\na b\n\nseven (https://x.example/y) https://x.example eight\n"
    )


@given(html=st.text(st.sampled_from("<>/ab =\"'!-&;#x \n")))
def test_any_text_is_read_as_a_page_without_an_error(html: str) -> None:
    try:
        plain_text(html)
    except Unsafe:
        return


def pages(made: Rendered) -> str:
    assert made.pdf is not None
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made.pdf)).pages)


@pytest.fixture(scope="module")
def letters() -> Iterator[Renderer]:
    renderer = Renderer(wordings({"a.typ": LETTER}, "post"))
    yield renderer
    renderer.close()


@pytest.mark.parametrize(
    "value",
    ['#read("/etc/passwd")', "*Ann* _x_", "$ x $", "@preview", "= Ann", "\\u{41}", "</text>", "Ann #panic()", "`x`"],
)
def test_a_value_is_never_markup_in_a_letter(letters: Renderer, value: str) -> None:
    words = letters.wordings.find("c", "post", "a", "en")
    made = letters.render(words, {**GIVEN, "profile.name": value})
    assert f"Dear {value}, today is 2026-03-01." in pages(made)


def test_a_letter_to_a_name_that_its_fonts_do_not_have_is_held(letters: Renderer) -> None:
    words = letters.wordings.find("c", "post", "a", "en")
    with pytest.raises(NotSet) as caught:
        letters.render(words, {**GIVEN, "profile.name": "名前"})
    assert "名" not in str(caught.value)
    assert "Dear Ann" in pages(letters.render(words, {**GIVEN, "profile.other": "名前"}))


def test_a_letter_is_the_same_bytes_each_time(letters: Renderer) -> None:
    words = letters.wordings.find("c", "post", "a", "en")
    assert letters.render(words, GIVEN).pdf == letters.render(words, GIVEN).pdf


def test_a_letter_in_plain_text_is_set_with_its_address() -> None:
    said = pages(rendered({"a.liquid": "Dear {{ profile.name }},\n\n\nthank you #x.\n"}, "post"))
    assert "Ringstr. 1" in said
    assert "ann@customer.example" in said
    assert "Dear Ann," in said
    assert "thank you #x." in said


def test_a_call_has_its_reason_its_words_and_what_not_to_ask() -> None:
    made = rendered(
        {"a.liquid": "{{ profile.name }} is to decide."},
        "phone",
        ("thank for {{ tenure_days | divided_by: 365 }} years",),
    )
    assert made.call is not None
    assert made.call.purpose == "Ann is to decide."
    assert made.call.say == ("thank for 3 years",)
    assert made.call.never_ask == ("postal",)


def test_a_preview_shows_the_message_or_why_it_would_be_held() -> None:
    texts = {"a.liquid": "{{ language }} {{ profile.name }}", "s": "x"}
    shown = preview(wordings(texts), "c", "email", "a", "de", GIVEN)
    assert shown.rendered is not None
    assert (shown.rendered.text, shown.missing, shown.words.language) == ("de Ann\n", (), "de")
    held = preview(wordings(texts), "c", "email", "a", "fr", {**GIVEN, "profile.name": None})
    assert (held.rendered, held.missing, held.words.language) == (None, ("profile.name",), "en")
    with pytest.raises(UnknownName):
        preview(wordings(texts), "c", "email", "b", None, GIVEN)


def test_an_error_names_no_customer() -> None:
    for texts in (
        {"a.liquid": "{{ profile.name | date: '%Y' }}", "s": "x"},
        {"a.mjml": "<mjml><mj-body>{{ profile.name }}", "s": "x"},
    ):
        with pytest.raises(Unsayable) as caught:
            rendered(texts, given_too={"profile.name": "annabel"})
        assert "annabel" not in str(caught.value)
