"""In: kept events and the playbook's mapping. Out: drafts of interactions, and what cannot become one. Writes every kind that the mapping names.

Events have Segment's shape. Each name is mapped at once for all events of that name; properties take the type that the
mapping's expressions look for. An event is taken whole or refused whole, with a reason, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from touchline.expressions import Expression
from touchline.intake.casting import Faults, cast, parted
from touchline.intake.keys import ids, resolved
from touchline.intake.mapping import IDENTIFIER, RULE, Maker, rules
from touchline.intake.readers import LINE, NUMBER
from touchline.intake.rejects import rejected
from touchline.intake.rows import EVENT, Draft, Terms, joined
from touchline.intake.scratch import connected
from touchline.kernel.measures import column
from touchline.kernel.times import DAY
from touchline.kernel.types import Type
from touchline.playbook.compiled import EventMapping, ImportRow, Playbook, Promise
from touchline.recognition.normalise import normalised

PAGE = "Page Viewed"
"""The mapping that `page` and `screen` take."""
KINDS: tuple[tuple[str, str], ...] = (
    ("user_id", ""),
    ("email", ""),
    ("phone", ""),
    ("anonymous_id", ""),
    ("anonymous_id", ""),
)
"""(type, scope) of an event's identifiers: userId, e-mail and telephone of its traits, anonymousId, previousId."""
ENVELOPE: dict[str, str] = {
    "type": "$.type", "event": "$.event", "name": "$.name",
    "user": "$.userId", "anonymous": "$.anonymousId", "previous": "$.previousId",
    "timestamp": "$.timestamp", "original": "$.originalTimestamp", "sent": "$.sentAt",
    "email": "$.traits.email", "phone": "$.traits.phone", "email_beside": "$.context.traits.email", "phone_beside": "$.context.traits.phone",
    "properties": "$.properties", "traits": "$.traits", "group": "$.groupId", "currency": "$.properties.currency",
}  # fmt: skip

_TOLD = "__told_"


def map_events(kept: pl.DataFrame, terms: Terms) -> tuple[Draft, pl.DataFrame]:
    """(rows with id and `__identifier_N`, one reject for each event that cannot be mapped, by `row_number`).

    kept    [row_number, source, message_id, received_at, body]; the terms' own source and time of receipt are not used
    """
    told = _opened(kept)
    drafts: list[Draft] = []
    refused: list[pl.DataFrame] = []
    for (source, how), part in told.group_by("source", f"{_TOLD}how", maintain_order=True):
        draft, faults = _of_mapping(part, str(how), replace(terms, source=str(source)))
        if draft.frame.height or not drafts:
            drafts.append(draft)
        refused.append(faults)
    if not drafts:
        return Draft(pl.DataFrame(schema={NUMBER: pl.Int64, LINE: pl.Int64}), {}), rejected([])
    return joined(drafts), pl.concat(refused)


def _opened(kept: pl.DataFrame) -> pl.DataFrame:
    """The events with the parts of their envelope as `__told_NAME` texts, and `__told_how`: the name of their mapping."""
    values = _extracted(kept["body"], list(ENVELOPE.values()))
    parts = [values.list.get(i).alias(f"{_TOLD}{name}") for i, name in enumerate(ENVELOPE)]
    frame = kept.with_columns(*parts, pl.lit(None, pl.Int64).alias(LINE))
    kind = pl.col(f"{_TOLD}type")
    how = (
        pl.when(kind == "track").then("track:" + pl.col(f"{_TOLD}event"))
        .when(kind.is_in(["page", "screen"])).then(pl.lit("page:"))
        .otherwise(pl.lit("identify:"))
    )  # fmt: skip
    frame = frame.with_columns(how.alias(f"{_TOLD}how"))
    beside = {"email": "email_beside", "phone": "phone_beside"}
    return frame.with_columns(
        pl.coalesce(f"{_TOLD}{name}", f"{_TOLD}{other}").alias(f"{_TOLD}{name}") for name, other in beside.items()
    )


def _extracted(bodies: pl.Series, paths: Sequence[str]) -> pl.Series:
    """For each body the values at the paths as texts, parsed once; NULL where there is none."""
    with connected() as engine:
        engine.register("told", bodies.alias("body").to_frame().to_arrow())
        query = "SELECT json_extract_string(body, $paths) AS found FROM told"
        found = engine.sql(query, params={"paths": list(paths)}).to_arrow_table()
    return pl.DataFrame(found)["found"]


def mapping_of(how: str, playbook: Playbook) -> tuple[EventMapping, bool]:
    """(the mapping of `track:NAME`, `page:` or `identify:`, whether the event tells who somebody is)."""
    group, _, name = how.partition(":")
    if group == "identify":
        return EventMapping("identified", None), True
    if group == "page":
        return playbook.events.get(PAGE, EventMapping("visited", playbook.default_event.touchpoint)), False
    return playbook.events.get(name, playbook.default_event), False


def _of_mapping(part: pl.DataFrame, how: str, terms: Terms) -> tuple[Draft, pl.DataFrame]:
    mapping, tells = mapping_of(how, terms.playbook)
    columns, fixed = _columns(mapping)
    made = [replace(rule, fixed={**rule.fixed, **fixed}) for rule in rules([ImportRow(columns)])]
    promises = _promises(terms.playbook)
    needed = _needed([*columns.values(), *(holds for _, holds in promises.get(str(mapping.touchpoint), ()))])
    part = part.with_columns(_properties(part["body"], needed))
    types = {
        **needed,
        "timestamp": Type.TIME.value,
        "original": Type.TIME.value,
        "sent": Type.TIME.value,
    }
    named = part.rename({f"{_TOLD}{name}": name for name in ("timestamp", "original", "sent")})
    typed = cast(named, types, [], None, zone_of_dates=terms.playbook.organisation.zone)
    lines = typed.frame.join(
        part.select(NUMBER, *(name for name in part.columns if name.startswith(_TOLD)), "message_id", "received_at"),
        on=NUMBER,
        how="left",
        maintain_order="left",
    )
    at = pl.coalesce("timestamp", "original", "sent", "received_at")
    faulty: Faults = [("time_in_future", "timestamp", at > pl.col("received_at") + DAY)]
    if mapping.revenue is not None or mapping.cost is not None:
        other = pl.col(f"{_TOLD}currency").str.to_uppercase() != terms.playbook.organisation.currency
        faulty.append(("other_currency", "currency", other))
    lines, faulted = parted(lines, faulty)
    lines = lines.select(
        NUMBER, LINE, *(column(name) for name in needed),
        at.alias("__occurred_at"), pl.col("received_at").alias("__received_at"), pl.col("message_id").alias("__message_id"),
        _payload(tells=tells).alias("__payload"), _name(how).alias("__name"), *_identifiers(lines, terms.playbook),
    )  # fmt: skip
    draft, faults = Maker(terms, promises, _typed, _typed, _from_envelope(columns)).drafts(lines, made)
    refused = pl.concat([typed.rejected, faulted, faults])
    return _identified(draft, terms.source), refused


def _columns(mapping: EventMapping) -> tuple[dict[str, Expression], dict[str, str]]:
    """(ledger column -> expression, what is the same in every event)."""
    columns = {**mapping.columns, **mapping.readings}
    fixed = {"kind": mapping.kind}
    if mapping.touchpoint is not None:
        fixed["touchpoint"] = mapping.touchpoint
    amounts = {"revenue": mapping.revenue, "cost": mapping.cost}
    columns |= {name: expression for name, expression in amounts.items() if expression is not None}
    if mapping.episode is not None:
        fixed["episode_type"] = mapping.episode.type
        columns["episode_id"] = mapping.episode.id
        if mapping.episode.closes is not None:
            columns["episode_closes"] = mapping.episode.closes
    if mapping.agreement is not None:
        columns["agreement_id"] = mapping.agreement.id
        times = {"term_start": mapping.agreement.term_start, "renewal_at": mapping.agreement.renewal}
        columns |= {name: expression for name, expression in times.items() if expression is not None}
    return columns, fixed


def _promises(playbook: Playbook) -> dict[str, list[tuple[Promise, Expression]]]:
    return {
        name: [(p, p.holds) for p in point.promises if p.holds is not None]
        for name, point in playbook.touchpoints.items()
    }


def _typed(expression: Expression) -> Callable[[str], str]:
    """The column of each `event.X` of the expression: by name and type, since another one may look for another type."""
    return lambda name: column(f"{name}:{expression.inferred[name]}")


def _needed(expressions: Iterable[Expression]) -> dict[str, str]:
    """`event.X:TYPE` -> type, for every property that is read."""
    return {f"{name}:{told}": str(told) for expression in expressions for name, told in expression.inferred.items()}


def _properties(bodies: pl.Series, needed: Iterable[str]) -> list[pl.Series]:
    names = [(name, name.removeprefix(EVENT).rpartition(":")[0]) for name in needed]
    if not names:
        return []
    paths = ["$.properties." + ".".join(f'"{part}"' for part in path.split(".")) for _, path in names]
    values = _extracted(bodies, paths)
    return [values.list.get(i).replace("", None).alias(name) for i, (name, _) in enumerate(names)]


def _from_envelope(columns: Mapping[str, Expression]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """What a row takes from its event unless the mapping says otherwise."""

    def told(draft: pl.DataFrame) -> pl.DataFrame:
        given = {
            "occurred_at": "__occurred_at",
            "received_at": "__received_at",
            "name": "__name",
            "payload": "__payload",
        }
        return draft.with_columns(
            pl.col(own).alias(name) for name, own in given.items() if name not in columns and name not in draft.columns
        )

    return told


def _payload(*, tells: bool) -> pl.Expr:
    """Properties, or traits of an event that tells who somebody is; NULL where there are none."""
    if not tells:
        return pl.when(~pl.col(f"{_TOLD}properties").is_in(["{}", "null"])).then(f"{_TOLD}properties")
    traits = pl.col(f"{_TOLD}traits").fill_null("{}")
    group = pl.col(f"{_TOLD}group")
    # A group is told as one trait more.
    with_group = pl.concat_str(
        pl.lit('{"groupId":'),
        pl.struct(group.alias("g")).struct.json_encode().str.extract(r'^\{"g":(.*)\}$'),
        pl.lit(',"traits":'),
        traits,
        pl.lit("}"),
    )
    return pl.when(group.is_not_null()).then(with_group).otherwise(traits)


def _name(how: str) -> pl.Expr:
    group, _, name = how.partition(":")
    return pl.lit(name) if group == "track" else pl.col(f"{_TOLD}name") if group == "page" else pl.col(f"{_TOLD}type")


def _identifiers(lines: pl.DataFrame, playbook: Playbook) -> list[pl.Series]:
    """The five identifiers of KINDS. A trait that is no address is left out: the event is no worse for it, as its sender is known."""
    told = []
    for i, (name, (kind, scope)) in enumerate(
        zip(("user", "email", "phone", "anonymous", "previous"), KINDS, strict=True)
    ):
        values = lines[f"{_TOLD}{name}"]
        if name in ("email", "phone"):
            distinct = pl.DataFrame({"value": values.drop_nulls().unique()}).with_columns(
                type=pl.lit(kind), scope=pl.lit(scope)
            )
            good = normalised(distinct, playbook.organisation.country).filter(pl.col("reason").is_null())["value"]
            values = (
                pl.DataFrame({"v": values}).select(pl.when(pl.col("v").is_in(good.implode())).then("v")).to_series()
            )
        told.append(values.alias(f"{IDENTIFIER}{i}"))
    return told


def _identified(draft: Draft, source: str) -> Draft:
    """The rows with ids: `interaction_id(source, messageId)`, and the number of a further row of one event behind it."""
    frame = draft.frame
    message = pl.col("__message_id")
    key = (
        pl.when(pl.col(RULE) > 0)
        .then(pl.concat_str(message, pl.col(RULE).cast(pl.String), separator="\x1f"))
        .otherwise(message)
    )
    frame = frame.with_columns(ids(source, [key], frame))
    told = []
    for name, prefix in (("about", "interaction:"), ("in_reply_to", "")):
        if name in frame.columns and frame.schema[name] == pl.String and draft.values("kind") != ["replied"]:
            bare = frame.select(
                pl.when(pl.col(name).str.starts_with(prefix)).then(pl.col(name).str.strip_prefix(prefix))
            ).to_series()
            told.append((prefix + resolved(source, bare)).fill_null(frame[name]).alias(name))
    if draft.fixed.get("episode_type") is not None:
        told_type = (
            pl.when(pl.col("episode_id").is_not_null()).then(pl.lit(draft.fixed["episode_type"])).alias("episode_type")
        )
        return Draft(
            frame.with_columns(*told, told_type),
            {k: v for k, v in draft.fixed.items() if k not in ("episode_type", "received_at")},
        )
    return Draft(frame.with_columns(told), {k: v for k, v in draft.fixed.items() if k != "received_at"})
