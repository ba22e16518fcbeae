"""In: ledger rows. Out: the recent slice of them, and what needs a window or a pairing. Writes no interactions.

The slice holds what the fold cannot add up: questions and answers, messages, episodes and bad readings of the last
365 days, agreements and cases of any age. It is kept with a snapshot and read by the same functions as the tail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw

from touchline.interactions.row import COMPLETION, READINGS
from touchline.kernel.times import DAY
from touchline.playbook.compiled import EpisodeType
from touchline.relationship.folding import is_bad, tangible
from touchline.relationship.layout import WINDOW, Layout

Frame = nw.LazyFrame[Any]

OUTBOUND: tuple[str, ...] = ("sent", "called")
"""Kinds that are a message to the customer: what caps, contacts and the share replied to count."""

AGREEMENT: tuple[str, ...] = ("joined", "renewed", "left")
CASE: tuple[str, ...] = ("case_opened", "case_resolved")
GLOBAL = "global"
"""The programme of the global holdout; its recurrence is the year."""

ARM_WINDOW = 367 * DAY
"""An arm drawn in the year's first instant is still read in its last."""

ANSWER_WITHIN = 2 * DAY
"""When a question is overdue at a touchpoint that promises no time: nobody should wait longer than two days."""

COLUMNS: tuple[str, ...] = (
    "persona_id", "occurred_at", "kind", "source", "id", "touchpoint", "channel", "purpose", "message_id",
    "in_reply_to", "case_id", "agreement_id", "term_start", "renewal_at", "episode_type", "episode_id",
    "episode_closes", *READINGS, "programme", "recurrence", "arm", "machine",
)  # fmt: skip
"""Ledger columns that a slice is cut from."""

KEPT: tuple[str, ...] = (
    "persona_id", "t", "kind", "id", "touchpoint", "channel", "purpose", "message_id", "in_reply_to", "case_id",
    "agreement_id", "term_start", "renewal_at", "episode_type", "episode_id", "closes", "emotional", "bad",
    "recurrence", "arm",
)  # fmt: skip
"""Columns of a slice. `t` is occurred_at, `bad` a reading that is a care need, `arm` that of the global holdout."""


def cut(rows: Frame, layout: Layout, at: int) -> Frame:
    """The slice of ledger rows as of `at`; cutting it again at a later instant only takes rows away."""
    kind = nw.col("kind")
    rows = rows.select(*COLUMNS).filter(~nw.col("machine"), nw.col("occurred_at") <= at)
    kept = rows.with_columns(tangible=tangible()).with_columns(
        t=nw.col("occurred_at"),
        kind=nw.when(nw.col("source") == COMPLETION).then(nw.lit(COMPLETION)).otherwise(kind),
        closes=nw.col("episode_closes").fill_null(False),
        emotional=nw.col("emotional").cast(nw.Float64),
        bad=is_bad(layout).fill_null(False),
        arm=nw.when(nw.col("programme") == GLOBAL).then(nw.col("arm")),
    )
    paired = sorted({"asked", "answered_to", "replied", *OUTBOUND, *layout.resolved_by})
    needed = kind.is_in([*paired, *AGREEMENT, *CASE]) | nw.col("bad") | ~nw.col("episode_id").is_null()
    drawn = (kind == "assigned") & ~nw.col("arm").is_null()
    return still(kept.filter(needed | drawn).select(*KEPT), at)


def still(slice_: Frame, at: int) -> Frame:
    """The slice without what has become too old by `at`."""
    kind, t = nw.col("kind"), nw.col("t")
    ageless = kind.is_in([*AGREEMENT, *CASE])
    return slice_.filter(ageless | (t > at - WINDOW) | ((kind == "assigned") & (t > at - ARM_WINDOW)))


def settled(slice_: Frame, at: int) -> Frame:
    """What a snapshot of `at` keeps: `still`, and of an older agreement only the rows that an instant from then on may need.

    Those are the newest that began it, the newest that ended it, and those of the term that had begun last or begins later:
    a base's slice so grows with its agreements and not with their renewals.
    """
    kind, t, began = nw.col("kind"), nw.col("t"), ~(nw.col("kind") == "left")
    rows, agreement = still(slice_, at), ("persona_id", "agreement_id")
    start = nw.when(began).then(nw.coalesce(nw.col("term_start"), t))
    agreed = rows.filter(kind.is_in(AGREEMENT), ~nw.col("agreement_id").is_null()).with_columns(
        _start=start, _begun=nw.when(start <= at).then(start), _side=began
    )
    latest = agreed.with_columns(
        _newest=t.max().over(*agreement, "_side"), _current=nw.col("_begun").max().over(*agreement)
    )
    needed = (t == nw.col("_newest")) | (nw.col("_start") > at) | (nw.col("_start") == nw.col("_current"))
    kept = latest.filter((t > at - WINDOW) | needed.fill_null(False)).select(*KEPT)
    others = rows.filter(~kind.is_in(AGREEMENT) | (nw.col("agreement_id").is_null() & (t > at - WINDOW))).select(*KEPT)
    return nw.concat([others, kept], how="vertical")


def contacts(slice_: Frame, at: int, windows: Mapping[str, tuple[str, int]], channel_of: Mapping[str, str]) -> Frame:
    """`customer` and, for each name, the messages in the last N days by channel, purpose or `all`.

    A message sent exactly N days ago is out. A row without a channel of its own has its touchpoint's.
    """
    t, channel = nw.col("t"), _mapped("touchpoint", channel_of)
    longest = max(days for _, days in windows.values())
    rows = slice_.filter(nw.col("kind").is_in(OUTBOUND), t > at - longest * DAY, t <= at)
    rows = rows.select("customer", "t", "purpose", _channel=nw.coalesce(nw.col("channel"), channel))

    def counted(selector: str, days: int) -> nw.Expr:
        holds = t > at - days * DAY
        if selector != "all":
            holds = holds & ((nw.col("_channel") == selector) | (nw.col("purpose") == selector)).fill_null(False)
        return nw.when(holds).then(nw.lit(1)).otherwise(nw.lit(0)).sum().cast(nw.Int64)

    return rows.group_by("customer").agg(*(counted(*window).alias(name) for name, window in windows.items()))


def questions(slice_: Frame, at: int, within: Mapping[str, int]) -> Frame:
    """`customer`, `open`, `overdue`, `in_time` and `settled` (answered or overdue) questions of the last 365 days.

    `within` gives a touchpoint's promised time to answer, in microseconds; elsewhere it is ANSWER_WITHIN.
    """
    rows = slice_.filter(nw.col("t") > at - WINDOW, nw.col("t") <= at)
    answers = (
        rows.filter(nw.col("kind") == "answered_to", ~nw.col("in_reply_to").is_null())
        .group_by("customer", "in_reply_to").agg(nw.col("t").min().alias("_answered"))
        .rename({"in_reply_to": "id"})
    )  # fmt: skip
    promised = _numbered("touchpoint", within, ANSWER_WITHIN)
    asked = rows.filter(nw.col("kind") == "asked").select("customer", "id", _due=nw.col("t") + promised)
    answered, due = nw.col("_answered"), nw.col("_due")
    both = asked.join(answers, on=["customer", "id"], how="left")
    overdue = answered.is_null() & (due < at)
    return both.group_by("customer").agg(
        _count(answered.is_null()).alias("open"),
        _count(overdue).alias("overdue"),
        _count((answered <= due).fill_null(False)).alias("in_time"),
        _count(~answered.is_null() | overdue).alias("settled"),
    )


def replies(slice_: Frame, at: int) -> Frame:
    """`customer`, `messages` of the last 365 days and how many of them were `replied` to, by message id or row id."""
    rows = slice_.filter(nw.col("t") > at - WINDOW, nw.col("t") <= at)
    replied = rows.filter(nw.col("kind") == "replied", ~nw.col("in_reply_to").is_null())
    named = replied.select("customer", nw.col("in_reply_to")).unique().with_columns(_hit=nw.lit(1))
    sent = rows.filter(nw.col("kind").is_in(OUTBOUND), ~nw.col("message_id").is_null()).select(
        "customer", "message_id", "id"
    )
    by_message = named.rename({"in_reply_to": "message_id", "_hit": "_by_message"})
    by_row = named.rename({"in_reply_to": "id", "_hit": "_by_row"})
    both = sent.join(by_message, on=["customer", "message_id"], how="left").join(
        by_row, on=["customer", "id"], how="left"
    )
    hit = nw.coalesce(nw.col("_by_message"), nw.col("_by_row"), nw.lit(0))
    each = both.with_columns(_hit=hit).group_by("customer", "message_id").agg(nw.col("_hit").max())
    return each.group_by("customer").agg(
        nw.len().cast(nw.Int64).alias("messages"), nw.col("_hit").sum().cast(nw.Int64).alias("replied")
    )


def cases(slice_: Frame, at: int) -> Frame:
    """`customer` and `open_cases`: cases opened and not resolved since, whatever their age."""
    kind, t = nw.col("kind"), nw.col("t")
    rows = slice_.filter(kind.is_in(CASE), ~nw.col("case_id").is_null(), t <= at)
    each = rows.group_by("customer", "case_id").agg(
        nw.when(kind == "case_opened").then(t).max().alias("_opened"),
        nw.when(kind == "case_resolved").then(t).max().alias("_resolved"),
    )
    opened, resolved = nw.col("_opened"), nw.col("_resolved")
    open_ = ~opened.is_null() & (resolved.is_null() | (resolved < opened))
    return each.group_by("customer").agg(_count(open_).alias("open_cases"))


def missed(slice_: Frame, at: int, resolved_by: Iterable[str], after: int) -> Frame:
    """`customer` and `missed`: bad readings of the last 365 days without a resolving kind in the time allowed."""
    t = nw.col("t")
    rows = slice_.filter(t > at - WINDOW, t <= at)
    bad = rows.filter(nw.col("bad"), t <= at - after).select("customer", "id", "t")
    healing = rows.filter(nw.col("kind").is_in(sorted(resolved_by))).select("customer", _healed=t)
    both = bad.join(healing, on="customer", how="left")
    healed = ((nw.col("_healed") > t) & (nw.col("_healed") <= t + after)).fill_null(False)
    each = both.group_by("customer", "id").agg(_count(healed).alias("_healings"))
    return each.group_by("customer").agg(_count(nw.col("_healings") == 0).alias("missed"))


def agreements(slice_: Frame, at: int) -> Frame:
    """`customer`, `renewal` (soonest, µs) and `term_start` (latest begun, µs) of agreements in force at `at`.

    An agreement is in force from when it was joined until it is left or its latest known renewal date has passed; one
    without a renewal date until it is left. A term whose start was not told starts when it was agreed.
    """
    kind, t = nw.col("kind"), nw.col("t")
    rows = slice_.filter(kind.is_in(AGREEMENT), ~nw.col("agreement_id").is_null(), t <= at)
    agreement = ["customer", "agreement_id"]
    rows = rows.select(*agreement, "term_start", "renewal_at", t=t, _began=nw.when(~(kind == "left")).then(t))
    start = nw.when(~nw.col("_began").is_null()).then(nw.coalesce(nw.col("term_start"), nw.col("_began")))
    each = rows.group_by(*agreement).agg(
        nw.col("_began").max().alias("_newest"),
        nw.when(nw.col("_began").is_null()).then(t).max().alias("_left"),
        nw.when(start <= at).then(start).max().alias("_start"),
    )
    told = rows.select(*agreement, _newest="_began", _renewal="renewal_at").filter(~nw.col("_renewal").is_null())
    latest = told.group_by(*agreement, "_newest").agg(nw.col("_renewal").max())
    each = each.join(latest, on=[*agreement, "_newest"], how="left")
    kept = ~nw.col("_newest").is_null() & (nw.col("_left").is_null() | (nw.col("_left") < nw.col("_newest")))
    running = nw.col("_renewal").is_null() | (nw.col("_renewal") >= at)
    return (
        each.filter(kept, running)
        .group_by("customer")
        .agg(nw.col("_renewal").min().alias("renewal"), nw.col("_start").max().alias("term_start"))
    )


def episodes(slice_: Frame, at: int) -> Frame:
    """`customer` and `episode_start` (µs): the start of the episode begun last, as far as the slice goes back."""
    each = (
        _of_episodes(slice_, at)
        .group_by("customer", "episode_type", "episode_id")
        .agg(nw.col("t").min().alias("_start"))
    )
    return each.group_by("customer").agg(nw.col("_start").max().alias("episode_start"))


def last_episode(slice_: Frame, at: int, types: Mapping[str, EpisodeType]) -> Frame:
    """`customer` and `last_episode`: of the episode closed last, by the peak-end rule.

    The mean of its most intense emotional reading (of two equally intense ones the bad one) and its final one. An
    episode is closed by a row that says so, by a closing kind of its type, or by silence; one without an emotional
    reading is passed over. Of two closed at one instant the better counts. Kahneman, Fredrickson, Schreiber and
    Redelmeier (1993).
    """
    t, kind, felt = nw.col("t"), nw.col("kind"), nw.col("emotional")
    closing = nw.col("closes")
    for name, type_ in types.items():
        closing = closing | ((nw.col("episode_type") == name) & kind.is_in(type_.closed_by or ("",)))
    idle = _numbered("episode_type", {name: type_.idle_close for name, type_ in types.items()}, WINDOW)
    episode = ("customer", "episode_type", "episode_id")
    rows = _of_episodes(slice_, at).with_columns(_read=nw.when(~felt.is_null()).then(t), _idle=idle)
    rows = rows.with_columns(
        _closed=nw.when(closing.fill_null(False)).then(t), _final=nw.col("_read").max().over(*episode)
    )
    each = rows.group_by(*episode).agg(
        nw.col("_closed").max().alias("_closed"),
        (t + nw.col("_idle")).max().alias("_silent"),
        felt.min().alias("_low"),
        felt.max().alias("_high"),
        nw.when(nw.col("_read") == nw.col("_final")).then(felt).min().alias("_end"),
    )
    low, high = nw.col("_low"), nw.col("_high")
    each = each.with_columns(
        _closed=nw.coalesce(nw.col("_closed"), nw.when(nw.col("_silent") <= at).then(nw.col("_silent"))),
        _felt=(nw.when(low + high <= 0).then(low).otherwise(high) + nw.col("_end")) * 0.5,
    ).filter(~nw.col("_closed").is_null(), ~nw.col("_felt").is_null())
    latest = each.with_columns(_newest=nw.col("_closed").max().over("customer"))
    latest = latest.filter(nw.col("_closed") == nw.col("_newest"))
    return latest.group_by("customer").agg(nw.col("_felt").max().alias("last_episode"))


def arms(slice_: Frame, at: int, year: int) -> Frame:
    """`customer` and `assigned`: 0 control or 1 treated, the earliest of the year's global assignments."""
    t = nw.col("t")
    drawn = (nw.col("kind") == "assigned") & ~nw.col("arm").is_null()
    rows = slice_.filter(drawn, nw.col("recurrence") == str(year), t > at - ARM_WINDOW, t <= at)
    treated = nw.when(nw.col("arm") == "control").then(nw.lit(0)).otherwise(nw.lit(1))
    earliest = rows.group_by("customer").agg((t * 2 + treated).min().alias("_first"))
    return earliest.select("customer", assigned=nw.col("_first") % 2)


def _of_episodes(slice_: Frame, at: int) -> Frame:
    t = nw.col("t")
    return slice_.filter(~nw.col("episode_id").is_null(), ~nw.col("episode_type").is_null(), t > at - WINDOW, t <= at)


def _count(holds: nw.Expr) -> nw.Expr:
    return nw.when(holds).then(nw.lit(1)).otherwise(nw.lit(0)).sum().cast(nw.Int64)


def _mapped(name: str, words: Mapping[str, str]) -> nw.Expr:
    if not words:
        return nw.lit(None, nw.String)
    return nw.col(name).replace_strict(list(words), list(words.values()), default=None, return_dtype=nw.String)


def _numbered(name: str, numbers: Mapping[str, int], default: int) -> nw.Expr:
    if not numbers:
        return nw.lit(default, nw.Int64)
    return nw.col(name).replace_strict(list(numbers), list(numbers.values()), default=default, return_dtype=nw.Int64)
