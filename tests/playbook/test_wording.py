"""The words of conversations: in which language, from which file, and what `check` finds in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.playbook.hearth import FILES
from touchline import playbook
from touchline.kernel.errors import FaultsFound, UnknownName
from touchline.playbook import wording
from touchline.playbook.checking.wording import check_wording, may_hold
from touchline.playbook.folder import read_folder
from touchline.playbook.typesetting import NotSet, Press
from touchline.playbook.wording import form_of, in_language, typst_reads

CONVERSATION = """\
name: note
purpose: {purpose}
brand: hearth
languages: [en, de]
audience: "tenure_days > 0"
recurs: once
channels:
  {channel}: {{touchpoint: {touchpoint}, variants: [{{name: a, template: {template}{subject}}}]}}
{more}"""


def workspace(
    root: Path,
    texts: Mapping[str, str],
    *,
    channel: str = "email",
    purpose: str = "care",
    subject: bool = True,
    more: str = "",
) -> Path:
    """A workspace with one conversation whose template is the first of the texts."""
    place = {"email": "account_mail", "post": "account_letter", "phone": "account_call"}[channel]
    conversation = CONVERSATION.format(
        purpose=purpose,
        channel=channel,
        touchpoint=place,
        template=next(iter(texts)),
        subject=", subject: s.liquid" if subject else "",
        more=more,
    )
    files = {name: text for name, text in FILES.items() if "/conversations/" not in name and "/programmes/" not in name}
    files |= {"playbook/conversations/note.yaml": conversation}
    files |= {f"playbook/templates/{name}": text for name, text in {"s.liquid": "Hello", **texts}.items()}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def faults(root: Path) -> list[str]:
    return [str(fault) for fault in check_wording(root, read_folder(root)[0])]


def test_a_sound_text_has_no_faults(tmp_path: Path) -> None:
    text = "Dear {{ profile.name | default: 'customer' }}, {{ experience.overall }} {{ brand.postal }} {{ unsubscribe_url }} {{ contact.email_7d }}"
    assert faults(workspace(tmp_path, {"a.liquid": text})) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\n{{ profile.name", "playbook/templates/a.liquid:2: Liquid cannot read it"),
        ("a\n\n{% if x %}", "playbook/templates/a.liquid:3: Liquid cannot read it"),
        ("{% include 's.liquid' %}", "playbook/templates/a.liquid:1: Liquid cannot read it: unexpected tag 'include'"),
        (
            "a\n{{ tenure_day }}",
            "playbook/templates/a.liquid:2: `tenure_day` is not a variable of messages. Did you mean `tenure_days`?",
        ),
        (
            "{{ customer.name }}",
            "1: `customer.name` is not a variable of messages. Name a measure, or what customers told of themselves, for example `profile.name`.",
        ),
        ("{{ profile.name | upcas }}", "1: `upcas` is not a filter. Did you mean `upcase`?"),
        ("{{ gift.code }}", "1: `gift.code` is not there in this message. Give the conversation a `gift`"),
        ("{% render 'b.liquid' %}", "playbook/templates/b.liquid:2: `nobody` is not a variable"),
    ],
)
def test_each_fault_has_its_file_line_and_remedy(tmp_path: Path, text: str, fault: str) -> None:
    found = faults(workspace(tmp_path, {"a.liquid": text, "b.liquid": "\n{{ nobody }}"}))
    assert len(found) == 1
    assert fault in found[0]


def test_a_missing_sibling_is_a_fault(tmp_path: Path) -> None:
    assert "a.liquid" in faults(workspace(tmp_path, {"a.liquid": "{% render 'gone.liquid' %}"}))[0]


def test_a_link_that_was_asked_for_is_in_its_own_conversations_alone(tmp_path: Path) -> None:
    found = faults(workspace(tmp_path, {"a.liquid": "{{ preferences_url }} {{ link_url }}"}))
    assert len(found) == 1
    assert "`link_url` is not there in this message" in found[0]


def test_a_notice_that_the_contract_demands_offers_no_unsubscribing(tmp_path: Path) -> None:
    found = faults(workspace(tmp_path, {"a.liquid": "{{ unsubscribe_url }}"}, purpose="service"))
    assert "`unsubscribe_url` is not there in this message" in found[0]


def test_what_an_own_system_tells_is_in_what_is_owed_alone(tmp_path: Path) -> None:
    texts = {"a.liquid": "Order {{ notice.order }}"}
    assert faults(workspace(tmp_path / "owed", texts, purpose="service")) == []
    found = faults(workspace(tmp_path / "sold", texts))
    assert "`notice.order` is not there in this message" in found[0]


def test_faults_of_each_language_are_found(tmp_path: Path) -> None:
    root = workspace(tmp_path, {"a.liquid": "x", "a.de.liquid": "\n{{ nobody }}", "a.fr.liquid": "{{ nobody }}"})
    assert [fault.partition(" ")[0] for fault in faults(root)] == ["playbook/templates/a.de.liquid:2:"]


def test_what_is_said_on_the_phone_is_checked_where_it_is_written(tmp_path: Path) -> None:
    root = workspace(
        tmp_path,
        {"a.liquid": "x"},
        channel="phone",
        subject=False,
        more='call:\n  say: ["fine", "thank {{ nobody }}"]\n  never_ask: [postal]\n',
    )
    found = faults(root)
    line = (root / "playbook/conversations/note.yaml").read_text().splitlines().index(
        '  say: ["fine", "thank {{ nobody }}"]'
    ) + 1
    assert len(found) == 1
    assert found[0].startswith(f"playbook/conversations/note.yaml:{line}: `nobody`")


@pytest.mark.parametrize(
    ("texts", "channel", "subject", "fault"),
    [
        ({"a.liquid": "x"}, "email", False, "has no `subject`"),
        ({"a.typ": "x"}, "email", True, "is a letter, and `email` carries none"),
        ({"a.mjml": "<mjml><mj-body></mj-body></mjml>"}, "post", False, "is an e-mail, and `post` carries none"),
        ({"a.mjml": "<mjml><mj-body><mj-section></mj-body></mjml>"}, "email", True, "MJML cannot read it"),
        ({"a.liquid": "{% render 'a.liquid' %}"}, "email", True, "It was stopped: maximum context depth"),
        ({"a.html": "<p>x</p><script>x</script>"}, "email", True, "Messages do not carry the element <script>"),
        ({"a.html": "<a href='javascript:x'>{{ profile.name }}</a>"}, "email", True, "neither web, mail nor telephone"),
        ({"a.typ": "\n#let x = (\n"}, "post", False, "playbook/templates/a.typ:2: Typst cannot set it"),
        (
            {"a.typ": "#let data = json(bytes(sys.inputs.data))\n\n#data.nobody"},
            "post",
            False,
            "a.typ:3: `nobody` is not a variable",
        ),
        ({"a.typ": '#read("../../touchline.yaml")'}, "post", False, "Typst cannot set it"),
        ({"a.typ": '#import "@preview/cetz:0.3.0"'}, "post", False, "Typst cannot set it"),
    ],
)
def test_a_text_fits_its_channel_and_can_be_laid_out(
    tmp_path: Path, texts: Mapping[str, str], channel: str, subject: bool, fault: str
) -> None:
    found = faults(workspace(tmp_path, texts, channel=channel, subject=subject))
    assert len(found) == 1
    assert fault in found[0]


def test_what_may_hold_a_message_is_listed_and_is_no_fault(tmp_path: Path) -> None:
    root = workspace(
        tmp_path,
        {
            "a.liquid": "{{ profile.name }}\n{{ experience.overall | round }} {{ count.bought }} {{ today }} {{ profile.x | default: 1 }}"
        },
    )
    assert faults(root) == []
    assert [(one.line, one.name) for one in may_hold(root, read_folder(root)[0])] == [
        (1, "profile.name"),
        (2, "experience.overall"),
    ]


def test_words_are_in_the_language_asked_or_in_the_first(tmp_path: Path) -> None:
    root = workspace(tmp_path, {"a.liquid": "one\r\n", "a.de.liquid": "eins"})
    words = wording.load(root, playbook.load(root))
    assert words.find("note", "email", "a", "de").source == "eins"
    assert words.find("note", "email", "a", "en").source == "one\n"
    assert words.find("note", "email", "a", "fr").language == "en"
    assert words.find("note", "email", "a").subject == "Hello"
    with pytest.raises(UnknownName, match="note email a"):
        words.find("note", "email", "aa")


def test_a_template_that_has_gone_since_is_a_fault(tmp_path: Path) -> None:
    root = workspace(tmp_path, {"a.liquid": "one"})
    loaded = playbook.load(root)
    (root / "playbook/templates/a.liquid").unlink()
    with pytest.raises(FaultsFound, match=r"a\.liquid"):
        wording.load(root, loaded)


def test_a_link_to_another_place_is_not_read(tmp_path: Path) -> None:
    root = workspace(tmp_path, {"a.liquid": "one"})
    (tmp_path / "secret").write_text("secret")
    (root / "playbook/templates/b.liquid").symlink_to(tmp_path / "secret")
    assert "b.liquid" not in wording.read_texts(root)


@pytest.mark.parametrize("template", ["warranty", "retail", "blank"])
def test_the_packaged_playbooks_have_no_faults_of_wording(template: str, tmp_path: Path) -> None:
    if template not in playbook.template_names():
        pytest.fail(f"{template} is not packaged")
    root = tmp_path / template
    playbook.new(root, template)
    assert faults(root) == []


@pytest.mark.parametrize(
    ("file", "form"),
    [
        ("a.liquid", "text"),
        ("a.mjml", "mjml"),
        ("a.mjml.liquid", "mjml"),
        ("a.html", "html"),
        ("a.typ", "typst"),
        ("a.subject.liquid", "text"),
    ],
)
def test_a_file_is_written_in_what_its_name_says(file: str, form: str) -> None:
    assert form_of(file) == form


def test_a_language_stands_before_the_last_part_of_the_name() -> None:
    assert in_language("a.subject.liquid", "de", {"a.subject.de.liquid"}) == "a.subject.de.liquid"
    assert in_language("a.subject.liquid", "fr", {"a.subject.de.liquid"}) == "a.subject.liquid"


def test_what_a_letter_reads_is_found_but_not_in_its_comments() -> None:
    source = '// data.no\n#data.profile.name /* data.no\n*/ #data.brand.at("postal", default: "") #data.profile.at("x") metadata.y\n#data.profile.len() see data.gift.code.\n'
    assert [(one.name, one.line, one.guarded) for one in typst_reads(source, "a.typ")] == [
        ("profile.name", 2, False),
        ("brand.postal", 3, True),
        ("profile.x", 3, False),
        ("profile", 4, False),
        ("gift.code", 4, False),
    ]


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    with Press(seconds=2.0) as one:
        yield one


def test_a_letter_that_takes_too_long_is_stopped_and_the_next_one_is_set(press: Press) -> None:
    endless = '#let x = "aaaaaaaaaaaaaaaa"\n#for i in range(60) { x = x + x }\n#x.len()'
    with pytest.raises(NotSet):
        press.pdf({"a.typ": endless}, "a.typ", {})
    assert press.pdf({"a.typ": "Dear Ann"}, "a.typ", {}).startswith(b"%PDF")


def test_a_letter_sees_the_files_it_is_given_and_no_others(
    press: Press, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.chdir(tmp_path)
    for path in ("secret.txt", str(tmp_path / "secret.txt"), "/etc/passwd", "../../../../../../etc/passwd"):
        with pytest.raises(NotSet):
            press.pdf({"a.typ": f'#read("{path}")'}, "a.typ", {})
    assert press.pdf({"a.typ": '#read("b.txt")', "b.txt": "ours"}, "a.typ", {})


def test_a_fault_of_a_letter_names_file_and_line_but_not_its_data(press: Press) -> None:
    with pytest.raises(NotSet) as caught:
        press.pdf({"a.typ": "#let data = json(bytes(sys.inputs.data))\n#panic(data.x)"}, "a.typ", {"x": "annabel"})
    assert (caught.value.file, caught.value.line) == ("a.typ", 2)
    assert "annabel" not in str(caught.value)


def test_a_letter_that_would_show_empty_boxes_is_not_set(press: Press) -> None:
    for said in ("Ann 名前", "ก", "Ann 😀"):
        with pytest.raises(NotSet) as caught:
            press.pdf({"a.typ": "Dear Ann"}, "a.typ", {}, said=said)
        assert said not in str(caught.value)
    for said in ("Ann Çağrı Žižek", "Ωμέγα", "Наталья", "שלום", "– „Ann“ … €", "\u200b\u2028"):
        assert press.pdf({"a.typ": "Dear Ann"}, "a.typ", {}, said=said)
