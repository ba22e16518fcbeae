"""In: what a customer wants, told by themselves or at the desk. Out: the same in force at once. Writes `opted_in`, `opted_out`, `preferred`, `identified`, `released`.

Rows go into intake and, in the same transaction, into what is allowed now: the next gate and every last look see them,
whenever they are drained. What is told later counts, also within one microsecond.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline import permission, recognition
from touchline.decision.purposes import TABLE
from touchline.intake import buffer
from touchline.interactions.catalogue import CHANNELS, REACHED_BY, VERSION
from touchline.interactions.preferences import encode, is_key
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.ids import BUCKETS, interaction_id
from touchline.kernel.times import format_instant
from touchline.permission import forgetting
from touchline.recognition.locking import hold
from touchline.recognition.staging import read
from touchline.team.actors import NotAllowed
from touchline.workspace import acting

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

Pair = tuple[str, str]
"""Purpose and channel."""

REFUSABLE: tuple[str, ...] = tuple(name for name, one in TABLE.items() if one.basis != "contract")
"""Purposes that a customer can refuse."""

LONGEST_TRAIT = 400
"""Characters."""
MOST_TRAITS = 100


class BadWish(TouchlineError):
    """That cannot be wished for."""

    code = "bad_wish"


@dataclass(frozen=True)
class Owner:
    """Whose address it is.

    persona_id, customer, bucket, role
    type, value   the identifier, normalised
    """

    persona_id: int
    customer: int
    type: str
    value: str
    bucket: int
    role: str


def owner(persona: int) -> Owner:
    """Raises UnknownName where there is no such persona, or none any more."""
    found = read(
        "SELECT persona_id, customer, type, value, draw, role FROM recognition_persona WHERE persona_id = %s",
        {
            "persona_id": pl.Int64,
            "customer": pl.Int64,
            "type": pl.String,
            "value": pl.String,
            "draw": pl.Int64,
            "role": pl.String,
        },
        [persona],
    )
    if found.is_empty():
        raise UnknownName("that persona", remedy="`touchline relationships` lists the customers.")
    told = found.row(0, named=True)
    return Owner(
        **{name: told[name] for name in ("persona_id", "customer", "type", "value", "role")},
        bucket=told["draw"] % BUCKETS,
    )


def opt(
    workspace: Workspace, persona: int, pairs: Iterable[Pair], *, allow: bool, evidence: Mapping[str, Any], source: str
) -> int:
    """Allow, or refuse, these purposes on these channels for one address; how many of them changed.

    evidence   what shows that they did it: which words on which page, which link; the instant is added
    Raises BadWish for a purpose that cannot be refused, or a channel that does not reach this address.
    """
    person = owner(persona)
    theirs(workspace, person.customer)
    asked = list(dict.fromkeys(pairs))
    for purpose, channel in asked:
        if purpose not in REFUSABLE or channel not in CHANNELS or REACHED_BY.get(channel) != person.type:
            raise BadWish(
                f"{purpose[:40]} by {channel[:40]}",
                remedy=f"Purposes are {', '.join(REFUSABLE)}; the channel must reach the address.",
            )
    with transaction.atomic():
        people = held(person)
        known, alone = permission.permissions(people), permission.permissions(_alone(people, persona))
        now = workspace.clock.now()
        rows = []
        for purpose, channel in asked:
            pair = (pl.col("purpose") == purpose) & (pl.col("channel") == channel)
            here, own = known.consents.filter(pair), alone.consents.filter(pair)
            in_force = bool(here.filter(pl.col("persona_id") == persona)["in_force"].any())
            withdrawn = max(here["withdrawn_at"].drop_nulls().to_list(), default=None)
            granted = max(here["granted_at"].drop_nulls().to_list(), default=None)
            # What another address refused ends with its link, so that this one's own refusal is written beside it.
            refused = bool((own["withdrawn_at"].is_not_null() & ~own["in_force"]).any())
            if (allow and in_force) or (not allow and refused):
                continue  # said before; said again it is the same
            at = _after(now, withdrawn if allow else granted)
            rows.append(
                _row(
                    person, "opted_in" if allow else "opted_out", at, source, purpose, channel,
                    purpose=purpose, channel=channel, identifier=person.value,
                    evidence=json.dumps({**evidence, "at": format_instant(at)}, ensure_ascii=False),
                    reason=None if allow else "unsubscribed",
                )
            )  # fmt: skip
        if allow and forgetting.welcome_back(_identifiers(person)):
            rows += _released(person, known.suppressions, now, source)
        _keep(rows, now)
        acting.note(
            f"customer {person.customer}",
            changed=[[row["purpose"], row["channel"]] for row in rows if "purpose" in row],
        )
    return sum("purpose" in row for row in rows)


def prefer(workspace: Workspace, persona: int, told: Mapping[str, str], *, source: str) -> int:
    """Note preferences as interactions/preferences.py reads them; how many were news. Raises BadWish for one that makes no sense."""
    person = owner(persona)
    theirs(workspace, person.customer)
    answers: dict[str, int] = {}
    for key, text in told.items():
        answer = encode(key, text) if is_key(key) else None
        topic = key.removeprefix("topic_") if key.startswith("topic_") else None
        if answer is None or (topic is not None and topic not in workspace.playbook.topics):
            raise BadWish(f"preference {key[:40]}", remedy="See docs/how-to/preference-centre.md for what may be told.")
        answers[key] = answer
    with transaction.atomic():
        people = held(person)
        known, alone = (_preferred(each) for each in (people, _alone(people, persona)))
        now = workspace.clock.now()
        rows = []
        for key, answer in answers.items():
            before, own = known.get(key), alone.get(key)
            if before is not None and own is not None and before[1] == own[1] == answer:
                continue
            at = _after(now, None if before is None else before[0])
            payload = json.dumps({key: told[key]}, ensure_ascii=False)
            rows.append(_row(person, "preferred", at, source, key, name=key, answer=float(answer), payload=payload))
        _keep(rows, now)
        acting.note(f"customer {person.customer}", preferences=sorted(row["name"] for row in rows))
    return len(rows)


def tell(workspace: Workspace, persona: int, traits: Mapping[str, str], *, source: str) -> int:
    """Note what a customer says of themselves, the latest of each trait counts; how many were told. Raises BadWish for what is too long."""
    person = owner(persona)
    theirs(workspace, person.customer)
    plain = {name.strip(): " ".join(value.split()) for name, value in traits.items() if value.strip()}
    if len(plain) > MOST_TRAITS or any(
        not n or len(n) > 64 or len(v) > LONGEST_TRAIT or "\x00" in n + v for n, v in plain.items()
    ):
        raise BadWish("what was told", remedy=f"Keep it to {LONGEST_TRAIT} characters each.")
    if not plain:
        return 0
    with transaction.atomic():
        held(person)
        now = workspace.clock.now()
        payload = json.dumps(plain, ensure_ascii=False)
        _keep([_row(person, "identified", now, source, payload, payload=payload)], now)
        acting.note(f"customer {person.customer}", traits=len(plain))
    return len(plain)


def theirs(workspace: Workspace, customer: int) -> None:
    """A customer acts for themselves alone; raises NotAllowed."""
    actor = workspace.actor
    if actor.kind == "customer" and actor.id != customer:
        raise NotAllowed("of another customer")


def _released(person: Owner, suppressions: pl.DataFrame, now: int, source: str) -> list[dict[str, Any]]:
    """The row that ends the suppression of somebody who was erased and comes back; none where they are suppressed for another reason too."""
    whole = suppressions.filter(~pl.col("address_only"))
    if whole.is_empty() or set(whole["reason"]) != {forgetting.ERASED}:
        return []
    at = _after(now, max(whole["at"].to_list()))
    return [_row(person, "released", at, source, reason=forgetting.ERASED, payload="{}")]


def _identifiers(person: Owner) -> list[forgetting.Identifier]:
    known = recognition.identifiers([person.customer]).select("type", "scope", "value")
    return [(kind, scope, value) for kind, scope, value in known.iter_rows()]


def held(person: Owner) -> pl.DataFrame:
    """Everybody who is this person, held until the transaction ends. Raises UnknownName where they were erased meanwhile."""
    people = recognition.people(of=pl.Series([person.customer], dtype=pl.Int64))
    hold(people["bucket"].unique().to_list())
    owner(person.persona_id)
    return people


def _alone(people: pl.DataFrame, persona: int) -> pl.DataFrame:
    """One address, as if it were linked to no other."""
    return people.filter(pl.col("persona_id") == persona)


def _preferred(people: pl.DataFrame) -> dict[str, tuple[int, int]]:
    """Key -> when it was told last, and the answer."""
    told = permission.permissions(people).preferences.select("key", "told_at", "answer")
    return {key: (told_at, answer) for key, told_at, answer in told.iter_rows()}


def _after(now: int, latest: int | None) -> int:
    return now if latest is None else max(now, latest + 1)


def _row(person: Owner, kind: str, at: int, source: str, *key: str, **columns: Any) -> dict[str, Any]:
    return {
        "id": interaction_id(source, kind, str(person.persona_id), *key, str(at)),
        "version": VERSION,
        "kind": kind,
        "persona_id": person.persona_id,
        "bucket": person.bucket,
        "role": person.role,
        "source": source,
        "occurred_at": at,
        **columns,
    }


def _keep(rows: Sequence[dict[str, Any]], now: int) -> None:
    """Into intake, and in force."""
    if not rows:
        return
    columns = {
        "id": pl.String, "version": pl.Int16, "kind": pl.String, "persona_id": pl.Int64, "bucket": pl.Int16, "role": pl.String,
        "source": pl.String, "occurred_at": pl.Int64, "name": pl.String, "purpose": pl.String, "channel": pl.String,
        "identifier": pl.String, "answer": pl.Float64, "evidence": pl.String, "reason": pl.String, "payload": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns)
    buffer.accept_rows(frame, received_at=now)
    told = frame.with_columns(seq=pl.lit(None, dtype=pl.Int64), machine=pl.lit(value=False)).select(*permission.ROWS)
    permission.refresh(told)
