"""In: proposals, who is who, what is allowed now. Out: the address that each proposal goes to. Writes no interactions.

A proposal is for a customer, a message goes to one address of theirs. Consent is the address' own, so that of several only one
that was itself opted in is written to where the purpose needs it.
"""

from __future__ import annotations

import polars as pl

from touchline.decision.purposes import TABLE
from touchline.interactions.catalogue import REACHED_BY
from touchline.permission import Permissions
from touchline.playbook.compiled import Policies
from touchline.recognition import addresses

ADDED = {"persona_id": pl.Int64, "bucket": pl.Int16, "role": pl.String, "identifier": pl.String}
"""Columns that `addressed` adds."""


def addressed(proposals: pl.DataFrame, people: pl.DataFrame, known: Permissions, policies: Policies) -> pl.DataFrame:
    """The proposals with the columns ADDED, NULL where the customer has no address that may be used.

    proposals   customer, purpose, channel, and anything else
    people      persona_id, customer, type, bucket, role of all personas of these customers
    known       what is in force for them
    policies    which purposes may rest on consent without evidence, and which on a soft opt-in

    Usable is an address of the channel's type that has not bounced, of a person who is not suppressed. A purpose on consent takes
    one with its own opt-in; one with a soft opt-in takes such a one first, and else any. Of several the most recently opted in, then
    the oldest. Whether the customer may be contacted at all is not asked here: policies did.
    """
    asked = proposals.select("customer", "purpose", "channel").unique()
    typed = asked.with_columns(
        type=pl.col("channel").replace_strict(REACHED_BY, default=None, return_dtype=pl.String),
        basis=pl.col("purpose").replace_strict(
            {name: purpose.basis for name, purpose in TABLE.items()}, return_dtype=pl.String
        ),
        bare=pl.col("purpose").is_in(list(policies.consent_without_evidence)),
        soft=pl.col("purpose").is_in(list(policies.soft_opt_in)),
    )
    whole = known.suppressions.filter(~pl.col("address_only")).get_column("customer").unique()
    bounced = known.suppressions.filter("address_only").get_column("persona_id").unique()
    usable = people.filter(
        ~pl.col("customer").is_in(whole.implode()) & ~pl.col("persona_id").is_in(bounced.implode())
    ).select("persona_id", "customer", "type", "bucket", "role")
    own = known.consents.filter("in_force").select("persona_id", "purpose", "channel", "granted_at", "evidenced")
    found = typed.join(usable, on=["customer", "type"]).join(own, on=["persona_id", "purpose", "channel"], how="left")
    consented = pl.col("granted_at").is_not_null() & (pl.col("evidenced") | pl.col("bare"))
    needed = (pl.col("basis") == "opt_in") | ((pl.col("basis") == "opt_in_or_soft") & ~pl.col("soft"))
    chosen = (
        found.with_columns(consented=consented.fill_null(value=False))
        .filter(pl.col("consented") | ~needed)
        .sort(
            ["customer", "purpose", "channel", "consented", "granted_at", "persona_id"],
            descending=[False, False, False, True, True, False],
            nulls_last=True,
        )
        .unique(["customer", "purpose", "channel"], keep="first", maintain_order=True)
        .select("customer", "purpose", "channel", "persona_id", "bucket", "role")
    )
    texts = addresses(chosen.get_column("persona_id")).select("persona_id", identifier="value")
    chosen = chosen.join(texts, on="persona_id", how="left")
    return (
        proposals.drop([name for name in ADDED if name in proposals.columns])
        .join(chosen, on=["customer", "purpose", "channel"], how="left", maintain_order="left")
        .with_columns(pl.col(name).cast(dtype) for name, dtype in ADDED.items())
    )
