"""In: how many customers and days, a seed, parameters, the last instant; then, day by day, what was sent. Out: seven files of a history, and each next day's events. Writes no interactions.

The rules are written down in docs/explanation/world.md. `Company.history` lives the past with what the company's former tools sent, and writes it as
files for the imports of the `warranty` template; `Company.day` lives one day more and says what happened as events of a tracking API, knowing what was
sent meanwhile. A company that was put away and restored goes on as one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import DAY, HOUR, from_micros, to_micros
from touchline.world import warranty_files as files
from touchline.world.warranty_chance import Chance
from touchline.world.warranty_diary import COLUMNS, events
from touchline.world.warranty_life import Life
from touchline.world.warranty_living import Carried, Contacts
from touchline.world.warranty_parameters import Effect, WarrantyParameters
from touchline.world.warranty_people import AHEAD, people

HISTORY_DAYS = 548
"""Eighteen months."""

OUTCOMES = ("reached", "no_answer", "wrong_number", "declined")
"""How a call ends."""


class NoSuchWorld(TouchlineError):
    """The folder holds no world that was put away."""

    code = "no_such_world"
    remedy = "Make one with `touchline world`."


def last_wednesday(before: int, zone: str) -> int:
    """The latest Wednesday, ten o'clock in the zone, that is not after the instant; microseconds UTC."""
    there = ZoneInfo(zone)
    local = from_micros(before).astimezone(there)
    ten = local.replace(hour=10, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(
        days=(local.weekday() - 2) % 7
    )
    instant = to_micros(ten.replace(tzinfo=there))
    return instant if instant <= before else to_micros((ten - timedelta(days=7)).replace(tzinfo=there))


class Company:
    """The warranty company: `customers` who have enrolled by the end of a history of so many days, which is `until`.

    now   the world's clock: the instant up to which everything has happened, microseconds UTC
    """

    def __init__(
        self,
        parameters: WarrantyParameters | None = None,
        customers: int = 20_000,
        days: int = HISTORY_DAYS,
        seed: int = 7,
        *,
        until: int,
        deaf: bool = False,
    ) -> None:
        self.parameters, self.customers, self.days, self.seed, self.until = (
            parameters or WarrantyParameters(),
            customers,
            days,
            seed,
            until,
        )
        self.chance = Chance(seed)
        self.people = people(customers, days, self.chance, self.parameters)
        self.life = Life(self.people, self.parameters, self.chance, start=until - days * DAY, history=days, deaf=deaf)
        self.lived = 0
        self._still_to_come = pl.DataFrame(schema=COLUMNS)
        self._places = dict(zip(self.people.contacts["user_id"], range(len(self.people)), strict=True))

    @property
    def now(self) -> int:
        return self.life.start + self.lived * DAY

    def live_history(self) -> pl.DataFrame:
        """Live every day of the history, with what the former tools sent; everything that happened, as the diary holds it."""
        self._remember()
        said = Contacts.none()
        while self.lived < self.days:
            self.life.step(self.lived, said)
            said = self._former_tools(self.lived + 1) if self.lived + 1 < self.days else Contacts.none()
            self.lived += 1
        happened, self._still_to_come = self.life.diary.take(self.until)
        return happened

    def history(self, folder: Path | str) -> list[tuple[Path, str]]:
        """Live the history and write its files into the folder (made where missing): each with the name of its import, in the order in which
        to import them."""
        happened = self.live_history()
        return files.write(
            Path(folder), files.frames(happened, self.people, self.chance, start=self.life.start, until=self.until)
        )

    def enrolled(self, folder: Path | str) -> list[tuple[Path, str]]:
        """Files of the day last lived: who enrolled and where they live, what they agreed to, which addresses bounced. Events of a tracking API
        carry no postal address and no form; this is what comes from the office, to be imported beside them."""
        return files.write(Path(folder), files.between(self._office, self.now - DAY, self.now))

    def day(self, contacts: pl.DataFrame) -> list[dict[str, Any]]:
        """Live the next day and say what happened on it, by time, as Segment-shaped events.

        contacts   what was sent since the day before: user_id, conversation, channel, at (microseconds); message_id, pool and code where there
                   are. Users whom the world does not know are left out.
        """
        said, codes = self._heard(contacts)
        self.life.step(self.lived, said)
        self._redeem(codes)
        self.lived += 1
        happened, self._still_to_come = self.life.diary.take(self.now, self._still_to_come)
        return events(happened, self.people.contacts)

    def outcomes(self, users: Sequence[str], conversation: str) -> list[str]:
        """How a call of today to each of them ends, one of OUTCOMES; `day` then acts on the same."""
        who = np.array([self._places.get(user, -1) for user in users], dtype=np.int64)
        reached = self.life.reached(who, conversation, self.lived)
        otherwise = np.searchsorted([0.85, 0.9], self.chance.of("not reached", self.lived, who), side="right") + 1
        return [OUTCOMES[place] for place in np.where(reached, 0, otherwise)]

    def state(self, folder: Path | str) -> None:
        """Put the world away: its arguments, what everybody carries, and what is still to come."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        carried = self.life.carried
        np.savez(root / "carried.npz", **{each.name: getattr(carried, each.name) for each in fields(Carried)})
        self._still_to_come.write_parquet(root / "still_to_come.parquet")
        told = {name: value for name, value in vars(self.parameters).items() if name != "effects"}
        told["effects"] = {name: asdict(effect) for name, effect in self.parameters.effects.items()}
        arguments = {"customers": self.customers, "days": self.days, "seed": self.seed, "until": self.until}
        (root / "world.json").write_text(
            json.dumps({**arguments, "lived": self.lived, "parameters": told}), encoding="utf-8"
        )

    @classmethod
    def restore(cls, folder: Path | str) -> Company:
        """The world as it was put away; raises NoSuchWorld."""
        root = Path(folder)
        try:
            told = json.loads((root / "world.json").read_text(encoding="utf-8"))
            carried = np.load(root / "carried.npz", allow_pickle=False)
            still_to_come = pl.read_parquet(root / "still_to_come.parquet")
        except (OSError, ValueError, pl.exceptions.PolarsError):
            raise NoSuchWorld(str(root)) from None
        given = told["parameters"]
        given["effects"] = MappingProxyType({name: Effect(**effect) for name, effect in given["effects"].items()})
        given["mails_a_month"] = tuple(given["mails_a_month"])
        company = cls(WarrantyParameters(**given), told["customers"], told["days"], told["seed"], until=told["until"])
        company.lived, company._still_to_come = told["lived"], still_to_come
        company.life.carried = Carried(**{name: carried[name] for name in carried.files})
        return company

    @cached_property
    def _office(self) -> dict[str, pl.DataFrame]:
        return files.office(self.people, self.chance, start=self.life.start, until=self.until + (AHEAD + 30) * DAY)

    def _remember(self) -> None:
        """The agreements that were before the first day: when they began, and the renewal that began the term in force."""
        life, joined = self.life, self.people.join_day
        who = np.flatnonzero(joined < 0)
        now = life.carried.term_start[who].copy()
        life.carried.term_start[who] = joined[who]
        life.agreement("joined", -1, who, life.start + joined[who] * DAY + 4 * HOUR)
        life.carried.term_start[who] = now
        again = who[now > joined[who]]
        life.agreement("renewed", -1, again, life.start + life.carried.term_start[again] * DAY - 9 * DAY)

    def _former_tools(self, day: int) -> Contacts:
        """What the former tools send on that day: a survey after half of the visits of the day before, and mailings by a drawn rate."""
        life, p = self.life, self.parameters
        asked = life.visited[self.chance.of("surveyed", day, life.visited) < p.surveyed]
        written = np.flatnonzero(life.here & (self.chance.of("mailed", day, life.everybody) < life.carried.mails))
        offers = self.chance.of("offers", day, written) < 0.6
        parts = (
            (asked, "claim_survey", "listening", "survey_mail"),
            (written[offers], "former_offers", "selling", "offer_mail"),
            (written[~offers], "former_news", "information", "tips_mail"),
        )
        said = []
        for who, conversation, purpose, touchpoint in parts:
            at = life.moment(conversation, day, who)
            message = life.diary.names(conversation, day, who)
            life.diary.note(
                "sent",
                conversation,
                day,
                who,
                at,
                touchpoint,
                message_id=message,
                conversation=conversation,
                purpose=purpose,
                channel="email",
            )
            said.append(
                Contacts(
                    who,
                    np.full(len(who), conversation, dtype=object),
                    at,
                    message.to_numpy(),
                    np.full(len(who), "email", dtype=object),
                )
            )
        return Contacts(*(np.concatenate([getattr(one, each.name) for one in said]) for each in fields(Contacts)))

    def _heard(self, contacts: pl.DataFrame) -> tuple[Contacts, pl.DataFrame]:
        extra = [
            pl.lit(None, dtype=pl.String).alias(name)
            for name in ("message_id", "pool", "code")
            if name not in contacts.columns
        ]
        places = pl.DataFrame(
            {"user_id": list(self._places), "who": list(self._places.values())},
            schema={"user_id": pl.String, "who": pl.Int64},
        )
        known = (
            contacts.with_columns(extra)
            .select(
                pl.col("user_id", "conversation", "channel", "message_id", "pool", "code").cast(pl.String),
                pl.col("at").cast(pl.Int64),
            )
            .join(places, on="user_id", how="inner")
            .sort("at", "user_id", "conversation")
        )
        texts = [known[name].to_numpy().astype(object) for name in ("conversation", "message_id", "channel")]
        return Contacts(known["who"].to_numpy(), texts[0], known["at"].to_numpy(), texts[1], texts[2]), known

    def _redeem(self, codes: pl.DataFrame) -> None:
        """Some of those who got a code use it in the month after."""
        given = codes.filter(pl.col("code").is_not_null()).unique("who", keep="first", maintain_order=True)
        who = given["who"].to_numpy()
        uses = self.chance.of("redeems", self.lived, who) < self.parameters.redeems
        days = 2 + 28 * self.chance.of("redeems on", self.lived, who[uses])
        used = given.filter(pl.Series(uses, dtype=pl.Boolean))
        at = np.maximum(used["at"].to_numpy(), self.now) + (days * DAY).astype(np.int64)
        self.life.diary.note("redeemed", "code", self.lived, who[uses], at, pool=used["pool"], code=used["code"])
