"""In: identifiers as people and systems wrote them. Out: their one normal form, or why there is none.
Writes no interactions.

Two spellings of one address are one identifier; what cannot be one is refused with a word. All is set-based but
telephone numbers and international domains, which are looked at once per distinct value.
"""

from __future__ import annotations

import phonenumbers
import polars as pl

from touchline.interactions.catalogue import IDENTIFIER_TYPES

STRENGTH: tuple[str, ...] = (*(kind for kind in IDENTIFIER_TYPES if kind != "postal"), "postal")
"""Strongest first. A postal address comes last: it is a place where several people may live."""

SCOPED: tuple[str, ...] = ("user_id", "account")
"""Types whose values mean something only inside a scope: a shop's customer 17 is not the bank's."""

_OF_SYSTEMS: tuple[str, ...] = ("user_id", "account", "anonymous_id")

LONGEST = 512
LONGEST_SCOPE = 128
LONGEST_EMAIL = 254
LONGEST_LOCAL = 64
_LONGEST_LABEL = 63

_CONTROL = r"[\p{Cc}\x{2028}\x{2029}]"
_INVISIBLE = r"[\p{Cf}]"
_LOCAL = r"[^\s@\"(),:;<>\[\]\\]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*\.[a-z][a-z0-9-]*[a-z0-9]"


def normalised(sightings: pl.DataFrame, region: str | None = None) -> pl.DataFrame:
    """`sightings` [type, scope, value, …] with `value_normalised` and `reason` added, exactly one of them NULL.

    region   ISO 3166 alpha-2, where telephone numbers without a country code belong; None refuses such numbers

    reason is one of: unknown_type, missing, too_long, control_character, bad_scope, bad_email, bad_phone,
    phone_without_country.
    """
    value, kind, scope = pl.col("value"), pl.col("type"), pl.col("scope").fill_null("")
    # Length first and on bytes: nothing else looks at a value of ten thousand characters.
    early = (
        pl.when(~kind.is_in(STRENGTH).fill_null(value=False)).then(pl.lit("unknown_type"))
        .when(value.str.len_bytes() > LONGEST * 4).then(pl.lit("too_long"))
    )  # fmt: skip
    frame = sightings.with_columns(scope=scope, reason=early)
    plain = value.str.normalize("NFC")
    clean = (
        pl.when(pl.col("reason").is_not_null()).then(None)
        .when(kind == "postal").then(plain.str.replace_all(_INVISIBLE, "").str.replace_all(r"[\r\n\t]+", " "))
        # What people copy carries marks of writing direction and the like inside; a system's own id may mean them.
        .when(~kind.is_in(_OF_SYSTEMS)).then(plain.str.replace_all(_INVISIBLE, ""))
        .otherwise(plain.str.replace_all(r"^[\p{Cf}\s]+|[\p{Cf}\s]+$", ""))
    )  # fmt: skip
    frame = frame.with_columns(value_normalised=clean.str.strip_chars())
    tidy = pl.col("value_normalised")
    frame = frame.with_columns(
        reason=pl.coalesce(
            pl.col("reason"),
            pl.when(tidy.is_null() | (tidy == ""))
            .then(pl.lit("missing"))
            .when(tidy.str.len_chars() > LONGEST)
            .then(pl.lit("too_long"))
            .when(tidy.str.contains(_CONTROL) | scope.str.contains(_CONTROL))
            .then(pl.lit("control_character"))
            .when((scope.str.len_chars() > LONGEST_SCOPE) | ((scope != "") & ~kind.is_in(SCOPED)))
            .then(pl.lit("bad_scope")),
        )
    )
    kinds = set(frame.get_column("type").unique())
    if "email" in kinds:
        frame = _emails(frame)
    if "phone" in kinds:
        frame = _phones(frame, region)
    if "social" in kinds:
        frame = frame.with_columns(value_normalised=pl.when(kind == "social").then(_social()).otherwise(tidy))
    if "postal" in kinds:
        frame = frame.with_columns(value_normalised=pl.when(kind == "postal").then(_postal()).otherwise(tidy))
    frame = frame.with_columns(
        reason=pl.coalesce(
            pl.col("reason"),
            pl.when(tidy == "").then(pl.lit("missing")).when(tidy.str.len_chars() > LONGEST).then(pl.lit("too_long")),
        )
    )
    return frame.with_columns(value_normalised=pl.when(pl.col("reason").is_null()).then(tidy))


def name_normalised(name: pl.Expr) -> pl.Expr:
    """A personal name without case, punctuation and order of its words, so that `Smith, John` is `John Smith`."""
    words = (
        name.str.slice(0, LONGEST)
        .str.normalize("NFKC")
        .str.to_lowercase()
        .str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ")
        .str.strip_chars()
    )
    return words.str.split(" ").list.sort().list.join(" ")


def _emails(frame: pl.DataFrame) -> pl.DataFrame:
    """Lower-case throughout, domain in ASCII.

    RFC 5321 lets a host tell local parts apart by case, but none in use does, and people do not write theirs twice
    alike. Dots and tags (`a.b+shop@`) are kept, because they do differ on some hosts.
    """
    mine = (pl.col("type") == "email") & pl.col("reason").is_null()
    lower = pl.col("value_normalised").str.to_lowercase().str.normalize("NFC")
    frame = frame.with_columns(value_normalised=pl.when(mine).then(lower).otherwise(pl.col("value_normalised")))
    address = pl.col("value_normalised")
    foreign = frame.filter(mine & address.str.contains(r"@.*[^\x00-\x7f]")).get_column("value_normalised").unique()
    if foreign.len():
        ascii_ = [_ascii_domain(text) for text in foreign]
        frame = frame.with_columns(
            value_normalised=pl.when(mine)
            .then(address.replace(foreign, pl.Series(ascii_, dtype=pl.String)))
            .otherwise(address)
        )
    at = address.str.splitn("@", 2)
    local, domain = at.struct.field("field_0"), at.struct.field("field_1")
    good = (
        address.str.contains(rf"^{_LOCAL}@{_DOMAIN}$")
        & (address.str.len_bytes() <= LONGEST_EMAIL)
        & (local.str.len_bytes() <= LONGEST_LOCAL)
        & ~local.str.contains(r"^\.|\.$|\.\.")
        & ~domain.str.contains(rf"[^.]{{{_LONGEST_LABEL + 1},}}")
    )
    wrong = mine & ~good.fill_null(value=False)
    return frame.with_columns(reason=pl.when(wrong).then(pl.lit("bad_email")).otherwise(pl.col("reason")))


def _ascii_domain(address: str) -> str:
    """The address with an international domain as `xn--`; unchanged, and so refused later, where there is none."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii').lower()}"
    except UnicodeError:
        return address


def _phones(frame: pl.DataFrame, region: str | None) -> pl.DataFrame:
    """E.164, by the numbering plans that phonenumbers carries."""
    mine = (pl.col("type") == "phone") & pl.col("reason").is_null()
    distinct = frame.filter(mine).get_column("value_normalised").unique().to_list()
    answers = [_e164(text, region) for text in distinct]
    found = pl.DataFrame(
        {"value_normalised": distinct, "_e164": [a for a, _ in answers], "_why": [b for _, b in answers]},
        schema={"value_normalised": pl.String, "_e164": pl.String, "_why": pl.String},
    )
    joined = frame.join(found, on="value_normalised", how="left", maintain_order="left")
    return joined.with_columns(
        value_normalised=pl.when(mine).then(pl.col("_e164")).otherwise(pl.col("value_normalised")),
        reason=pl.when(mine).then(pl.col("_why")).otherwise(pl.col("reason")),
    ).drop("_e164", "_why")


def _e164(text: str, region: str | None) -> tuple[str | None, str | None]:
    """(number, None) or (None, reason).

    A number must be possible from abroad, not proven in use: plans change faster than releases.
    """
    if region is None and not text.lstrip().startswith(("+", "＋")):
        return None, "phone_without_country"
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None, "bad_phone"
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if number.extension or not possible:
        return None, "bad_phone"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def _social() -> pl.Expr:
    """Handles are written with and without `@`, in any case; the network, where one is told, stands before a slash."""
    return pl.col("value_normalised").str.to_lowercase().str.normalize("NFC").str.replace_all(r"(^|/)[@\s]+", "${1}")


def _postal() -> pl.Expr:
    """Lines and blanks are how it was typed; case too."""
    return (
        pl.col("value_normalised")
        .str.to_lowercase()
        .str.normalize("NFC")
        .str.replace_all(r"[\s,;]+", " ")
        .str.strip_chars(" ")
    )
