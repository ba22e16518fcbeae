"""The loop's body: what is due is looked at once more, made ready and tried; nothing that breaks stops the rest."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.delivery.offers import NOW, known, messages, proposal, reserved, told
from tests.delivery.test_outbox import Said
from tests.intake.builder import playbook
from touchline.delivery import calls, failpoints, gifts, outbox
from touchline.delivery.outbox import LEASE, Leased
from touchline.delivery.working import HELD, Hold, deliver
from touchline.expressions import check
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.times import HOUR
from touchline.playbook.compiled import Conversation, Gift, Playbook, Pool

pytestmark = pytest.mark.usefixtures("store")

POOL = Pool("tea", "tea.txt", worth=5.0)


def talks(*names: str, gift: Gift | None = None) -> Playbook:
    """A playbook with those conversations."""
    book = playbook()
    audience = check("count.bought > 0", book.measures)
    one = Conversation(
        "", "selling", "test", None, ("en",), audience, None, "once", None, 0, 0, None, 1.0, False, (), gift
    )
    return replace(book, conversations={name: replace(one, name=name) for name in names}, pools={"tea": POOL})


@dataclass(frozen=True)
class Brief:
    say: tuple[str, ...]


@dataclass(frozen=True)
class Rendered:
    call: Brief | None = None


@dataclass(frozen=True)
class Ready:
    message_id: str
    rendered: Rendered = Rendered()
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Post:
    """A sender that says what it is told to say, and remembers what it was given."""

    says: list[Any] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)

    def send(self, outgoing: Ready) -> Said:
        self.carried.append(outgoing.message_id)
        said = self.says.pop(0) if self.says else Said("sent")
        if isinstance(said, Exception):
            raise said
        return said


class Missing(TouchlineError):
    """The message needs what is not known."""

    code = "missing"
    names = ("profile.name",)


def ready(message: Leased) -> Ready:
    return Ready(message.message_id)


def nothing(_: Sequence[Leased]) -> dict[str, Hold]:
    return {}


def run(
    post: Post, book: Playbook | None = None, render: Any = ready, look: Any = nothing, now: int = NOW, **more: Any
) -> dict[str, int]:
    return dict(
        deliver(book or talks("hello"), {"email": post, "phone": post}, render, look, worker="w", now=now, **more)
    )


def test_what_is_due_is_sent_once() -> None:
    reserved(*(proposal(customer) for customer in known(3)))
    post = Post()
    assert run(post) == {"sent": 3}
    assert run(post) == {}
    assert sorted(post.carried) == sorted(message["message_id"] for message in messages())


def test_the_last_look_holds_or_ends_what_must_not_go_now() -> None:
    reserved(*(proposal(customer) for customer in known(3)))
    first, second, third = (message["message_id"] for message in messages())

    def look(leased: Sequence[Leased]) -> dict[str, Hold]:
        assert len(leased) == 3
        return {first: Hold("consent"), second: Hold("quiet_hours", NOW + HOUR)}

    post = Post()
    assert run(post, look=look) == {"expired": 1, "held": 1, "sent": 1}
    assert post.carried == [third]
    assert [message["reason"] for message in messages()] == ["consent", "quiet_hours", ""]
    assert run(post, now=NOW + HOUR) == {"sent": 1}


def test_without_the_facts_nothing_goes() -> None:
    reserved(*(proposal(customer) for customer in known(2)))

    def look(_: Sequence[Leased]) -> dict[str, Hold]:
        raise OSError

    post = Post()
    assert run(post, look=look) == {"held": 2}
    assert post.carried == []


def test_a_missing_value_holds_the_message_and_names_what_is_missing() -> None:
    reserved(*(proposal(customer) for customer in known(2)))
    held = messages()[0]["message_id"]

    def render(message: Leased) -> Ready:
        if message.message_id == held:
            raise Missing
        return ready(message)

    post = Post()
    assert run(post, render=render) == {"held": 1, "sent": 1}
    assert [(m["state"], m["reason"]) for m in messages()] == [("held", "missing profile.name"), ("sent", "")]
    assert run(post, now=NOW + HELD) == {"sent": 1}


def test_a_template_that_one_customer_breaks_stops_nobody_else_and_tells_none_of_their_words() -> None:
    reserved(*(proposal(customer) for customer in known(2)))
    broken = messages()[0]["message_id"]

    def render(message: Leased) -> Ready:
        if message.message_id == broken:
            raise ValueError("Ann of 1 Secret Street")
        return ready(message)

    assert run(Post(), render=render) == {"held": 1, "sent": 1}
    assert messages()[0]["reason"] == "cannot_be_rendered"


def test_a_sender_that_breaks_leaves_uncertain_messages_and_the_next_one_is_tried() -> None:
    reserved(*(proposal(customer) for customer in known(3)))
    post = Post([Said("retry", "greylisted"), ConnectionError("ann@example.org"), Said("sent")])
    assert run(post) == {"retry": 1, "uncertain": 1, "sent": 1}
    assert [(m["state"], m["reason"]) for m in messages()] == [
        ("reserved", "greylisted"), ("uncertain", "sender_broke"), ("sent", ""),
    ]  # fmt: skip


def test_a_conversation_that_the_playbook_no_longer_has_is_given_up() -> None:
    reserved(proposal(known(1)[0]))
    assert run(Post(), talks("other")) == {"expired": 1}
    assert messages()[0]["reason"] == "conversation_gone"


def test_a_message_that_somebody_else_has_by_now_is_left_to_them() -> None:
    reserved(proposal(known(1)[0]))
    times = iter([NOW, NOW])  # the lease, the rendering; that took long
    assert run(Post(), clock=lambda: next(times, NOW + LEASE)) == {"lost": 1}


def test_an_empty_pool_holds_the_message_and_a_code_goes_out_with_it_once_there_is_one() -> None:
    first, second = known(2)
    reserved(proposal(first), proposal(second))
    book = talks("hello", gift=Gift("tea"))
    gifts.load(POOL, ["TEA-1"])
    codes: list[str | None] = []

    def render(message: Leased) -> Ready:
        codes.append(message.gift_code)
        return ready(message)

    assert run(Post(), book, render) == {"held": 1, "sent": 1}
    assert codes == ["TEA-1"]
    assert messages()[1]["reason"] == "gift_pool_empty"
    gifts.load(POOL, ["TEA-1", "TEA-2"])
    assert run(Post(), book, render, now=NOW + HELD) == {"sent": 1}
    assert codes == ["TEA-1", "TEA-2"]


def test_the_code_of_a_message_that_never_left_goes_to_the_next_one() -> None:
    first, second = known(2)
    reserved(proposal(first))
    gifts.load(POOL, ["TEA-1"])
    book = talks("hello", gift=Gift("tea"))
    assert run(Post([Said("failed", "hard_bounce")]), book) == {"failed": 1}
    assert gifts.left("tea") == 1
    reserved(proposal(second))
    assert run(Post([Said("uncertain", "timeout")]), book) == {"uncertain": 1}
    assert gifts.left("tea") == 0, "it may have left"


def test_a_call_is_handed_to_a_person_who_closes_it_with_an_outcome() -> None:
    (customer,) = known(1)
    reserved(proposal(customer, channel="phone"))
    post = Post([Said("handed", brief='{"say": ["thank for 5 years"]}')])
    assert run(post) == {"handed": 1}
    (task,) = calls.tasks()
    assert (json.loads(task.brief), task.conversation) == ({"say": ["thank for 5 years"]}, "hello")
    assert told("kind") == []
    with pytest.raises(calls.TaskFault):
        calls.close(task.task, "reachd", "", NOW)
    with pytest.raises(calls.TaskFault):
        calls.close(task.task, "reached", "x" * 8_001, NOW)
    with pytest.raises(UnknownName):
        calls.close(task.task + 1, "reached", "", NOW)
    calls.close(task.task, "reached", 'will "think"', NOW + HOUR)
    assert calls.tasks() == []
    ((kind, reason, occurred_at, payload),) = told("kind", "reason", "occurred_at", "payload")
    assert (kind, reason, occurred_at) == ("called", "reached", str(NOW + HOUR))
    assert json.loads(payload) == {"segment": 3, "note": 'will "think"'}
    with pytest.raises(calls.TaskFault):
        calls.close(task.task, "reached", "", NOW + HOUR)


def test_a_call_that_nobody_made_in_time_comes_off_the_list() -> None:
    reserved(proposal(known(1)[0], channel="phone"))
    run(Post([Said("handed")]))
    expires = calls.tasks()[0].expires_at
    assert outbox.recover(expires - 1).expired == 0
    assert outbox.recover(expires).expired == 1
    assert calls.tasks() == []
    assert told("kind") == []


def test_a_call_whose_worker_died_is_put_on_the_list_again_and_stands_there_once() -> None:
    reserved(proposal(known(1)[0], channel="phone"))
    (message,) = outbox.lease("w", ["phone"], NOW, 1)
    outbox.started(message, NOW)
    assert run(Post([Said("handed")]), now=NOW + LEASE) == {"handed": 1}
    assert len(calls.tasks()) == 1


@pytest.mark.parametrize("asked", ["outbox.leased", "outbox.leased:2"])
def test_a_failpoint_kills_the_process_at_that_time(store: str, asked: str) -> None:
    if store == "postgresql":
        asked = asked.replace("leased", "started")
    name = asked.partition(":")[0]
    assert name in failpoints.NAMES
    code = f"from touchline.delivery.failpoints import reach\nreach({name!r})\nprint('once', flush=True)\nreach({name!r})\nprint('twice')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={failpoints.VARIABLE: asked}, capture_output=True, check=False, text=True
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == ("once\n" if asked.endswith(":2") else "")
