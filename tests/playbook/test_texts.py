"""What may be changed from afar: paths of the playbook's texts and no others, and all of a change or nothing of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from touchline import playbook
from touchline.playbook.texts import LARGEST_TEXT, NotWritten, Writing, authored_texts, is_authored, is_taken, lay_out

STAGES = "playbook/stages.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return playbook.new(tmp_path / "w", "blank")


@pytest.mark.parametrize(
    "file",
    [
        "../touchline.yaml", "playbook/../touchline.yaml", "/etc/passwd", "playbook/templates/../../.env", ".touchline/touchline.sqlite",
        "playbook/conversations/a.yaml\x00", "playbook/conversations/.a.yaml", "playbook/conversations/a/b.yaml", "playbook/stages.yaml ",
        "playbook\\stages.yaml", "playbook/gifts/codes.txt", "playbook/other.yaml", "playbook/conversations/a.yml", "logo.svg", "",
        "playbook/templates/a..b", "playbook/templates/-rf", "playbook/templates//a", "playbook/templates/" + "a" * 200,
    ],
)  # fmt: skip
def test_a_path_that_is_no_text_of_a_playbook_is_none(file: str) -> None:
    assert not is_authored(file)


def test_texts_of_a_playbook_are(root: Path) -> None:
    assert all(map(is_authored, authored_texts(root)))
    assert is_authored("playbook/templates/letters/spring.de.typ")
    assert is_authored("playbook/conversations/spring_letter.yaml")


def test_links_binaries_and_what_is_too_large_are_left_out(root: Path, tmp_path: Path) -> None:
    templates = root / "playbook" / "templates"
    templates.mkdir()
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (templates / "link.liquid").symlink_to(tmp_path / "secret")
    (templates / "picture.png").write_bytes(b"\x89PNG\xff")
    (templates / "huge.liquid").write_text("x" * (LARGEST_TEXT + 1), encoding="utf-8")
    (templates / "windows.liquid").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    texts = authored_texts(root)
    assert [name for name in texts if "templates" in name] == ["playbook/templates/windows.liquid"]
    assert texts["playbook/templates/windows.liquid"] == "one\ntwo\n"
    assert all(is_taken(root, f"playbook/templates/{name}") for name in ("link.liquid", "picture.png", "huge.liquid"))


def test_either_all_is_put_in_place_or_nothing(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "playbook" / "templates").symlink_to(outside)
    before = authored_texts(root)
    with pytest.raises(NotWritten), Writing(root, {STAGES: "- {stage: a}\n", "playbook/templates/a.liquid": "x"}):
        pass
    assert authored_texts(root) == before
    assert list(outside.iterdir()) == []
    with pytest.raises(RuntimeError), Writing(root, {STAGES: "- {stage: a}\n"}):
        raise RuntimeError("what must hold first does not")
    assert authored_texts(root) == before
    assert not list(root.rglob("*.touchline-new"))
    with Writing(
        root, {STAGES: "- {stage: a}\n", "playbook/audiences.yaml": None, "playbook/conversations/a.yaml": "b"}
    ) as writing:
        writing.place()
    after = authored_texts(root)
    assert (after[STAGES], after["playbook/conversations/a.yaml"], "playbook/audiences.yaml" in after) == (
        "- {stage: a}\n",
        "b",
        False,
    )
    assert not list(root.rglob("*.touchline-new"))


def test_a_folder_is_laid_out_with_changes_and_the_workspace_stays(root: Path, tmp_path: Path) -> None:
    before = authored_texts(root)
    into = tmp_path / "elsewhere"
    into.mkdir()
    lay_out(root, {STAGES: None, "playbook/programmes/new.yaml": "name: new\n"}, into)
    assert authored_texts(root) == before
    laid = authored_texts(into)
    assert laid.keys() ^ before.keys() == {STAGES, "playbook/programmes/new.yaml"}
