"""In: what happened, in arrays, kind by kind. Out: one frame of it, and the same as Segment-shaped events. Writes no interactions.

An id is made of what happened, the day and the person, so that a world that is continued later writes the same ids as one that went on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from touchline.kernel.times import format_instant
from touchline.world.warranty_chance import Ints

COLUMNS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "who": pl.Int64(),
    "at": pl.Int64(),
    "kind": pl.String(),
    "touchpoint": pl.String(),
    "claim_no": pl.String(),
    "case_no": pl.String(),
    "solved": pl.Boolean(),
    "visits": pl.Int64(),
    "agreed_on": pl.String(),
    "arrived_on": pl.String(),
    "in_time": pl.Boolean(),
    "amount": pl.Float64(),
    "cost": pl.Float64(),
    "reply_to": pl.String(),
    "contract_no": pl.String(),
    "term_start": pl.Int64(),
    "renews_at": pl.Int64(),
    "reason": pl.String(),
    "words": pl.String(),
    "stars": pl.Int64(),
    "score": pl.Int64(),
    "survey": pl.String(),
    "question": pl.String(),
    "message_id": pl.String(),
    "conversation": pl.String(),
    "purpose": pl.String(),
    "channel": pl.String(),
    "machine": pl.Boolean(),
    "code": pl.String(),
    "pool": pl.String(),
    "signed_in": pl.Boolean(),
}
"""Column -> type of what the diary holds; `who` is the place of the person in the world's people, times are microseconds."""

EVENTS: dict[tuple[str, str | None], str] = {
    ("visited", "site"): "Page Viewed",
    ("joined", "site"): "Contract Signed",
    ("renewed", "site"): "Contract Renewed",
    ("left", "site"): "Contract Ended",
    ("bought", "site"): "Cover Extended",
    ("asked", "claim_line"): "Claim Reported",
    ("answered_to", "claim_line"): "Claim Answered",
    ("served", "claim_visit"): "Claim Visit Done",
    ("complained", "care_desk"): "Complaint Made",
    ("complained", "invoice"): "Invoice Disputed",
    ("case_resolved", "care_desk"): "Case Resolved",
    ("praised", "care_desk"): "Thanks Said",
    ("said", "reviews"): "Review Posted",
    ("answered", "survey_mail"): "Survey Answered",
    ("opened", None): "Mail Opened",
    ("clicked", None): "Mail Clicked",
    ("opted_in", "site"): "Consent Given",
    ("opted_out", "site"): "Consent Withdrawn",
    ("redeemed", None): "Code Redeemed",
}
"""Kind and touchpoint -> the name of the event in the template's mapping.yaml."""

_PROPERTY = {
    "amount": "premium",
    "cost": "labour_cost",
    "reply_to": "question_id",
    "term_start": "starts_on",
    "renews_at": "renews_on",
}
"""Column -> property of the event, where the two differ."""

_NO_PROPERTY = ("event_id", "who", "at", "kind", "touchpoint", "conversation", "signed_in")


class Diary:
    """What happened, in the order it was written down; a deaf one forgets at once, for worlds of which only the truth is asked."""

    def __init__(self, *, deaf: bool = False) -> None:
        self._pages: list[pl.DataFrame] = []
        self.deaf = deaf

    def note(self, kind: str, what: str, day: int, who: Ints, at: Ints, touchpoint: Any = None, **columns: Any) -> None:
        """Write down one thing for each of `who`; a column is an array, a series or one value for all. `what` is one word for
        what happened, for the id: once a person and day."""
        if self.deaf or not len(who):
            return
        given = {"who": who, "at": at, "kind": kind, "touchpoint": touchpoint, **columns}
        columns_ = [_series(name, value, len(who)) for name, value in given.items()]
        self._pages.append(pl.DataFrame([self.names(what, day, who).alias("event_id"), *columns_]))

    def names(self, what: str, day: int, who: Ints) -> pl.Series:
        """The id of what happened to each person on a day: `report-0612-000123`."""
        if self.deaf:
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(who))
        number = pl.Series(who, dtype=pl.Int64).cast(pl.String).str.zfill(6)
        return pl.select(pl.concat_str(pl.lit(f"{what}-{day:04d}-"), number)).to_series()

    def take(self, until: int, kept: pl.DataFrame | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Everything before the instant, by time, and what is still to come; the diary is empty then. `kept` is what was still to
        come before."""
        empty = pl.DataFrame(schema=COLUMNS)
        every = pl.concat([empty, *([] if kept is None else [kept]), *self._pages], how="diagonal")
        self._pages = []
        before = pl.col("at") < until
        return every.filter(before).sort("at", "event_id"), every.filter(~before)


def events(happened: pl.DataFrame, contacts: pl.DataFrame) -> list[dict[str, Any]]:
    """The diary's rows as Segment-shaped events, by time; contacts are those of the world's people, in their order.

    A review is posted under a handle, which no tracker knows: it comes from a browser that is not signed in.
    """
    known = contacts.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("who")).select(
        "who", "user_id", "anonymous_id", "email", "phone", "address", "name", "zone", "language"
    )
    told = happened.join(known, on="who", how="left", maintain_order="left")
    return [_event(row) for row in told.iter_rows(named=True)]


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    at = format_instant(row["at"])
    made: dict[str, Any] = {"messageId": row["event_id"], "timestamp": at}
    signed_in = row["signed_in"] is not False and row["kind"] != "said"
    if signed_in:
        made["userId"] = row["user_id"]
    else:
        made["anonymousId"] = row["anonymous_id"]
    if row["kind"] == "identified":
        traits = {name: row[name] for name in ("email", "phone", "address", "name") if row[name] is not None}
        return {**made, "type": "identify", "anonymousId": row["anonymous_id"], "traits": traits}
    if row["kind"] == "preferred":
        properties = {"zone": row["zone"], "language": row["language"]}
        return {**made, "type": "track", "event": "Preference Told", "properties": properties}
    properties = {
        _PROPERTY.get(name, name): format_instant(row[name]) if name in ("term_start", "renews_at") else row[name]
        for name in COLUMNS
        if name not in _NO_PROPERTY and row[name] is not None
    }
    if row["kind"] in ("opted_in", "opted_out"):
        properties["address"] = row["email"]
        if row["kind"] == "opted_in":
            properties["evidence"] = f'{{"how":"answer to an e-mail","wording":"v3","when":"{at}"}}'
    return {**made, "type": "track", "event": EVENTS[(row["kind"], row["touchpoint"])], "properties": properties}


def _series(name: str, value: Any, count: int) -> pl.Series:
    type_ = COLUMNS[name]
    if isinstance(value, pl.Series):
        return value.cast(type_).alias(name)
    if hasattr(value, "dtype"):
        return pl.Series(name, value.tolist() if value.dtype == object else value, dtype=type_)
    return pl.Series(name, [value], dtype=type_).new_from_index(0, count)
