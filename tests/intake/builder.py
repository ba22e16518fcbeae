"""Small playbooks and imports for the tests of intake, compiled as the playbook's own compiler would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from touchline.expressions import DeclaredNames, OpenNames, check
from touchline.expressions.tree import Expression
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.measures import Measures
from touchline.kernel.times import DAY, HOUR, parse_instant
from touchline.kernel.types import Type
from touchline.playbook.compiled import (
    EpisodeMapping,
    EpisodeType,
    EventMapping,
    Import,
    ImportRow,
    Organisation,
    PersonaRule,
    Playbook,
    Policies,
    Promise,
    Stage,
    Touchpoint,
)

NOW = parse_instant("2026-11-01T12:00:00Z")


def of_event(text: str, want: Type | None = None) -> Expression:
    return check(text, OpenNames("event."), want=want, dialect="mapping")


def playbook(**changes: Any) -> Playbook:
    """A shop and a help desk; `answered_in_4h` has a time limit, `on_the_day` says itself whether it was kept."""
    limit = Promise(
        "answered_in_4h", "responsiveness", 0.3, -0.7, from_kind="asked", until_kind="answered_to", within=4 * HOUR
    )
    day = Promise(
        "on_the_day", "reliability", 0.4, -0.8, holds=of_event("event.arrived_on = event.agreed_on", Type.BOOLEAN)
    )
    parts: dict[str, Any] = {
        "digest": "0123456789abcdef",
        "organisation": Organisation("Test", "Europe/Berlin", "EUR", 100, 180 * DAY, ("en",), ("test",), "DE"),
        "measures": Measures(tuple(KINDS), tuple(PURPOSES), CHANNELS),
        "departments": ("sales", "service"),
        "topics": ("cover",),
        "episodes": {"ticket": EpisodeType("ticket", ("case_resolved",), 30 * DAY)},
        "touchpoints": {
            "shop": Touchpoint("shop", "store", "sales", 1.0),
            "site": Touchpoint("site", "web", "sales", 0.5),
            "desk": Touchpoint("desk", "phone", "service", 2.0, promises=(limit,)),
            "visit": Touchpoint("visit", "field", "service", 3.0, promises=(day,)),
            "mail": Touchpoint("mail", "email", "service", 0.5),
        },
        "default_event": EventMapping("acted", "site"),
        "events": {
            "Bought": EventMapping("bought", "shop", revenue=of_event("event.total", Type.NUMBER)),
            "Asked": EventMapping("asked", "desk", episode=EpisodeMapping("ticket", of_event("event.ticket", Type.TEXT))),
            "Answered": EventMapping("answered_to", "desk", columns={"in_reply_to": of_event("event.question", Type.TEXT)}),
            "Visited": EventMapping("served", "visit"),
            "Rated": EventMapping(
                "answered", "mail", readings={"emotional": of_event("(event.score - 3) / 2", Type.NUMBER)},
                columns={
                    "survey": of_event("'csat'"), "about": of_event("event.about", Type.TEXT),
                    "answer": of_event("event.score", Type.NUMBER),
                },
            ),
            "Consented": EventMapping(
                "opted_in", "site",
                columns={name: of_event(f"event.{name}", Type.TEXT) for name in ("purpose", "channel", "identifier", "evidence")},
            ),
            "Preferred": EventMapping(
                "preferred", "site",
                columns={f"preference.{name}": of_event(f"event.{name}", Type.TEXT) for name in ("days", "max_per_week")},
            ),
        },
        "stages": (Stage("customer", None),),
        "audiences": {},
        "policies": Policies(),
        "conversations": {},
        "imports": {},
    }  # fmt: skip
    return Playbook(**(parts | changes))


def importer(
    types: Mapping[str, str], rows: Sequence[Mapping[str, str]], key: Sequence[str], *, name: str = "shop", format_: str = "csv",
    persona: Sequence[tuple[str, str] | tuple[str, str, str]] = (("account", "customer", "shop"),), **changes: Any,
) -> Import:  # fmt: skip
    """An import whose rows map ledger columns to expression texts; `when` of a row is its condition."""
    scope = DeclaredNames({**{n: Type(t) for n, t in types.items()}, "row_number": Type.INTEGER})

    def expression(text: str, want: Type | None = None) -> Expression:
        return check(text, scope, want=want, dialect="mapping")

    parts: dict[str, Any] = {
        "name": name,
        "format": format_,
        "separator": "whitespace" if format_ == "text" else ",",
        "header": 1,
        "encoding": "utf-8",
        "names": {},
        "types": dict(types),
        "expect": tuple(types),
        "exact": True,
        "persona": tuple(
            PersonaRule(rule[0], expression(rule[1]), rule[2] if len(rule) > 2 else "") for rule in persona
        ),
        "rows": tuple(
            ImportRow(
                {column: expression(text) for column, text in row.items() if column != "when"},
                expression(row["when"], Type.BOOLEAN) if "when" in row else None,
            )
            for row in rows
        ),
        "key": tuple(key),
        "occurrence": False,
        "reject_when": tuple(
            (expression(when, Type.BOOLEAN), reason) for when, reason in changes.pop("reject_when", ())
        ),
        "zone": None,
        "role": "customer",
    }
    return Import(**(parts | changes))


def cdnow() -> Import:
    return importer(
        {"customer_id": "text", "date": "text", "cds": "integer", "dollars": "number"},
        [{
            "kind": "'bought'", "touchpoint": "'shop'", "occurred_at": "INSTANT(date, '%Y%m%d', 'America/New_York')",
            "revenue": "dollars", "payload.cds": "cds",
        }],
        ["customer_id", "date", "cds", "dollars"],
        name="cdnow", format_="text", persona=(("account", "customer_id", "cdnow"),), occurrence=True,
        names={"number_of_cds": "cds", "dollar_value": "dollars"},
        expect=("customer_id", "date", "number_of_cds", "dollar_value"),
        reject_when=[("dollars < 0", "negative_revenue")],
    )  # fmt: skip
