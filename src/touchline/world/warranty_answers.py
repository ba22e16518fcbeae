"""In: everybody, a day, what was said to whom. Out: what they do about it, in the diary. Writes no interactions."""

from __future__ import annotations

import numpy as np

from touchline.kernel.times import DAY, HOUR, MINUTE
from touchline.world.warranty_chance import Ints
from touchline.world.warranty_living import Contacts, Living


def answer(living: Living, day: int, contacts: Contacts) -> None:
    """What they do about messages: open, click, opt out, answer, agree, buy."""
    if len(contacts.who):
        mails = contacts.only(contacts.channel == "email")
        _inbox(living, day, mails)
        _survey(living, day, contacts.only(contacts.conversation == "claim_survey"))
        _opt_in(living, day, contacts.only(contacts.conversation == "claim_opt_in"))
        _extend(living, day, contacts.only(contacts.conversation == "cover_offer"))


def _after(living: Living, question: str, day: int, said: Contacts, hours: float) -> Ints:
    """A moment after each was said, and never before today."""
    lag = (living.chance.exponential(question, day, said.who) * hours * HOUR).astype(np.int64) + 3 * MINUTE
    after: Ints = np.maximum(said.at, living.start + day * DAY) + lag
    return after


def _inbox(living: Living, day: int, mails: Contacts) -> None:
    p, c = living.parameters, living.carried
    first = np.unique(mails.who, return_index=True)[1]
    mails = mails.only(np.isin(np.arange(len(mails.who)), first))  # one a day is looked at
    who = mails.who
    over = np.maximum(0.0, c.pressure[who] - p.tolerated) * living.people.reacts[who]
    known = np.array([each is not None for each in mails.message_id], dtype=bool)
    at = _after(living, "opens at", day, mails, 6.0)
    machine = known & (living.chance.of("machine opens", day, who) < 0.10)
    opens = known & (living.chance.of("opens", day, who) < (0.25 + 0.5 * living.people.engaged[who]))
    clicks = opens & (living.chance.of("clicks", day, who) < 0.12)
    for kind, what, mask, extra, by_machine in (
        ("opened", "opened_by_machine", machine, 0, True),
        ("opened", "opened", opens, 0, False),
        ("clicked", "clicked", clicks, MINUTE, False),
    ):
        seen = mails.at[mask] + 2 * MINUTE if by_machine else at[mask] + extra
        seen = np.maximum(seen, living.start + day * DAY)
        living.diary.note(kind, what, day, who[mask], seen, message_id=mails.message_id[mask], machine=by_machine)
    stops = living.chance.of("opts out", day, who) < p.unsubscribes + p.unsubscribes_of_pressure * over
    for purpose in ("information", "selling", "community"):
        living.diary.note(
            "opted_out",
            f"stops_{purpose}",
            day,
            who[stops],
            at[stops] + MINUTE,
            "site",
            purpose=purpose,
            channel="email",
            reason="unsubscribed",
        )
    c.mails[who[stops]] = 0.0


def _survey(living: Living, day: int, asked: Contacts) -> None:
    p, c, people = living.parameters, living.carried, living.people
    lived = c.lived[asked.who]
    chances = p.answers * (0.55 + 0.6 * np.abs(lived)) * (0.6 + people.engaged[asked.who])
    answers = living.chance.of("answers", day, asked.who) < chances * np.where(people.inertial[asked.who], 0.3, 1.0)
    asked, lived = asked.only(answers), lived[answers]
    who, at = asked.who, _after(living, "answers at", day, asked, 18.0)
    claim = living.claim(who, last=True)
    for place, (question, middle, slope, noise, low, high) in enumerate((
        ("csat", 3.4, 1.9, 0.6, 1, 5), ("ces", 4.8, 2.4, 0.9, 1, 7), ("nps", 7.2, 2.6, 1.4, 0, 10),
    )):  # fmt: skip
        felt = middle + slope * (c.goodwill[who] if question == "nps" else lived)
        score = np.clip(np.round(felt + noise * living.chance.normal(question, day, who)), low, high).astype(np.int64)
        living.diary.note(
            "answered", question, day, who, at + MINUTE * place, "survey_mail", survey="claim", question=question,
            score=score, message_id=asked.message_id, **({} if question == "nps" else {"claim_no": claim}),
        )  # fmt: skip


def _opt_in(living: Living, day: int, asked: Contacts) -> None:
    p, who = living.parameters, asked.who
    odds = p.says_yes + p.goodwill_on_agreeing * living.carried.goodwill[who] + 1.5 * (living.people.engaged[who] - 0.4)
    yes = living.chance.of("says yes", day, who) < 1 / (1 + np.exp(-odds))
    at = _after(living, "says yes at", day, asked, 10.0)
    for purpose in ("information", "community"):
        living.diary.note(
            "opted_in", f"agrees_{purpose}", day, who[yes], at[yes], "site", purpose=purpose, channel="email"
        )


def _extend(living: Living, day: int, offered: Contacts) -> None:
    p, who = living.parameters, offered.who
    over = np.maximum(0.0, living.carried.pressure[who] - p.tolerated)
    moved = p.goodwill_on_extending * living.carried.goodwill[who] + p.pressure_on_extending * over
    chances = p.extends * np.exp(living.people.reacts[who] * moved) * (0.4 + 1.5 * living.people.engaged[who])
    buys = living.chance.of("extends", day, who) < chances
    living.diary.note(
        "bought",
        "extends",
        day,
        who[buys],
        _after(living, "extends at", day, offered, 30.0)[buys],
        "site",
        amount=60.0,
    )
