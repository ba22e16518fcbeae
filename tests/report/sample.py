"""In: a small generated world. Out: frames as the ledger and the relationship room give them, made without either.
Writes no interactions.

The readings here are those of the template's demo mappings in miniature, so that the report's tests stand on this
room alone.
"""

from __future__ import annotations

import polars as pl

from touchline.decision.explaining import Answer, Condition, Explained, Explanation, Factors
from touchline.decision.summary import Summary
from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import SCHEMA
from touchline.kernel.times import DAY, parse_instant
from touchline.report.setting import Place, Setting
from touchline.world.retail import World, live

NOW = parse_instant("2026-11-18T09:00:00Z")

SETTING = Setting(
    organisation="Lantern & Mill",
    zone="Europe/Berlin",
    currency="EUR",
    half_life=180 * DAY,
    digest="0123456789abcdef",
    places={
        "site": Place("web", "sales", 0.5),
        "app_home": Place("app", "sales", 0.5),
        "shop": Place("web", "sales", 1.0),
        "shop_floor": Place("store", "sales", 1.0),
        "counter": Place("desk", "service", 1.5),
        "delivery": Place("field", "logistics", 2.0),
        "returns": Place("post", "logistics", 1.0),
        "help_line": Place("phone", "service", 1.5),
        "help_mail": Place("email", "service", 1.0),
        "help_chat": Place("chat", "service", 1.0),
        "social_page": Place("social", "service", 1.0),
        "letters": Place("post", "service", 1.0),
        "reviews": Place("web", "sales", 1.0),
        "newsletter": Place("email", "marketing", 0.5),
        "offer_mail": Place("email", "sales", 0.3),
        "invoice": Place("email", "billing", 1.0),
        "survey_mail": Place("email", "marketing", 0.5),
    },
    stages=("prospect", "new", "active", "drifting", "lapsed"),
    purposes={
        "thanks_note": "care",
        "spring_offer": "selling",
        "delivery_survey": "listening",
        "late_apology": "recovery",
        "home_tips": "information",
    },
)


def small_world(customers: int = 400) -> World:
    """Two years of a few customers."""
    return live(customers, 730, 7, until=NOW)


def ledger_of(world: World) -> pl.DataFrame:
    """The world's diary in the ledger's columns; the person's place is the persona."""
    kinds = {name: kind.emotional for name, kind in KINDS.items()}
    d = world.diary.with_row_index("seq").with_columns(
        aim=pl.when((pl.col("kind") == "said") & pl.col("order_no").is_not_null())
        .then(pl.concat_str(pl.lit("episode:"), "order_no"))
        .otherwise("about")
    )
    late = (
        pl.when("damaged")
        .then(-0.8)
        .when(pl.col("days_late") > 6)
        .then(-0.9)
        .when(pl.col("days_late") > 0)
        .then(-0.7)
        .when(pl.col("days_late") == 0)
        .then(0.4)
    )
    given = {
        "id": pl.col("event_id"),
        "version": pl.lit(1),
        "persona_id": pl.col("who"),
        "bucket": pl.col("who") % 64,
        "occurred_at": pl.col("at"),
        "received_at": pl.col("at"),
        "batch": pl.lit(1),
        "role": pl.lit("customer"),
        "source": pl.lit("demo_touches"),
        "episode_type": pl.when(pl.col("order_no").is_not_null())
        .then(pl.lit("order"))
        .when(pl.col("case_no").is_not_null())
        .then(pl.lit("ticket")),
        "episode_id": pl.coalesce("order_no", "case_no"),
        "episode_closes": pl.col("closes"),
        "agreement_id": pl.col("contract_no"),
        "renewal_at": pl.col("renews_at"),
        "emotional": pl.when(pl.col("question") == "csat")
        .then((pl.col("score") - 3) / 2)
        .when(pl.col("stars").is_not_null())
        .then((pl.col("stars") - 3) / 2)
        .when((pl.col("kind") == "case_resolved") & pl.col("in_time"))
        .then(0.6)
        .otherwise(pl.col("kind").replace_strict(kinds, return_dtype=pl.Float64)),
        "reliability": late,
        "convenience": pl.when(pl.col("question") == "ces")
        .then((pl.col("score") - 4) / 3)
        .when(pl.col("waited_min") <= 5)
        .then(0.4)
        .when(pl.col("waited_min") >= 15)
        .then(-0.5),
        "responsiveness": pl.when((pl.col("kind").is_in(["answered_to", "case_resolved"])) & pl.col("in_time"))
        .then(0.5)
        .when(pl.col("kind") == "answered_to")
        .then(-0.7),
        "about": pl.col("aim"),
        "about_touchpoint": pl.when(pl.col("aim").str.starts_with("touchpoint:")).then(
            pl.col("aim").str.strip_prefix("touchpoint:")
        ),
        "about_episode_type": pl.when(pl.col("aim").str.starts_with("episode:")).then(pl.lit("order")),
        "revenue_minor": (pl.col("amount") * 100).round().cast(pl.Int64),
        "given": pl.when(pl.col("kind") == "gave")
        .then(5.0)
        .when(pl.col("kind").is_in(["served", "answered_to"]))
        .then(1.0)
        .otherwise(0.0),
        "asked": pl.when((pl.col("kind") == "sent") & (pl.col("purpose") == "listening")).then(1.0).otherwise(0.0),
        "in_reply_to": pl.col("reply_to"),
        "case_id": pl.col("case_no"),
        "answer": pl.col("score").cast(pl.Float64),
        "text": pl.col("words"),
        "machine": pl.col("machine").fill_null(value=False),
        "digest": pl.lit("0123456789abcdef"),
    }
    made = d.with_columns(**given)
    types = {
        "string": pl.String,
        "int64": pl.Int64,
        "int16": pl.Int16,
        "float": pl.Float32,
        "double": pl.Float64,
        "bool": pl.Boolean,
    }
    return made.select(
        (pl.col(f.name) if f.name in made.columns else pl.lit(None)).cast(types[str(f.type)]).alias(f.name)
        for f in SCHEMA
    )


def relationships_of(ledger: pl.DataFrame, now: int = NOW) -> pl.DataFrame:
    """A few measures by the law, written by hand."""
    tangible = pl.mean_horizontal("reliability", "convenience", "responsiveness", "relevance")
    place = pl.when(pl.col("about").is_null()).then("touchpoint").otherwise("about_touchpoint")
    weights = {name: one.weight for name, one in SETTING.places.items()}
    departments = {name: one.department for name, one in SETTING.places.items()}
    r = (
        ledger.filter(pl.col("occurred_at") <= now)
        .with_columns(
            place=place,
            reading=pl.mean_horizontal("emotional", tangible).cast(pl.Float64),
            since=pl.coalesce("about_at", "occurred_at"),
        )
        .filter(pl.col("reading").is_not_null())
        .with_columns(
            department=pl.col("place").replace_strict(departments, default=None),
            w=pl.col("place").replace_strict(weights, default=1.0)
            * (2.0 ** ((pl.col("since") - now) / SETTING.half_life)),
        )
    )

    def law(of: pl.DataFrame, name: str) -> pl.DataFrame:
        value = (pl.col("w") * pl.col("reading")).sum() / (pl.col("w").sum() + 1)
        return of.group_by("persona_id").agg(value.alias(name))

    acts = ledger.group_by("persona_id").agg(
        days=(now - pl.col("occurred_at").filter(pl.col("kind") == "bought").max()) / DAY,
        bought=(pl.col("kind") == "bought").sum(),
        count__complained=(pl.col("kind") == "complained").sum(),
        count__asked=(pl.col("kind") == "asked").sum(),
        sum__revenue=pl.col("revenue_minor").sum() / 100,
        value__given=pl.col("given").sum().cast(pl.Float64),
        value__asked=pl.col("asked").sum().cast(pl.Float64),
        dialogue__open=(pl.col("kind") == "asked").sum() - (pl.col("kind") == "answered_to").sum(),
        dialogue__overdue=pl.lit(0),
        tenure_days=(now - pl.col("occurred_at").min()) / DAY,
        contact__all_90d=((pl.col("kind") == "sent") & (pl.col("occurred_at") > now - 90 * DAY)).sum(),
    )
    frame = acts.join(law(r, "experience__overall"), on="persona_id", how="left")
    frame = frame.join(
        r.group_by("persona_id").agg(experience__n=pl.len(), experience__spread=pl.col("reading").std()),
        on="persona_id",
        how="left",
    )
    for name in SETTING.places:
        frame = frame.join(law(r.filter(pl.col("place") == name), f"experience__{name}"), on="persona_id", how="left")
    for name in dict.fromkeys(departments.values()):
        frame = frame.join(
            law(r.filter(pl.col("department") == name), f"experience__{name}"), on="persona_id", how="left"
        )
    stage = (
        pl.when(pl.col("bought") == 0)
        .then(pl.lit("prospect"))
        .when(pl.col("tenure_days") < 60)
        .then(pl.lit("new"))
        .when(pl.col("days") < 120)
        .then(pl.lit("active"))
        .when(pl.col("days") < 270)
        .then(pl.lit("drifting"))
        .otherwise(pl.lit("lapsed"))
    )
    return frame.with_columns(
        pl.col("persona_id").alias("customer"),
        pl.col("experience__n").fill_null(0).cast(pl.Int64),
        stage=stage,
        care__due=(pl.col("count__complained") > 0) & (pl.col("experience__overall") < 0),
        care__missed=pl.lit(0),
        hand_raiser=pl.col("persona_id") % 3 == 0,
        value__balance=(pl.col("value__given") - pl.col("value__asked"))
        / (pl.col("value__given") + pl.col("value__asked") + 1),
        consent__care_email=pl.col("persona_id") % 2 == 0,
        consent__selling_email=pl.col("persona_id") % 2 == 0,
    ).sort("customer")


def candidate(
    name: str,
    channel: str = "email",
    *,
    purpose: str = "care",
    reached: bool = True,
    blocks: tuple[str, ...] = (),
    proposed: bool = False,
    priority: float = 1.25,
) -> Explained:
    """One explained candidate."""
    answers = tuple(Answer(policy, blocks=True, unknown=False, facts={}, why=f"{policy} says so") for policy in blocks)
    return Explained(
        conversation=name,
        channel=channel,
        touchpoint="letters",
        purpose=purpose,
        class_={"care": 2, "listening": 3, "information": 4, "selling": 5}[purpose],
        audience=Condition("stage = 'active'", reached, {"stage": "active" if reached else "lapsed"}),
        trigger=None,
        reached=reached,
        eligible=reached and not blocks,
        mask=0,
        policies=answers,
        priority=priority,
        millionths=0,
        factors=Factors(
            propensity=0.05, business_value=20.0, customer_value=2.0, value_weight=1.0, lever=1.0, context=2.0, ramp=1.0
        ),
        variant="a",
        proposed=proposed,
    )


def explanation(customer: int) -> Explanation:
    """A decision about one customer, of each state one."""
    return Explanation(
        customer,
        "0123456789abcdef",
        "active",
        hand_raiser=True,
        candidates=(
            candidate("thanks_note", "post", proposed=True),
            candidate(
                "spring_offer", purpose="selling", blocks=("care_first", "cap.overall", "cool_off"), priority=0.8
            ),
            candidate("delivery_survey", purpose="listening", blocks=("recurrence",), priority=0.2),
            candidate("home_tips", purpose="information", priority=0.1),
            candidate("come_back", purpose="selling", reached=False),
        ),
    )


SUMMARY = Summary(
    customers=400,
    eligible=190,
    decided=160,
    held={
        "consent": 240,
        "suppression": 6,
        "reachable": 90,
        "cap.overall": 44,
        "care_first": 31,
        "cool_off": 80,
        "balance": 12,
        "recurrence": 33,
        "holdout": 20,
        "quiet_hours": 0,
    },
    by_conversation={"thanks_note": 70, "spring_offer": 40, "delivery_survey": 25, "late_apology": 5, "home_tips": 20},
)
