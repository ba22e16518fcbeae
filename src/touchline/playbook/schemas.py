"""In: the authored models. Out: a JSON Schema for each kind of file, for editors. Writes no interactions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from touchline.playbook import authored

SCHEMAS: dict[str, type[BaseModel]] = {
    "touchline": authored.Organisation,
    "touchpoints": authored.Touchpoints,
    "mapping": authored.Mapping,
    "stages": authored.Stages,
    "audiences": authored.Audiences,
    "policies": authored.Policies,
    "conversation": authored.Conversation,
    "programme": authored.Programme,
    "gifts": authored.Gifts,
    "import": authored.Import,
}
"""Name of the schema -> the model of its files."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of file."""
    made: dict[str, Any] = _closed(SCHEMAS[name].model_json_schema(by_alias=True))
    return {"$schema": DIALECT, **made}


def _closed(part: Any) -> Any:
    """The schema with no way round the pattern of a name: Pydantic leaves keys that do not fit it open."""
    if isinstance(part, list):
        return [_closed(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _closed(one) for key, one in part.items()}
    return {**closed, "additionalProperties": False} if "patternProperties" in closed else closed


def export_schemas(folder: Path) -> list[Path]:
    """Write NAME.json for every kind of file into the folder, which is made where it is missing; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in SCHEMAS:
        path = folder / f"{name}.json"
        path.write_text(json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written
