"""Drafts of the playbook: checked, proposed, approved by somebody else, put into the folder whole; versions, and the way back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.db import connections

from tests.faces import member
from touchline.playbook.texts import NotWritten, authored_text, digest
from touchline.team import audit
from touchline.team.actors import NotAllowed
from touchline.workspace import drafting, freshness, serving, supposing, versions
from touchline.workspace.drafting import DraftFault, Faulty, Moved
from touchline.workspace.opened import Workspace

STAGES = "playbook/stages.yaml"
AUDIENCES = "playbook/audiences.yaml"
SOUND = '- {stage: customer, when: "count.bought > 3"}\n- {stage: prospect}\n'


def _as(office: Workspace, role: str) -> Workspace:
    return office.acting_as(member(role).actor)  # type: ignore[attr-defined] # a user of the team


def _text(office: Workspace, file: str) -> str | None:
    return authored_text(office.settings.root, file)


def _save(who: Workspace, number: int, file: str, text: str | None) -> None:
    found = _text(who, file)
    kept = {one.file: one.text for one in drafting.read(who, number).files}
    who.write_draft(number, file, text, base=digest(found), seen=digest(kept.get(file, found)))


def _proposed(who: Workspace, changes: dict[str, str | None]) -> int:
    number = who.start_draft("for spring")
    for file, text in changes.items():
        _save(who, number, file, text)
    who.propose_draft(number, "for spring")
    return number


def _hand(office: Workspace, file: str, text: str) -> None:
    (office.settings.root / file).write_text(text, encoding="utf-8")


@pytest.fixture
def ada(office: Workspace) -> Workspace:
    """A marketer."""
    return _as(office, "marketer")


@pytest.fixture
def eve(office: Workspace) -> Workspace:
    """An admin, who may approve as well."""
    return _as(office, "admin")


def test_a_draft_goes_from_its_faults_to_the_served_playbook(
    office: Workspace, ada: Workspace, eve: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "LOOKED", 0.0)
    serving.use(office)
    before = serving.current().playbook
    number = ada.start_draft("stages")
    _save(ada, number, STAGES, '- {stage: customer, when: "count.boughtt > 3"}\n- {stage: prospect}\n')
    (fault,) = drafting.faults_of(ada, drafting.read(ada, number).changes)
    assert (fault.file, fault.line) == (STAGES, 1)
    assert "count.bought" in fault.remedy
    with pytest.raises(Faulty):
        ada.propose_draft(number)
    _save(ada, number, STAGES, SOUND)
    ada.propose_draft(number, "patrons")
    assert _text(office, STAGES) != SOUND
    draft = drafting.read(eve, number)
    version = eve.approve_draft(number, draft.revision)
    assert _text(office, STAGES) == SOUND
    serving.current()
    after = serving.current().playbook
    assert after is not before
    assert [stage.when.text for stage in after.stages if stage.when] == ["count.bought > 3"]
    told = versions.one(version)
    assert (told.title, told.author, told.approved_by, told.draft) == ("patrons", "Ada Marketer", "Ada Admin", number)
    assert [one.author for one in versions.listed(9)] == ["Ada Marketer", "the folder"]
    done = [(one.operation, one.about) for one in audit.entries(operation="playbook.")]
    steps = ["approve", "propose", "write", "write", "draft"]
    assert done == [(f"playbook.{step}", f"draft {number}") for step in steps]
    assert "count.bought" not in " ".join(str(one.details) for one in audit.entries())


def test_the_author_does_not_approve_where_another_could_and_does_where_nobody_can(
    office: Workspace, ada: Workspace, eve: Workspace
) -> None:
    number = _proposed(ada, {STAGES: SOUND})
    revision = drafting.read(ada, number).revision
    with pytest.raises(DraftFault, match="author"):
        ada.approve_draft(number, revision)
    with pytest.raises(NotAllowed):
        _as(office, "agent").approve_draft(number, revision)
    with pytest.raises(DraftFault, match="only its author"):
        _save(eve, number, STAGES, SOUND + "\n")
    assert _text(office, STAGES) != SOUND
    member("admin").__class__.objects.filter(email__startswith="admin@").update(is_active=False)  # type: ignore[attr-defined] # Django's
    ada.approve_draft(number, revision)
    assert _text(office, STAGES) == SOUND


def test_what_was_changed_since_it_was_looked_at_is_not_approved(ada: Workspace, eve: Workspace) -> None:
    number = _proposed(ada, {STAGES: SOUND})
    looked = drafting.read(eve, number).revision
    _save(ada, number, STAGES, SOUND + "# and more\n")
    with pytest.raises(DraftFault, match="open"):
        eve.approve_draft(number, looked)
    ada.propose_draft(number)
    with pytest.raises(DraftFault, match="changed since"):
        eve.approve_draft(number, looked)
    with pytest.raises(DraftFault, match="another window"):
        ada.write_draft(number, STAGES, "x", base=digest(_text(ada, STAGES)), seen=digest(SOUND))


def test_a_file_that_moved_is_looked_at_again_and_another_one_is_no_matter(
    office: Workspace, ada: Workspace, eve: Workspace
) -> None:
    versions.look(office)
    number = _proposed(ada, {STAGES: SOUND})
    other = (_text(office, AUDIENCES) or "") + "# by hand\n"
    _hand(office, AUDIENCES, other)
    theirs = "- {stage: everybody}\n"
    _hand(office, STAGES, theirs)
    with pytest.raises(Moved, match="stages"):
        eve.approve_draft(number, drafting.read(eve, number).revision)
    with pytest.raises(Moved):
        ada.write_draft(number, STAGES, SOUND, base=digest("what it was"), seen=digest(SOUND))
    assert drafting.read(ada, number).moved == (STAGES,)
    _save(ada, number, STAGES, SOUND)
    ada.propose_draft(number)
    eve.approve_draft(number, drafting.read(eve, number).revision)
    assert (_text(office, STAGES), _text(office, AUDIENCES)) == (SOUND, other)
    latest, by_hand, first = versions.listed(9)
    assert (by_hand.author, by_hand.title) == ("the folder", "Changed in the folder")
    assert (by_hand.texts[STAGES], latest.texts[STAGES]) == (theirs, SOUND)
    assert first.texts[AUDIENCES] != other


def test_an_old_version_comes_back_by_a_draft(office: Workspace, ada: Workspace, eve: Workspace) -> None:
    first = versions.look(office)
    number = _proposed(ada, {STAGES: SOUND, AUDIENCES: None, "playbook/templates/new.liquid": "Hello\n"})
    eve.approve_draft(number, drafting.read(eve, number).revision)
    back = eve.restore_version(first.number)
    told = {one.file: one.text for one in drafting.read(eve, back).files}
    assert told == {
        STAGES: first.texts[STAGES],
        AUDIENCES: first.texts[AUDIENCES],
        "playbook/templates/new.liquid": None,
    }
    eve.propose_draft(back)
    ada.approve_draft(back, drafting.read(ada, back).revision)
    assert versions.look(office).files == first.files
    with pytest.raises(DraftFault, match="is what the folder holds"):
        ada.restore_version(first.number)


def test_of_two_who_approve_at_once_one_does(office: Workspace, ada: Workspace, eve: Workspace) -> None:
    number = _proposed(ada, {STAGES: SOUND})
    revision = drafting.read(eve, number).revision
    supposing.examined(office, {STAGES: SOUND})
    ready, said = threading.Barrier(2), []

    def approve() -> None:
        ready.wait(10)
        try:
            said.append(eve.approve_draft(number, revision))
        except DraftFault as fault:
            said.append(fault)
        finally:
            connections.close_all()

    both = [threading.Thread(target=approve) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert sorted(type(one).__name__ for one in said) == ["DraftFault", "int"]
    assert [one.draft for one in versions.listed(9)] == [number, None]
    assert len(audit.entries(operation="playbook.approve")) == 1


def test_a_process_that_ends_while_it_writes_is_gone_on_with_at_the_next_look(
    office: Workspace, ada: Workspace, eve: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _text(office, STAGES)
    number = _proposed(ada, {STAGES: SOUND, "playbook/templates/a.liquid": "Hello\n"})
    renamed = Path.replace

    def dies(self: Path, target: Path) -> Path:
        if Path(target).name == "a.liquid":
            return renamed(self, target)
        raise OSError(5, "the machine went down")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", dies)
        with pytest.raises(NotWritten, match="not all files"):
            eve.approve_draft(number, drafting.read(eve, number).revision)
    assert _text(office, STAGES) == before
    serving.use(office)
    monkeypatch.setattr(freshness, "LOOKED", 0.0)
    serving.current()
    assert _text(office, STAGES) == SOUND
    assert not list(office.settings.root.rglob("*.touchline-new"))
    assert [one.draft for one in versions.listed(9)] == [number, None]
    assert versions.look(office).draft == number


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (STAGES, "a: \x00"), (STAGES, "x" * (256 * 1024 + 1)), (STAGES, "\ud800"), ("../escape.yaml", "x"),
        ("playbook/conversations/../../x.yaml", "x"), (".touchline/secret", "x"), ("playbook/gifts/codes.txt", "x"),
    ],
)  # fmt: skip
def test_what_no_playbook_holds_is_not_kept(ada: Workspace, file: str, text: str) -> None:
    number = ada.start_draft("hostile")
    with pytest.raises(DraftFault):
        ada.write_draft(number, file, text, base=digest(_text(ada, file)), seen=digest(_text(ada, file)))
    assert drafting.read(ada, number).files == ()


def test_whatever_is_written_is_answered_with_faults(ada: Workspace) -> None:
    bomb = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\n" + "".join(f"c{i}: [*b,*b]\n" for i in range(50))
    deep = "[" * 5_000 + "]" * 5_000
    for text in (
        bomb,
        deep,
        "\t- \x07",
        "- {stage: !!python/object:os.system x}\n",
        "%YAML 9\n---\n",
        "",
        "stage",
        "- 1\n" * 60_000,
    ):
        assert drafting.faults_of(ada, {STAGES: text}), text[:40]
    assert drafting.faults_of(ada, {"touchline.yaml": None})
    assert drafting.faults_of(ada, {STAGES: SOUND.replace("\n", "\r\n")}) == []
