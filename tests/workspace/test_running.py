"""The loop on a small organisation: what is decided is said once, by whom it may be, and what cannot go waits with its reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.workspace import lively
from touchline.delivery.senders import CallSender, ConsoleSender, LetterSender, Outcome, Outgoing
from touchline.intake import buffer
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY, HOUR, MINUTE, FixedClock
from touchline.recognition.staging import execute
from touchline.site.entry import open_workspace
from touchline.workspace import running, verifying
from touchline.workspace.opened import Workspace
from touchline.workspace.worldly import WorldFault

CUSTOMERS = 12


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Workspace]:
    """An organisation of a notice and a thank-you; two of its customers told no name."""
    from django.db import connections

    root = lively.make(tmp_path / "w", customers=CUSTOMERS, nameless=2)
    yield open_workspace(root, FixedClock(lively.NOW))
    connections.close_all()


@pytest.fixture
def walking(tmp_path: Path) -> Iterator[Workspace]:
    """The same with a programme: a call, a letter within 48 hours, a fortnight, a thank-you."""
    from django.db import connections

    root = lively.make(tmp_path / "w", customers=CUSTOMERS, programme=True)
    yield open_workspace(root, FixedClock(lively.NOW))
    connections.close_all()


def later(workspace: Workspace, by: int) -> None:
    """Move the workspace's clock on."""
    assert isinstance(workspace.clock, FixedClock)
    workspace.clock.instant += by


def track(workspace: Workspace, user: str, event: str, **properties: Any) -> None:
    """An event of a customer's, now."""
    told = {"type": "track", "messageId": f"{user} {event} {workspace.clock.now()}", "userId": user, "event": event}
    found = buffer.accept([{**told, "properties": properties}], received_at=workspace.clock.now())
    assert not found.faults


def mails() -> ConsoleSender:
    return ConsoleSender("email")


def steps(workspace: Workspace) -> dict[int, int]:
    """Place in the programme -> how many stand there now."""
    workspace.catch_up()
    frame = workspace.relationships_table(measures=["programme.hello.step"])
    return dict(frame["programme.hello.step"].value_counts().sort("programme.hello.step").iter_rows())


def test_what_is_decided_is_said_once_and_a_second_run_says_nothing(talking: Workspace) -> None:
    sender = mails()
    done = talking.run(until_idle=True, senders={"email": sender})
    assert (done.reserved, done.messages["sent"], done.messages["held"]) == (24, 22, 2)
    subjects = sorted(m.rendered.subject or "" for m in sender.sent)
    assert subjects.count("Your terms change") == 12
    assert len({(m.address, m.rendered.subject) for m in sender.sent}) == 22
    again = talking.run(until_idle=True, senders={"email": sender})
    assert (again.reserved, dict(again.messages)) == (0, {})
    assert len(sender.sent) == 22
    assert talking.verify()["faults"] == 0


def test_a_reservation_counts_before_anything_is_sent(talking: Workspace) -> None:
    talking.run(until_idle=True, senders={})
    assert talking.message_counts() == {"reserved": 24}
    seen = talking.relationships_table(measures=["contact.all_7d", "recency.notice"])
    assert set(seen["contact.all_7d"]) == {2}
    summary = talking.decide(dry_run=True).summary
    assert summary["decided"] == 0
    assert summary["held"]["recurrence"] == CUSTOMERS


def test_a_name_that_is_not_known_holds_the_message_until_it_is(talking: Workspace) -> None:
    sender = mails()
    talking.run(until_idle=True, senders={"email": sender})
    held = talking.messages("held")
    assert set(held["reason"]) == {"missing profile.name"}
    told = {"type": "identify", "messageId": "told", "userId": "u11", "traits": {"name": "Lou"}}
    buffer.accept([told], received_at=talking.clock.now())
    later(talking, 2 * HOUR)
    talking.run(until_idle=True, senders={"email": sender})
    assert talking.messages("held").height == 1
    assert [m.rendered.text for m in sender.sent][-1] == "Thank you, Lou.\n"


def test_who_opts_out_between_reservation_and_sending_gets_nothing_that_needs_consent(talking: Workspace) -> None:
    talking.run(until_idle=True, senders={})
    mine = talking.messages().filter(pl.col("conversation") == "thanks").row(0, named=True)
    row = talking.people().filter(pl.col("persona_id") == mine["persona_id"]).row(0, named=True)
    address = "ada0@lantern.example"
    told = pl.DataFrame(
        {
            "id": ["0" * 32], "kind": ["opted_out"], "persona_id": [mine["persona_id"]], "bucket": [row["draw"] % 64],
            "role": ["customer"], "source": ["test"], "occurred_at": [talking.clock.now() + MINUTE], "purpose": ["care"],
            "channel": ["email"], "identifier": [address], "evidence": ["form"],
        },
        schema_overrides={"bucket": pl.Int16},
    )  # fmt: skip
    buffer.accept_rows(told, received_at=talking.clock.now())
    later(talking, 10 * MINUTE)
    sender = mails()
    talking.run(until_idle=True, senders={"email": sender})
    ended = talking.messages("expired")
    assert ended.select("persona_id", "conversation", "reason").rows() == [(mine["persona_id"], "thanks", "consent")]
    assert len([m for m in sender.sent if m.class_ == 2]) == CUSTOMERS - 1 - 2  # and two are held for want of a name
    assert len([m for m in sender.sent if m.class_ == 1]) == CUSTOMERS


def test_an_open_case_holds_thanks_and_not_what_is_owed(talking: Workspace) -> None:
    track(talking, "u3", "Case Opened", case="c1")
    sender = mails()
    talking.run(until_idle=True, senders={"email": sender})
    mine = [m.rendered.subject for m in sender.sent if m.address == "ada3@lantern.example"]
    assert mine == ["Your terms change"]
    explained = talking.explain("u3", conversation="thanks")
    assert "held by care_first" in "\n".join(explained["lines"])


def test_a_sender_that_breaks_costs_its_own_message_alone(talking: Workspace) -> None:
    def answer(message: Outgoing) -> Outcome:
        if message.address == "ada5@lantern.example" and message.class_ == 2:
            raise RuntimeError("the wire")
        return Outcome("sent")

    done = talking.run(until_idle=True, senders={"email": ConsoleSender("email", answer=answer)})
    assert done.messages == {"sent": 21, "held": 2, "uncertain": 1}
    assert talking.messages("uncertain")["reason"].to_list() == ["sender_broke"]
    later(talking, DAY)
    sender = mails()
    talking.run(until_idle=True, senders={"email": sender})
    assert not sender.sent, "what may have arrived is not sent again"
    assert talking.verify()["faults"] == 0


def test_a_hard_bounce_suppresses_the_address(talking: Workspace) -> None:
    def answer(message: Outgoing) -> Outcome:
        return Outcome("failed", "hard_bounce") if message.class_ == 1 else Outcome("sent")

    talking.run(until_idle=True, senders={"email": ConsoleSender("email", answer=answer)})
    seen = talking.relationships_table(measures=["suppressed.email"])
    assert seen["suppressed.email"].all()
    assert talking.decide(dry_run=True).summary["decided"] == 0


def test_quiet_hours_that_have_begun_hold_until_they_are_over(talking: Workspace) -> None:
    talking.run(until_idle=True, senders={})
    policies = talking.settings.root / "playbook" / "policies.yaml"
    text = policies.read_text(encoding="utf-8")
    policies.write_text(f'{text}quiet_hours: {{from: "20:00", until: "08:00", zone: customer}}\n', encoding="utf-8")
    reopened = open_workspace(talking.settings.root, FixedClock(lively.NOW + 11 * HOUR))  # nine in the evening
    sender = mails()
    reopened.run(until_idle=True, senders={"email": sender})
    assert not sender.sent
    assert set(reopened.messages("held")["reason"]) == {"quiet_hours"}
    assert set(reopened.messages("held")["due_at"]) == {lively.NOW + 22 * HOUR}
    later(reopened, 11 * HOUR)
    reopened.run(until_idle=True, senders={"email": sender})
    assert len(sender.sent) == 22


def test_a_programme_goes_its_way_and_its_control_is_left_alone(walking: Workspace) -> None:
    letters = LetterSender(walking.settings.letters, walking.clock)
    senders: dict[str, Any] = {"email": mails(), "phone": CallSender()}
    done = walking.run(until_idle=True, senders={**senders, "post": letters})
    assert done.steps == CUSTOMERS
    assert steps(walking) == {1: CUSTOMERS}
    arms = walking.sql(
        "SELECT arm, count(*) AS n FROM interactions WHERE kind = 'assigned' AND programme = 'hello' GROUP BY arm"
    )
    treated = dict(arms.iter_rows()).get("treated", 0)
    assert 0 < treated < arms["n"].sum() == CUSTOMERS
    tasks = walking.calls()
    assert len(tasks) == treated
    first = tasks[0]
    assert first["brief"]["say"] == [f"welcome {first['brief']['who']['name']}"]
    walking.close_call(first["task"], "reached", "glad to hear from us")
    later(walking, HOUR)  # a customer has one turn a tick
    walking.run(until_idle=True, senders={**senders, "post": letters})
    assert steps(walking) == {1: CUSTOMERS - 1, 3: 1}, "the letter follows the call, then a fortnight passes"
    manifest = next(walking.settings.letters.rglob("manifest.csv")).read_text(encoding="utf-8")
    assert manifest.count("\n") == 2
    later(walking, 8 * DAY)
    walking.run(until_idle=True, senders={**senders, "post": letters})
    assert steps(walking) == {2: CUSTOMERS - treated, 3: treated}, (
        "missed calls are skipped; control waits at the letter"
    )
    later(walking, 15 * DAY)
    walking.run(until_idle=True, senders={**senders, "post": letters})
    read = walking.sql("SELECT reason, payload FROM interactions WHERE kind = 'stepped' AND payload IS NOT NULL")
    assert read.unique().rows() == [("branched", '{"count.bought":1}')], "a branch tells what it read, and nobody else"
    said = walking.sql("SELECT channel, cost_minor FROM interactions WHERE kind = 'sent' AND reason IS NULL").unique()
    assert sorted(said.rows()) == [("email", 0), ("post", 95)], "each costs what its touchpoint does"
    thanked = [m for m in senders["email"].sent if (m.rendered.subject or "").startswith("Thank you")]
    assert len(thanked) == treated - 1, "the first one's seven days were over before anybody looked"
    assert walking.verify()["faults"] == 0
    told = walking.proof("hello")["programmes"][0]
    assert (told["n"], told["n_treated"], told["n_control"]) == (CUSTOMERS, treated, CUSTOMERS - treated)
    assert told["cost"] == pytest.approx(0.95 * treated), "of a letter to each"


def test_a_decision_writes_arms_and_steps_and_a_dry_run_or_one_of_another_time_never(walking: Workspace) -> None:
    told = "SELECT count(*) AS n FROM interactions WHERE kind = 'stepped'"
    walking.decide(dry_run=True)
    walking.decide(as_of=walking.clock.now() - DAY)
    assert walking.sql(told)["n"].to_list() == [0]
    walking.decide()
    assert walking.sql(told)["n"].to_list() == [CUSTOMERS]
    assert steps(walking) == {1: CUSTOMERS}


def test_a_step_that_is_gone_is_told_with_where_its_people_go(walking: Workspace) -> None:
    walking.run(until_idle=True, senders={})
    programme = walking.settings.root / "playbook" / "programmes" / "hello.yaml"
    lines = programme.read_text(encoding="utf-8").splitlines()
    kept = [line.replace("after: {step: call, wait: 0 h}, ", "") for line in lines if "id: call" not in line]
    programme.write_text("\n".join(kept) + "\n", encoding="utf-8")
    from touchline.workspace import authoring

    edited = open_workspace(walking.settings.root, walking.clock)
    told = [str(one) for one in authoring.gone(edited)]
    assert told == [f"{CUSTOMERS} customers stand at the step `call` of `hello`, which is gone, and go on to `letter`."]
    assert steps(edited) == {1: CUSTOMERS}


def test_steps_edited_under_peoples_feet_are_gone_through_once(walking: Workspace) -> None:
    walking.run(until_idle=True, senders={})
    later(walking, 8 * DAY)
    walking.run(until_idle=True, senders={})
    assert steps(walking) == {2: CUSTOMERS}, "the call was missed, the letter waits"
    programme = walking.settings.root / "playbook" / "programmes" / "hello.yaml"
    text = programme.read_text(encoding="utf-8")
    first = text.index("- {id: call")
    kept = text.index("- {id: pause")
    programme.write_text(text[:first] + "- {id: breath, wait: 1 d}\n  " + text[kept:], encoding="utf-8")
    edited = open_workspace(walking.settings.root, walking.clock)
    assert steps(edited) == {2: CUSTOMERS}, "the letter is gone: all stand at the pause, whose place the letter had"
    later(edited, 15 * DAY)
    edited.run(until_idle=True, senders={})
    assert steps(edited) == {4: CUSTOMERS}
    assert edited.verify()["faults"] == 0


def test_a_letter_that_nobody_carried_in_its_48_hours_is_not_sent_after_them(walking: Workspace) -> None:
    walking.run(until_idle=True, senders={"phone": CallSender()})
    task = walking.calls()[0]
    walking.close_call(task["task"], "reached")
    later(walking, HOUR)
    walking.run(until_idle=True, senders={})
    assert walking.messages("reserved").filter(pl.col("conversation") == "hello_letter").height == 1
    later(walking, 50 * HOUR)
    letters = LetterSender(walking.settings.letters, walking.clock)
    walking.run(until_idle=True, senders={"post": letters})
    mine = walking.messages().filter(pl.col("conversation") == "hello_letter")
    assert set(mine["state"]) == {"expired"}
    assert not list(walking.settings.letters.rglob("*.pdf"))


def test_a_case_opened_after_the_reservation_holds_the_thanks(talking: Workspace) -> None:
    talking.run(until_idle=True, senders={})
    track(talking, "u2", "Case Opened", case="c2")
    later(talking, MINUTE)
    sender = mails()
    talking.run(until_idle=True, senders={"email": sender})
    assert [m.class_ for m in sender.sent if m.address == "ada2@lantern.example"] == [1]
    assert "care_first" in talking.messages("held")["reason"].to_list()


def test_a_refusal_that_is_sure_is_not_tried_again_at_once(talking: Workspace) -> None:
    tries: list[str] = []

    def answer(message: Outgoing) -> Outcome:
        tries.append(message.message_id)
        return Outcome("failed", "smtp_550")

    talking.run(until_idle=True, senders={"email": ConsoleSender("email", answer=answer)})
    assert len(tries) == len(set(tries)) == 22


def test_a_sender_that_cannot_be_opened_keeps_its_own_messages_waiting(walking: Workspace) -> None:
    class Shut(ConsoleSender):
        def open(self) -> None:
            raise OSError("no folder")

    sender = mails()
    done = walking.run(until_idle=True, senders={"email": sender, "phone": Shut("phone")})
    assert done.without_sender == {"phone": "its sender cannot be opened: OSError"}
    assert len(sender.sent) == CUSTOMERS


def test_a_past_instant_knows_nothing_of_later_reservations(talking: Workspace) -> None:
    talking.run(until_idle=True, senders={})
    later(talking, 20 * MINUTE)
    before = lively.NOW - 10 * MINUTE
    seen = talking.relationships_table(measures=["contact.all_7d"], as_of=before)
    assert set(seen["contact.all_7d"]) == {0}
    assert talking.explain("u1", as_of=before)["messages"] == []


def test_a_workspace_without_conversations_still_drains(tmp_path: Path) -> None:
    from touchline import playbook

    opened = open_workspace(playbook.new(tmp_path / "w", "blank"), FixedClock(lively.NOW))
    track(opened, "u1", "Anything")
    assert opened.run(until_idle=True, senders={}).reserved == 0
    assert opened.ledger.count() == 1


def test_facts_of_a_batch_are_kept_when_another_message_joins_it(talking: Workspace) -> None:
    from touchline.workspace import carrying

    talking.run(until_idle=True, senders={})
    personas = talking.messages()["persona_id"].unique().sort().to_list()
    with carrying.opened(talking, {"email": mails()}) as carried:
        carried.prepare(personas[:-1], talking.clock.now())
        carried.prepare(personas[-1:], talking.clock.now())
        assert set(carried._known.owners) == set(personas)


def test_a_preview_shows_the_message_or_what_is_missing_and_keeps_nothing(talking: Workspace) -> None:
    seen = talking.preview("thanks", "u1")
    assert (seen["subject"], seen["text"], seen["missing"]) == ("Thank you, Ada 1", "Thank you, Ada 1.\n", [])
    assert talking.preview("thanks", "u11")["missing"] == ["profile.name"]
    assert talking.message_counts() == {}


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        ("DELETE FROM delivery_message WHERE conversation = 'thanks'", "nobody reserved"),
        ("UPDATE delivery_message SET channel = 'post' WHERE conversation = 'thanks'", "differs from its reservation"),
        ("UPDATE delivery_message SET state = 'sent' WHERE state = 'held'", "the ledger does not tell of it"),
        ("UPDATE delivery_message SET reserved_at = reserved_at - 3542400000000 WHERE talk_class = 2", "no consent"),
    ],
)
def test_verify_finds_messages_that_had_no_reservation_or_no_basis(talking: Workspace, tamper: str, fault: str) -> None:
    talking.run(until_idle=True, senders={"email": mails()})
    assert verifying.said(talking).found == 0
    execute(tamper, [])
    assert any(fault in told for told in verifying.said(talking).faults)


def test_what_a_call_is_about_is_told_before_it_is_made(walking: Workspace) -> None:
    walking.run(until_idle=True)
    brief = walking.calls()[0]["brief"]
    assert json.dumps(brief["before"])
    assert brief["who"]["number"].startswith("+4930")
    assert "address" in json.dumps(brief["never_ask"])


def test_an_endless_run_goes_on_after_a_turn_that_failed_and_ends_when_it_is_asked_to(
    talking: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Walking:
        instant = lively.NOW

        def now(self) -> int:
            self.instant += 1
            return self.instant

    turns, broken = running.turn, iter([True])

    def turn(*arguments: Any) -> tuple[bool, int]:
        if next(broken, False):
            raise OSError("the store is away")
        return turns(*arguments)

    monkeypatch.setattr(running, "turn", turn)
    monkeypatch.setattr(running, "PAUSE", 0.0)
    opened = open_workspace(talking.settings.root, Walking())
    sender, asked = mails(), iter([False] * 6)
    done = opened.run(senders={"email": sender}, stop=lambda: next(asked, True))
    assert done.failed == {"OSError": 1}
    assert len(sender.sent) == 22


def test_an_endless_run_decides_at_once_for_whom_something_happened_to_and_for_everybody_every_quarter_of_an_hour(
    walking: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Jumping:
        instant = lively.NOW

        def now(self) -> int:
            return self.instant

    monkeypatch.setattr(running, "PAUSE", 0.0)
    walking.run(until_idle=True, senders={})
    clock, missed = Jumping(), lively.NOW + 7 * DAY  # when the call's seven days are over, which time alone makes true
    opened = open_workspace(walking.settings.root, clock)
    turns, found = iter([missed - 10 * MINUTE, missed + 2 * MINUTE, missed + 6 * MINUTE]), []

    def stop() -> bool:
        found.append(steps(opened))
        clock.instant = next(turns, 0)
        if clock.instant == missed + 2 * MINUTE:
            track(opened, "u3", "Anything")
        return clock.instant == 0

    done = opened.run(senders={}, stop=stop)
    assert found == [{1: CUSTOMERS}, {1: CUSTOMERS}, {1: CUSTOMERS - 1, 2: 1}, {2: CUSTOMERS}]
    assert (done.customers, dict(done.failed)) == (CUSTOMERS + 1 + CUSTOMERS, {})


def test_a_code_that_a_message_carried_is_redeemed_once_and_the_ledger_tells_of_it(talking: Workspace) -> None:
    playbook = talking.settings.root / "playbook"
    (playbook / "tea.txt").write_text("TEA-1\nTEA-2\n", encoding="utf-8")
    (playbook / "gifts.yaml").write_text("tea: {file: tea.txt, worth: 5}\n", encoding="utf-8")
    with (playbook / "conversations" / "thanks.yaml").open("a", encoding="utf-8") as file:
        file.write("gift: {pool: tea}\n")
    (playbook / "templates" / "thanks.liquid").write_text("{{ profile.name }}: {{ gift.code }}\n", encoding="utf-8")
    opened, sender = open_workspace(talking.settings.root, talking.clock), mails()
    opened.run(until_idle=True, senders={"email": sender})
    carried = {m.rendered.text.strip().partition(": ")[2]: m.message_id for m in sender.sent if m.class_ == 2}
    assert sorted(carried) == ["TEA-1", "TEA-2"]
    assert [opened.redeem("tea", "TEA-2"), opened.redeem("tea", "TEA-2")] == [True, False]
    opened.catch_up()
    told = opened.sql("SELECT message_id, conversation, payload FROM interactions WHERE kind = 'redeemed'")
    assert [(*row[:2], json.loads(row[2])) for row in told.rows()] == [
        (carried["TEA-2"], "thanks", {"pool": "tea", "code": "TEA-2"})
    ]
    with pytest.raises(UnknownName, match="code given"):
        opened.redeem("tea", "TEA-3")


def test_an_endless_run_is_refused_where_time_stands_still(talking: Workspace) -> None:
    with pytest.raises(WorldFault, match="stands still"):
        talking.run()
