"""Ledger rows about permission, written shortly."""

from __future__ import annotations

from typing import Any

import polars as pl

from touchline import permission


def told(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows as the ledger gives them; what a row does not say is NULL, and seq counts from 1."""
    full = [{**dict.fromkeys(permission.ROWS), "source": "test", "seq": seq, **row} for seq, row in enumerate(rows, 1)]
    return pl.DataFrame(full, schema=permission.ROWS)


def opted(
    way: str,
    persona: int,
    at: int,
    *,
    purpose: str = "selling",
    channel: str = "email",
    proof: str | None = '{"how":"form"}',
) -> dict[str, Any]:
    """An `opted_in` or `opted_out` row."""
    return {
        "kind": f"opted_{way}",
        "persona_id": persona,
        "occurred_at": at,
        "purpose": purpose,
        "channel": channel,
        "evidence": proof,
    }


def preferred(persona: int, at: int, key: str, answer: float) -> dict[str, Any]:
    """A `preferred` row."""
    return {
        "kind": "preferred",
        "persona_id": persona,
        "occurred_at": at,
        "name": key,
        "answer": answer,
        "payload": f'{{"{key}":{answer}}}',
    }


def happened(kind: str, persona: int, at: int, reason: str | None = None) -> dict[str, Any]:
    """Any other row."""
    return {"kind": kind, "persona_id": persona, "occurred_at": at, "reason": reason}


def people(*pairs: tuple[int, int]) -> pl.DataFrame:
    """[persona_id, customer, type] of e-mail addresses."""
    return pl.DataFrame(
        [(persona, customer, "email") for persona, customer in pairs],
        schema={"persona_id": pl.Int64, "customer": pl.Int64, "type": pl.String},
        orient="row",
    )
