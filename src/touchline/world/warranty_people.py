"""In: how many persons, a seed, parameters, days of history. Out: the people of the warranty world, and how they wrote who they are. Writes no interactions.

Names are invented; e-mail is at example.com; telephone numbers are those that regulators keep for fiction. Each person is a function of
the seed and their own number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from touchline.world.shoppers import FICTION, FIRST, LAST
from touchline.world.warranty_chance import Chance, Floats, Ints
from touchline.world.warranty_parameters import WarrantyParameters

Bools = npt.NDArray[np.bool_]

TERM = 365
LONGEST_BEFORE = 5
"""Years that the first agreement may lie before the first day."""
AHEAD = 365
"""Days after the history in which people go on enrolling."""

STREETS: tuple[str, ...] = ("Ringstr.", "Lindenweg", "Am Anger", "Hafengasse", "Mill Green", "Orchard Lane")
ZONES: tuple[tuple[str, float], ...] = (
    ("Europe/Berlin", 0.62), ("Europe/Vienna", 0.12), ("Europe/Zurich", 0.08), ("Europe/London", 0.12), ("Europe/Lisbon", 0.06),
)  # fmt: skip
PREMIUMS: tuple[float, ...] = (348.0, 468.0, 588.0)


@dataclass(frozen=True)
class People:
    """The people, one entry each in arrays of the same length.

    contacts    user_id, contract_no, email, phone, address, anonymous_id, handle, name, zone, language as they truly are
    join_day    day of the first agreement; 0 is the history's first day
    inertial    stay from inertia
    engaged     in [0, 1]: how readily they visit, answer, opt in
    reacts      1, or the inertial's factor
    south       where the crews were short
    mails       what the former tool sent them a day; 0 without consent. Drawn, so that pressure has no other cause
    agrees      have a consent to e-mail for care
    evidence    whether that consent has evidence
    premium     a year's, in major units
    german      speak German with us
    """

    contacts: pl.DataFrame
    join_day: Ints
    inertial: Bools
    engaged: Floats
    reacts: Floats
    south: Bools
    mails: Floats
    agrees: Bools
    evidence: Bools
    premium: Floats
    german: Bools

    def __len__(self) -> int:
        return len(self.join_day)


def people(customers: int, days: int, chance: Chance, parameters: WarrantyParameters) -> People:
    """`customers` who enrol by the end of the history, and after them those who will in the year that follows it."""
    p = parameters
    later = round(customers * (1 - p.known_before) * AHEAD / max(days, 1)) if days else 0
    who = np.arange(customers + later, dtype=np.int64)
    first = who < customers
    known = chance.of("known before", 0, who) < p.known_before
    if not days:
        known |= True
    when = chance.of("when they come", 0, who)
    before = -1 - (when * LONGEST_BEFORE * TERM).astype(np.int64)
    join_day = np.where(known, before, (when * days).astype(np.int64))
    join_day = np.where(first, join_day, days + (when * AHEAD).astype(np.int64))
    inertial = chance.of("inertia", 0, who) < p.inertial
    engaged = _beta(chance, who)
    agrees = chance.of("agrees", 0, who) < p.agrees * (0.4 + 1.5 * engaged)
    rate = np.array(p.mails_a_month)[np.searchsorted([0.6, 0.86], chance.of("mailing rate", 0, who), side="right")]
    zone = np.array([name for name, _ in ZONES], dtype=object)[
        np.searchsorted(np.cumsum([share for _, share in ZONES])[:-1], chance.of("zone", 0, who), side="right")
    ]
    german = np.array([each not in ("Europe/London", "Europe/Lisbon") for each in zone], dtype=bool)
    german &= chance.of("language", 0, who) < 0.85
    return People(
        contacts=_contacts(who, zone, german, chance),
        join_day=join_day,
        inertial=inertial,
        engaged=engaged,
        reacts=np.where(inertial, p.inertia, 1.0),
        south=chance.of("region", 0, who) < 0.25,
        mails=np.where(agrees, rate / 30.0, 0.0),
        agrees=agrees,
        evidence=chance.of("evidence", 0, who) < 0.75,
        premium=np.array(PREMIUMS)[np.minimum((chance.of("premium", 0, who) * 3).astype(np.int64), 2)],
        german=german,
    )


def as_written(contacts: pl.DataFrame, chance: Chance) -> pl.DataFrame:
    """The contacts as staff and forms wrote them: cases, blanks, typing errors, telephones in several spellings."""
    who = np.arange(contacts.height, dtype=np.int64)
    email, phone = pl.col("email"), pl.col("phone")
    slip, style = pl.col("slip"), pl.col("style")
    return (
        contacts.with_columns(
            slip=pl.Series(chance.of("slip of the pen", 0, who)),
            style=pl.Series(chance.index("telephone's spelling", 0, who, 4)),
        )
        .with_columns(
            email=pl.when(slip < 0.04)
            .then(email.str.to_uppercase())
            .when(slip < 0.07)
            .then(pl.concat_str(pl.lit(" "), email, pl.lit(" ")))
            .when(slip < 0.08)
            .then(email.str.replace("example.com", "exmaple.com", literal=True))
            .when(slip < 0.085)
            .then(email.str.replace("@", " at ", literal=True))
            .when(slip < 0.125)
            .then(None)
            .otherwise(email),
            phone=pl.when(style == 0)
            .then(phone)
            .when(style == 1)
            .then(phone.str.replace("+", "00", literal=True))
            .when(style == 2)
            .then(
                pl.concat_str(
                    phone.str.slice(0, 3), pl.lit(" "), phone.str.slice(3, 3), pl.lit(" "), phone.str.slice(6)
                )
            )
            .otherwise(
                pl.concat_str(
                    phone.str.slice(0, 3), pl.lit(" ("), phone.str.slice(3, 2), pl.lit(") "), phone.str.slice(5)
                )
            ),
        )
        .drop("slip", "style")
    )


def _beta(chance: Chance, who: Ints) -> Floats:
    """Beta (1.6, 2.4) by Jöhnk's powers, tried again for those whom a try refused; at most 24 times, which leaves one in 10^9."""
    value = np.full(len(who), 0.4)
    open_ = np.ones(len(who), dtype=bool)
    for turn in range(24):
        left = who[open_]
        if not len(left):
            break
        one = chance.of(f"engagement {turn}", 1, left) ** (1 / 1.6)
        other = chance.of(f"engagement {turn}", 2, left) ** (1 / 2.4)
        fits = one + other <= 1.0
        where = np.flatnonzero(open_)[fits]
        value[where] = (one / np.maximum(one + other, 1e-300))[fits]
        open_[where] = False
    return value


def _contacts(who: Ints, zone: npt.NDArray[np.object_], german: Bools, chance: Chance) -> pl.DataFrame:
    """Who they are; one in twelve shares the telephone of the person before, and half of those live at the same address."""
    number = pl.Series("n", who).cast(pl.String).str.zfill(6)
    first = np.array(FIRST, dtype=object)[chance.index("first name", 0, who, len(FIRST))]
    last = np.array(LAST, dtype=object)[chance.index("last name", 0, who, len(LAST))]
    shares = (chance.of("household", 0, who) < 1 / 12) & (who > 0)
    house = np.where(shares & (chance.of("household", 1, who) < 0.5), who - 1, who)
    pool = np.array(
        [f"{prefix}{n:0{free}d}" for land in ("DE", "FR") for prefix, free in FICTION[land] for n in range(10**free)],
        dtype=object,
    )
    line = np.where(shares, who - 1, who)
    phone = pool[np.minimum(line, len(pool) - 1)]
    phone[(line >= len(pool)) | (chance.of("telephone", 0, who) >= 0.9)] = None
    street = np.array(STREETS, dtype=object)[house % len(STREETS)]
    frame = pl.DataFrame(
        {
            "n": number,
            "first": pl.Series(first.tolist(), dtype=pl.String),
            "last": pl.Series(last.tolist(), dtype=pl.String),
            "phone": pl.Series(phone.tolist(), dtype=pl.String),
            "street": pl.Series(street.tolist(), dtype=pl.String),
            "house": pl.Series(house),
            "zone": pl.Series(zone.tolist(), dtype=pl.String),
            "language": pl.Series(np.where(german, "de", "en").tolist(), dtype=pl.String),
            "posts": pl.Series(chance.of("has a handle", 0, who) < 0.5),
        }
    )
    small = pl.concat_str(
        pl.col("first").str.to_lowercase(), pl.lit("."), pl.col("last").str.to_lowercase(), pl.col("n")
    )
    return frame.select(
        user_id=pl.concat_str(pl.lit("h"), "n"),
        contract_no=pl.concat_str(pl.lit("HW-"), "n"),
        email=pl.concat_str(small, pl.lit("@example.com")),
        phone="phone",
        address=pl.concat_str("street", pl.lit(" "), (pl.col("house") // 6 % 300 + 1).cast(pl.String), pl.lit(", "),
                              (10_000 + pl.col("house")).cast(pl.String), pl.lit(" Exampleton")),
        anonymous_id=pl.concat_str(pl.lit("web-"), "n"),
        handle=pl.when("posts").then(pl.concat_str(pl.lit("@home_"), "n")),
        name=pl.concat_str("first", "last", separator=" "),
        zone="zone",
        language="language",
    )  # fmt: skip
