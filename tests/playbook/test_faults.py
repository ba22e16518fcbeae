"""Every fault is found, all at once, each with file, line, what is wrong and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.playbook import hearth
from touchline import playbook
from touchline.kernel.errors import Fault, FaultsFound, NotAWorkspace

PLACES = "playbook/touchpoints.yaml"
MAPPING = "playbook/mapping.yaml"
STAGES = "playbook/stages.yaml"
AUDIENCES = "playbook/audiences.yaml"
POLICIES = "playbook/policies.yaml"
CALL = "playbook/conversations/renewal_call.yaml"
LETTER = "playbook/conversations/renewal_letter.yaml"
THANKS = "playbook/conversations/renewal_thanks.yaml"
ANNIVERSARY = "playbook/conversations/anniversary.yaml"
IMPORT = "playbook/imports/cdnow.yaml"


@dataclass(frozen=True)
class Case:
    """A fault brought in: `new` in place of `old`; found on the line of `at` (of `old` where empty).

    renames   whether a name changes that others use, or that another file bears
    """

    file: str
    old: str
    new: str
    what: str
    remedy: str
    at: str = ""
    renames: bool = False

    def __str__(self) -> str:
        return f"{self.file.rpartition('/')[2]} {self.new[:40]}"


CASES = [
    # The organisation
    Case(
        "touchline.yaml",
        "zone: Europe/Berlin",
        "zone: Europe/Berln",
        "`Europe/Berln` is not an IANA time zone",
        "Europe/Berlin",
    ),
    Case("touchline.yaml", "currency: EUR", "currency: EURO", "`EURO` is not an ISO 4217 currency", "`EUR`"),
    Case("touchline.yaml", "half_life: 180 d", "half_life: 180 days", "`180 days` is not a duration", "`7 d`"),
    Case("touchline.yaml", "half_life: 180 d", "half_life: 0 d", "no time at all", "longer"),
    Case(
        "touchline.yaml", "half_life: 180 d", "half_live: 180 d", "`half_live` is not a key of this file", "`half_life`"
    ),
    Case("touchline.yaml", "version: 1", "version: 2", "`2` is not allowed", "1"),
    Case("touchline.yaml", "[en, de]", "[en, deu]", "`deu` is not a language", "ISO 639-1", renames=True),
    Case(
        "touchline.yaml",
        "care@hearth.example",
        "care.hearth.example",
        "is not an e-mail address",
        "care@hearth.example",
    ),
    # touchpoints.yaml
    Case(
        PLACES, "site:            {channel: web,", "site:            {channel: wep,", "`wep` is not a channel", "`web`"
    ),
    Case(PLACES, "department: sales, ", "department: sale, ", "`sale` is not a department", "`sales`"),
    Case(PLACES, "weight: 0.5, topic: cover}", "weight: 0.5, topic: covr}", "`covr` is not a topic", "`cover`"),
    Case(PLACES, "weight: 3", "weight: heavy", "`weight` must be a number, not `heavy`", "digits"),
    Case(PLACES, "weight: 3", "weight: -3", "`weight` is below 0", "0 or more"),
    Case(PLACES, "principle: reliability", "principle: reliabilty", "`reliabilty` is not a principle", "`reliability`"),
    Case(PLACES, "kept: 0.4", "kept: 1.4", "`kept` is above 1", "1 or less"),
    Case(PLACES, "within: 4 h,", "", "does not say when it is kept: `within` missing", "`holds`", at="answered_in_4h"),
    Case(PLACES, 'holds: "event.arrived_on = event.agreed_on"', "from: asked", "`until`, `within` missing", "`holds`"),
    Case(PLACES, "closed_by: [served]", "closed_by: [serve]", "`serve` is not a kind of interaction", "`served`"),
    Case(
        PLACES,
        "  welcome_call: ",
        "  service: ",
        "`service` is a department already",
        "share one set of names",
        renames=True,
    ),
    Case(
        PLACES, "  welcome_call: ", "  phone: ", "`phone` is a channel already", "share one set of names", renames=True
    ),
    Case(
        PLACES,
        "  onboarding: ",
        "  overall: ",
        "`overall` is a measure of `experience` already",
        "share one set of names",
        renames=True,
    ),
    Case(
        PLACES, "  welcome_call: ", "  Welcome-Call: ", "`Welcome-Call` cannot be a name", "small letters", renames=True
    ),
    # mapping.yaml
    Case(MAPPING, "kind: visited", "kind: visits", "`visits` is not a kind of interaction", "`visited`"),
    Case(
        MAPPING,
        "default: {kind: acted, touchpoint: site}",
        "default: {kind: acted, touchpoint: sight}",
        "`sight`",
        "`site`",
    ),
    Case(
        MAPPING,
        "episode: {type: claim, id: event.claim_no}",
        "episode: {type: claims, id: event.claim_no}",
        "`claims` is not an episode type",
        "`claim`",
    ),
    Case(
        MAPPING,
        ", agreement: {id: event.contract_no}}",
        "}",
        "`left` requires `agreement`",
        "Add `agreement`",
        at="Contract Ended",
    ),
    Case(MAPPING, "cost: event.labour_cost", "cost: labour_cost", "labour_cost", "event."),
    Case(MAPPING, "closes: event.solved", "closes: event.visits + 1", "must be boolean", "x > 0"),
    Case(MAPPING, "kind: complained", "kind: stepped", "only Touchline itself writes", "another kind"),
    # stages.yaml
    Case(
        STAGES,
        '- {stage: member,     when: "days_to_renewal > 60"}',
        "- {stage: member}",
        "none after it is ever reached",
        "`when`",
    ),
    Case(
        STAGES,
        "- {stage: prospect}",
        '- {stage: prospect, when: "count.sent = 0"}',
        "some customers have no stage",
        "last stage",
    ),
    Case(STAGES, "tenure_days < 45", "tenure_dys < 45", "tenure_dys", "tenure_days"),
    Case(STAGES, "tenure_days < 45", "stage = 'member'", "own condition reads `stage`", "Write out"),
    Case(STAGES, "tenure_days < 45", "tenure_days", "must be boolean", "x > 0"),
    Case(STAGES, "stage: onboarding", "stage: renewal", "`renewal` is a stage already", "Rename", renames=True),
    Case(
        STAGES,
        "tenure_days < 45",
        "programme.renewal.step = 2",
        "reads `programme.renewal.step`, while programmes read the stage",
        "an audience may read them",
    ),
    # audiences.yaml
    Case(AUDIENCES, "experience.claims <", "experience.claim_lin <", "experience.claim_lin", "experience.claim_line"),
    Case(AUDIENCES, "stage = 'member'", "stage = 'membr'", "`membr` is not a stage", "`member`"),
    Case(
        AUDIENCES,
        "\"stage = 'member' AND days_since.visited > 180\"",
        "renewal_due",
        "names another audience, `renewal_due`",
        "Write out",
    ),
    Case(AUDIENCES, "days_since.visited > 180", "1 < tenure_days < 5", "", ""),
    Case(AUDIENCES, "days_since.visited > 180", "days_since.visited > 180 days", "", ""),
    Case(
        AUDIENCES, "quiet_members:", "hand_raiser:", "`hand_raiser` is a measure already", "another name", renames=True
    ),
    # policies.yaml
    Case(
        POLICIES,
        "channel: email, at_most",
        "chanel: email, at_most",
        "`chanel` is not a key of item 2 of `caps`",
        "`channel`",
    ),
    Case(
        POLICIES, "purpose: selling, at_most", "purpose: sellling, at_most", "`sellling` is not a purpose", "`selling`"
    ),
    Case(POLICIES, "every: 14 d", "every: 36 h", "counts over `36 h`", "whole days"),
    Case(POLICIES, "every: 90 d", "every: 500 d", "counts over `500 d`", "`365 d`"),
    Case(
        POLICIES,
        "channel: email, at_most",
        "channel: email, purpose: care, at_most",
        "by channel and by purpose",
        "two caps",
    ),
    Case(
        POLICIES,
        "name: selling,   purpose",
        "name: email,   purpose",
        "`email` is the name of a cap already",
        "another name",
    ),
    Case(POLICIES, "classes: [3, 4, 5]", "classes: [1, 4, 5]", "Item 1 of `classes` is below 2", "2 or more"),
    Case(POLICIES, '"20:00"', '"25:00"', "`25:00` is not a time of day", '"20:00"'),
    Case(POLICIES, "days: [sun]", "days: [sunday]", "`sunday` is not a day of the week", "`sun`"),
    Case(POLICIES, "zone: customer", "zone: custmer", "`custmer` is not allowed", "`customer`"),
    Case(POLICIES, "reading_at_most: -0.5", "reading_at_most: -5", "`reading_at_most` is below -1", "-1 or more"),
    Case(POLICIES, "global: 0.05", "global: 5", "`global` is above 1", "1 or less"),
    Case(
        POLICIES,
        "soft_opt_in: {purposes: [care]",
        "soft_opt_in: {purposes: [selling]",
        "cannot rest on a soft opt-in",
        "only care",
    ),
    Case(POLICIES, "value.balance >=", "value.balanse >=", "value.balanse", "value.balance"),
    # conversations
    Case(CALL, "purpose: care", "purpose: caring", "`caring` is not a purpose", "`care`"),
    Case(CALL, "brand: hearth", "brand: heart", "`heart` is not a brand", "`hearth`"),
    Case(CALL, "topic: cover", "topic: clover", "`clover` is not a topic", "`cover`"),
    Case(CALL, "languages: [en, de]", "languages: [en, fr]", "`fr` is not a language of the organisation", "de"),
    Case(CALL, "audience: renewal_due", "audience: renewal_do", "`renewal_do` is not an audience", "`renewal_due`"),
    Case(CALL, "recurs: per agreement term", "recurs: sometimes", "`sometimes` does not say how often", "`once`"),
    Case(
        CALL, "recurs: per agreement term", "recurs: every 400 d", "cannot look back further than 365 days", "`365 d`"
    ),
    Case(CALL, "kind: renewed", "kind: renewd", "`renewd` is not a kind of interaction", "`renewed`"),
    Case(CALL, "lever: 1.0", "lever: -1", "`lever` is below 0", "0 or more"),
    Case(CALL, "urgent: false", "urgent: true", "urgent, but its purpose is `care`", "only a service notice"),
    Case(CALL, "urgent: false", "urgent: no", "`urgent` must be `true` or `false`, not `no`", "without quotes"),
    Case(
        CALL,
        "touchpoint: account_call",
        "touchpoint: account_mail",
        "`account_mail` is on channel `email`, not on `phone`",
        "account_call",
    ),
    Case(
        CALL,
        "touchpoint: account_call",
        "touchpoint: acount_call",
        "`acount_call` is not a touchpoint",
        "`account_call`",
    ),
    Case(
        CALL,
        "template: renewal_call.liquid",
        "template: renewal_cal.liquid",
        "is not a file in playbook/templates",
        "`renewal_call.liquid`",
    ),
    Case(
        CALL,
        "template: renewal_call.liquid",
        "template: ../../secret",
        "is not the name of a template",
        "playbook/templates",
    ),
    Case(
        LETTER,
        "name: renewal_letter",
        "name: renewal_call",
        "`renewal_call` is the name of",
        "another name",
        renames=True,
    ),
    Case(
        LETTER,
        "name: plain,      ",
        "name: handwritten,",
        "`handwritten` is the name of two variants",
        "Rename",
        at="renewal_letter_b",
    ),
    Case(
        LETTER,
        "share: 1, template: renewal_letter_b.typ",
        "share: 0, template: renewal_letter_b.typ",
        "`share` is below 1",
        "1 or more",
    ),
    Case(THANKS, "given: 5", "gives: 5", "`gives` is not a key of `value`", "`given`"),
    Case(ANNIVERSARY, "of: term_start", "of: term_strat", "`term_strat` is not a date", "`term_start`"),
    Case(
        ANNIVERSARY,
        "{date: {of: term_start, every: 1 y, at: -3 d}}",
        "{}",
        "either an `event` or a `date`",
        "exactly one",
        at="trigger: {}",
    ),
    Case(
        ANNIVERSARY,
        "{date: {of: term_start, every: 1 y, at: -3 d}}",
        "{event: {kind: bought, where: event.revenue_mino > 5}}",
        "event.revenue_mino",
        "event.revenue_minor",
    ),
    # Files to import
    Case(IMPORT, "cds: integer", "cds: interger", "`interger` is not a type", "`integer`"),
    Case(IMPORT, "cds: integer", "cd: integer", "`cd` is not an expected column", "`cds`"),
    Case(
        IMPORT,
        "number_of_cds: cds",
        "nmber_of_cds: cds",
        "`nmber_of_cds` is not a column of `expect.columns`",
        "`number_of_cds`",
    ),
    Case(IMPORT, "encoding: utf-8", "encoding: ebcdic", "ebcdic", "windows-1252"),
    Case(
        IMPORT,
        "type: text, separator: whitespace, header: 1, encoding: utf-8",
        "type: parquet, header: 1, encoding: latin-1",
        "A parquet file has no encoding",
        "Remove `encoding`",
    ),
    Case(IMPORT, "separator: whitespace", "separator: ';'", "does not separate a text file's columns", "`whitespace`"),
    Case(IMPORT, "kind: \"'bought'\"", "kind: \"'bouht'\"", "`bouht` is not a kind of interaction", "`bought`"),
    Case(IMPORT, "kind: \"'bought'\"", "kind: bought", "bought", ""),
    Case(IMPORT, "  revenue: dollars\n", "", "`bought` requires `revenue`", "Add `revenue`", at="kind:"),
    Case(IMPORT, "touchpoint: \"'site'\"", "touchpoint: \"'sit'\"", "`sit` is not a touchpoint", "`site`"),
    Case(IMPORT, "revenue: dollars", "revenue: dolars", "dolars", "dollars"),
    Case(IMPORT, "revenue: dollars", "revenue: date", "", ""),
    Case(IMPORT, "type: account", "type: acount", "`acount` is not a type of identifier", "`account`"),
    Case(
        IMPORT,
        "key: [customer_id, date,",
        "key: [customer, date,",
        "`customer` is not a column of `types`",
        "`customer_id`",
    ),
    Case(IMPORT, 'when: "dollars < 0"', 'when: "dollars"', "must be boolean", "x > 0"),
    Case(
        IMPORT,
        "payload: {cds: cds}",
        "preference: {max_per_weeks: 'CAST(cds AS text)'}",
        "`max_per_weeks` is not a preference",
        "`max_per_week`",
    ),
    Case(IMPORT, "payload: {cds: cds}", "about: \"'touchpoint:sight'\"", "`sight` is not a touchpoint", "`site`"),
    Case(
        IMPORT, "payload: {cds: cds}", "about: \"'order 7'\"", "nothing that a reading can be about", "touchpoint:NAME"
    ),
    Case(IMPORT, "payload: {cds: cds}", "paylod: {cds: cds}", "`paylod` is not a key of `row`", "`payload`"),
    Case(
        IMPORT,
        "INSTANT(date, '%Y%m%d', 'America/New_York')",
        "INSTANT(date, '%Y%m%d', 'America/New_Yorc')",
        "America/New_Yorc",
        "",
    ),
]


def _is_remedied(fault: Fault) -> bool:
    return bool(fault.what.strip()) and bool(fault.remedy.strip()) and fault.remedy.rstrip().endswith((".", "?", "`"))


def _place(case: Case) -> tuple[str, int]:
    """File and line where the fault is brought in."""
    text = hearth.FILES[case.file]
    if case.at:
        text = text.replace(case.old, case.new, 1)
    return case.file, text[: text.index(case.at or case.old)].count("\n") + 1


def _is_found(case: Case, faults: list[Fault]) -> bool:
    return any(
        (fault.file, fault.line) == _place(case) and case.what in fault.what and case.remedy in fault.remedy
        for fault in faults
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_is_found_on_its_line_with_a_remedy_and_makes_no_others(case: Case, tmp_path: Path) -> None:
    faults = playbook.check(hearth.write(tmp_path, hearth.replaced(case.file, case.old, case.new)))
    assert _is_found(case, faults), [str(fault) for fault in faults]
    assert all(_is_remedied(fault) for fault in faults), [str(fault) for fault in faults]
    if not case.renames:
        assert {fault.file for fault in faults} == {case.file}
        assert len(faults) <= 3, [str(fault) for fault in faults]


def _all_at_once() -> tuple[list[Case], dict[str, str | None]]:
    """As many of the cases as do not get into each other's way, in one playbook."""
    files: dict[str, str | None] = dict(hearth.FILES)
    taken: list[Case] = []
    for case in CASES:
        text = files[case.file]
        assert text is not None
        free = _place(case) not in [_place(other) for other in taken]
        if free and not case.renames and case.old in text and not case.at and case.new:
            files[case.file] = text.replace(case.old, case.new, 1)
            taken.append(case)
    return taken, files


def test_all_faults_are_found_at_once(tmp_path: Path) -> None:
    cases, files = _all_at_once()
    assert len(cases) >= 50
    faults = playbook.check(hearth.write(tmp_path, files))
    assert [str(case) for case in cases if not _is_found(case, faults)] == [], [str(fault) for fault in faults]
    assert all(_is_remedied(fault) for fault in faults)
    assert faults == sorted(faults)


def test_loading_raises_every_fault_as_one_error(tmp_path: Path) -> None:
    root = hearth.write(
        tmp_path,
        {
            **hearth.replaced(CALL, "purpose: care", "purpose: caring"),
            **hearth.replaced(STAGES, "tenure_days", "tenure"),
        },
    )
    with pytest.raises(FaultsFound) as raised:
        playbook.load(root)
    assert [fault.file for fault in raised.value.faults] == [CALL, STAGES]
    assert f"{CALL}:2: " in str(raised.value)


def test_a_folder_without_touchline_yaml_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(NotAWorkspace):
        playbook.check(tmp_path)


def test_a_conversation_with_many_faults_still_has_its_other_names_checked(tmp_path: Path) -> None:
    text = """\
name: renewal_call
porpose: care
audience: renewal_do
recurs: now and then
value: {given: lots}
channels:
  fone:
    touchpoint: acount_call
    variants:
      - {nme: a, template: renewal_cal.liquid}
      - {name: b}
"""
    faults = playbook.check(hearth.write(tmp_path, {CALL: text}))
    assert [(fault.line, fault.what.partition(" ")[0]) for fault in faults if fault.file == CALL] == [
        (2, "`porpose`"),
        (3, "`renewal_do`"),
        (4, "`now"),
        (5, "`given`"),
        (7, "`fone`"),
        (8, "`acount_call`"),
        (10, "`nme`"),
        (10, "`renewal_cal.liquid`"),
        (11, "The"),
    ]


def test_required_files_are_missed_by_name(tmp_path: Path) -> None:
    faults = playbook.check(hearth.write(tmp_path, {PLACES: None, STAGES: None}))
    assert {(fault.file, fault.line) for fault in faults} == {(PLACES, 0), (STAGES, 0)}


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("playbook/audience.yaml", "`audiences.yaml`"),
        ("playbook/policies.yml", "policies.yaml"),
        ("playbook/conversations/offer.yml", "offer.yaml"),
        ("playbook/conversation/offer.yaml", "`conversations`"),
        ("playbook/programme/renewal.yaml", "`programmes`"),
        ("playbook/programmes/renewal.yml", "renewal.yaml"),
        ("playbook/surveys/claim.yaml", "later version"),
        ("playbook/gift.yaml", "`gifts.yaml`"),
    ],
)
def test_a_file_that_nothing_reads_is_a_fault(file: str, remedy: str, tmp_path: Path) -> None:
    (fault,) = playbook.check(hearth.write(tmp_path, {file: "name: x\n"}))
    assert fault.file in (file, file.rpartition("/")[0])
    assert remedy in fault.remedy


def test_notes_beside_the_playbook_are_left_alone(tmp_path: Path) -> None:
    notes = {"playbook/README.md": "Notes.", "playbook/conversations/ideas.md": "More.", "playbook/.keep": ""}
    assert playbook.check(hearth.write(tmp_path, dict(notes))) == []


def test_a_file_that_cannot_be_read_is_not_held_against_the_others(tmp_path: Path) -> None:
    faults = playbook.check(hearth.write(tmp_path, {PLACES: "departments: [sales\n"}))
    assert {fault.file for fault in faults} == {PLACES}
    faults = playbook.check(hearth.write(tmp_path / "b", {AUDIENCES: "renewal_due: 'unfinished\n"}))
    assert {fault.file for fault in faults} == {AUDIENCES}


def test_two_files_cannot_bear_one_name(tmp_path: Path) -> None:
    again = hearth.FILES[CALL].replace("lever: 1.0", "lever: 2.0")
    (fault,) = playbook.check(hearth.write(tmp_path, {"playbook/conversations/second.yaml": again}))
    assert fault.file == "playbook/conversations/second.yaml"
    assert "renewal_call.yaml" in fault.what


def test_a_brand_may_be_left_out_only_where_there_is_one(tmp_path: Path) -> None:
    without = hearth.replaced(CALL, "brand: hearth\n", "")
    assert playbook.load(hearth.write(tmp_path, without)).conversations["renewal_call"].brand == "hearth"
    two = hearth.replaced("touchline.yaml", "brands: {hearth:", "brands: {ember: {name: Ember}, hearth:")
    (fault,) = playbook.check(hearth.write(tmp_path / "two", {**without, **two}))
    assert fault.file == CALL
    assert "ember, hearth" in fault.remedy


def test_a_template_must_be_text_inside_the_folder(tmp_path: Path) -> None:
    root = hearth.write(tmp_path / "w")
    (root / "playbook/templates/bad.liquid").write_bytes(b"first\n\xff\xfe")
    outside = tmp_path / "outside.liquid"
    outside.write_text("secret", encoding="utf-8")
    (root / "playbook/templates/link.liquid").symlink_to(outside)
    faults = playbook.check(root)
    assert [(fault.file, fault.line) for fault in faults] == [
        ("playbook/templates/bad.liquid", 2),
        ("playbook/templates/link.liquid", 0),
    ]


def test_a_fault_quotes_long_texts_short(tmp_path: Path) -> None:
    changes = hearth.replaced(CALL, "purpose: care", f"purpose: {'x' * 10_000}")
    faults = playbook.check(hearth.write(tmp_path, changes))
    assert all(len(str(fault)) < 400 for fault in faults)


def test_a_file_of_a_thousand_faults_is_told_whole_and_soon(tmp_path: Path) -> None:
    text = "".join(f"audience_{number}: [not, a, condition]\n" for number in range(1_000))
    faults = playbook.check(hearth.write(tmp_path, {AUDIENCES: text}))
    assert [fault.line for fault in faults if fault.file == AUDIENCES] == list(range(1, 1_001))
