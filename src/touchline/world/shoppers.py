"""In: how many customers, a seed's generator, parameters. Out: the people of the retail world and their addresses.
Writes no interactions.

Names are invented; e-mail is at example.com; telephone numbers are those that the French, British and German
regulators keep for fiction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from touchline.world.parameters import Parameters

FIRST: tuple[str, ...] = (
    "Anna",
    "Bela",
    "Camille",
    "Dorian",
    "Elif",
    "Faye",
    "Gustav",
    "Hanna",
    "Ilse",
    "Jonas",
    "Kira",
    "Louis",
    "Mara",
    "Nils",
    "Odile",
    "Pablo",
    "Quentin",
    "Rosa",
    "Selma",
    "Theo",
    "Uma",
    "Viktor",
    "Wanda",
    "Xenia",
    "Yann",
    "Zoe",
    "Amir",
    "Brigitte",
    "Cosima",
    "Daan",
    "Esme",
    "Felix",
    "Greta",
    "Hugo",
    "Ines",
    "Jasper",
    "Karim",
    "Lena",
    "Milo",
    "Noor",
    "Oskar",
    "Paula",
    "Rafael",
    "Sanna",
    "Tomas",
    "Ute",
    "Vera",
    "Willem",
)
LAST: tuple[str, ...] = (
    "Aldery",
    "Brandvik",
    "Castelin",
    "Dornfeld",
    "Eskarin",
    "Fallowby",
    "Grauwald",
    "Hollmere",
    "Ivarsen",
    "Jorvane",
    "Kestrin",
    "Lindqvast",
    "Morelle",
    "Nachtigal",
    "Oberlund",
    "Pelletan",
    "Quistgard",
    "Rosenthau",
    "Silberan",
    "Tarnowe",
    "Ulverston",
    "Vandermeer",
    "Westerlo",
    "Ygdrasen",
    "Zellweger",
    "Ashcombe",
    "Birkholz",
    "Cordenne",
    "Drosselmey",
    "Evercourt",
    "Finisterre",
    "Gildamere",
    "Hartwell",
    "Isenbrandt",
    "Jessamine",
    "Kaltenbach",
    "Lavandel",
    "Mistralle",
    "Nordahl",
    "Ormeau",
    "Pfeifferling",
    "Rivendal",
    "Sonnabend",
    "Thornbury",
    "Umbrecht",
    "Valcourt",
    "Wintergreen",
    "Zaramond",
)

STREETS: tuple[str, ...] = (
    "Weaver Row", "Lantern Street", "Mill Green", "Cooper's Yard", "Orchard Lane", "Harbour Steps",
)  # fmt: skip

COUNTRIES: tuple[str, ...] = ("FR", "GB", "DE")
ZONES: dict[str, str] = {"FR": "Europe/Paris", "GB": "Europe/London", "DE": "Europe/Berlin"}
LANGUAGES: dict[str, str] = {"FR": "fr", "GB": "en", "DE": "de"}
FICTION: dict[str, tuple[tuple[str, int], ...]] = {
    "FR": (("+3319900", 4), ("+3326191", 4), ("+3335301", 4), ("+3346571", 4), ("+3353649", 4)),
    "GB": tuple((f"+44{area}", 3) for area in ("1134960", "1144960", "1164960", "1174960", "1214960", "1314960")),
    "DE": (("+493023125", 3), ("+496990009", 3), ("+494066969", 3), ("+492214710", 3), ("+498999998", 3)),
}
"""Country -> (prefix, free digits): numbers kept for drama, so that nobody is ever rung up."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Shoppers:
    """The people, one entry each in arrays of the same length.

    contacts     user_id, email, phone, name, country, zone, language, anonymous_id as they truly are
    since_week   week in which they become customers; 0 for those who were before
    inertial     stay from habit
    rate         purchases a week at goodwill 0
    store, app   share of purchases in the shop, and of the others in the app
    opinionated  in [0, 1]: how readily they speak
    mailing      messages a week of the former tool's list they were put on; 0 without consent. Drawn, so that
                 pressure has no other cause
    evidence     whether the consent has evidence
    """

    contacts: pl.DataFrame
    since_week: Ints
    inertial: Bools
    rate: Floats
    store: Floats
    app: Floats
    opinionated: Floats
    mailing: Floats
    evidence: Bools

    def __len__(self) -> int:
        return self.contacts.height


def shoppers(count: int, weeks: int, parameters: Parameters, rng: np.random.Generator) -> Shoppers:
    """Draw `count` people for a world of so many weeks."""
    number = np.arange(count)
    first = np.array(FIRST, dtype=object)[rng.integers(0, len(FIRST), count)]
    last = np.array(LAST, dtype=object)[rng.integers(0, len(LAST), count)]
    country = np.array(COUNTRIES, dtype=object)[rng.choice(3, count, p=[0.5, 0.22, 0.28])]
    user = _text("u", number, 6)
    told = {"first": first.tolist(), "last": last.tolist(), "country": country.tolist()}
    typed = pl.DataFrame(
        {"user_id": user, **told}, schema=["user_id", *told], schema_overrides=dict.fromkeys(told, pl.String)
    )
    contacts = typed.with_columns(
        email=pl.concat_str(
            pl.col("first").str.to_lowercase(),
            pl.lit("."),
            pl.col("last").str.to_lowercase(),
            pl.col("user_id").str.slice(1),
            pl.lit("@example.com"),
        ),
        phone=pl.Series(_phones(country, rng), dtype=pl.String),
        name=pl.concat_str("first", "last", separator=" "),
        zone=pl.col("country").replace_strict(ZONES),
        language=pl.col("country").replace_strict(LANGUAGES),
        anonymous_id=pl.concat_str(pl.lit("web-"), pl.col("user_id").str.slice(1)),
        address=_addresses(country, rng),
    )
    agrees = rng.random(count) < parameters.agrees
    return Shoppers(
        contacts=contacts.select(
            "user_id", "email", "phone", "name", "country", "zone", "language", "anonymous_id", "address"
        ),
        since_week=np.where(rng.random(count) < parameters.known_before, 0, rng.integers(0, weeks, count)),
        inertial=rng.random(count) < parameters.inertial,
        rate=rng.gamma(parameters.buys_shape, parameters.buys / parameters.buys_shape, count),
        store=rng.beta(0.7, 1.6, count),
        app=rng.beta(0.8, 1.4, count),
        opinionated=rng.beta(1.6, 2.4, count),
        mailing=np.where(agrees, np.array([0.16, 0.36, 0.8])[rng.choice(3, count, p=[0.60, 0.26, 0.14])], 0.0),
        evidence=rng.random(count) < 0.72,
    )


def as_typed(contacts: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The contacts as a shop's staff and forms wrote them: cases, blanks, typing errors, national and international
    numbers."""
    count = contacts.height
    slip = rng.random(count)
    style = rng.integers(0, 4, count)
    email, phone = pl.col("email"), pl.col("phone")
    return (
        contacts.with_columns(slip=pl.Series(slip), style=pl.Series(style))
        .with_columns(
            email=pl.when(pl.col("slip") < 0.04)
            .then(email.str.to_uppercase())
            .when(pl.col("slip") < 0.07)
            .then(pl.concat_str(pl.lit(" "), email, pl.lit(" ")))
            .when(pl.col("slip") < 0.08)
            .then(email.str.replace("example.com", "exmaple.com", literal=True))
            .when(pl.col("slip") < 0.085)
            .then(email.str.replace("@", " at ", literal=True))
            .when(pl.col("slip") < 0.12)
            .then(None)
            .otherwise(email),
            phone=pl.when(pl.col("style") == 0)
            .then(phone)
            .when(pl.col("style") == 1)
            .then(phone.str.replace("+", "00", literal=True))
            .when(pl.col("style") == 2)
            .then(
                pl.concat_str(
                    phone.str.slice(0, 3), pl.lit(" "), phone.str.slice(3, 3), pl.lit(" "), phone.str.slice(6)
                )
            )
            .otherwise(
                pl.concat_str(
                    phone.str.slice(0, 3),
                    pl.lit(" ("),
                    phone.str.slice(3, 2),
                    pl.lit(") "),
                    phone.str.slice(5, 3),
                    pl.lit("-"),
                    phone.str.slice(8),
                )
            ),
        )
        .drop("slip", "style")
    )


def _text(letter: str, number: Ints, width: int) -> pl.Series:
    return pl.select(pl.concat_str(pl.lit(letter), pl.Series(number).cast(pl.String).str.zfill(width))).to_series()


def _addresses(country: npt.NDArray[Any], rng: np.random.Generator) -> pl.Expr:
    """Two in five gave a postal address, each in a town that is none."""
    count = len(country)
    house = pl.Series(rng.integers(1, 400, count)).cast(pl.String)
    street = pl.Series(STREETS).gather(rng.integers(0, len(STREETS), count))
    code = pl.Series(10_000 + np.arange(count)).cast(pl.String)
    given = pl.Series(rng.random(count) < 0.4)
    written = pl.concat_str(house, pl.lit(" "), street, pl.lit(", "), code, pl.lit(" Exampleton, "), pl.col("country"))
    return pl.when(given).then(written)


def _phones(country: npt.NDArray[Any], rng: np.random.Generator) -> list[str | None]:
    """Three in five have a number; one in thirty shares a household's; a country's numbers given out stay unique."""
    phones = np.full(len(country), None, dtype=object)
    for code, ranges in FICTION.items():
        here = np.flatnonzero((country == code) & (rng.random(len(country)) < 0.6))
        pool = np.array(
            [f"{prefix}{digits:0{free}d}" for prefix, free in ranges for digits in range(10**free)], dtype=object
        )
        own = rng.permutation(pool)[: len(here)]
        phones[here[: len(own)]] = own
        if len(own) > 1:
            shared = np.flatnonzero(rng.random(len(own)) < 1 / 30)
            shared = shared[shared > 0]
            phones[here[shared]] = phones[here[shared - shared % 5]]
    return list(phones)
