"""The JSON Schemas for editors accept what loads, refuse what does not, and say what each key means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.playbook import hearth
from tests.playbook.schema import faults
from touchline import playbook
from touchline.playbook.loading import Source, read
from touchline.playbook.schemas import SCHEMAS, export_schemas, schema

OF_FOLDER = {"conversations": "conversation", "imports": "import", "programmes": "programme"}


def _of(file: Path) -> str:
    return OF_FOLDER.get(file.parent.name, file.stem)


def _data(path: Path) -> Any:
    source = read(path, path.name)
    assert isinstance(source, Source)
    return source.data


def _refused(path: Path) -> list[str]:
    of = schema(_of(path))
    return list(faults(_data(path), of, of))


@pytest.mark.parametrize("template", playbook.template_names())
def test_the_schemas_accept_the_packaged_templates(template: str, tmp_path: Path) -> None:
    root = playbook.new(tmp_path / "w", template)
    files = [root / "touchline.yaml", *sorted((root / "playbook").rglob("*.yaml"))]
    assert {str(file): _refused(file) for file in files if _refused(file)} == {}
    assert len(files) >= 6


def test_the_schemas_accept_the_specifications_playbook(tmp_path: Path) -> None:
    root = hearth.write(tmp_path)
    files = [root / "touchline.yaml", *sorted((root / "playbook").rglob("*.yaml"))]
    assert {str(file): _refused(file) for file in files if _refused(file)} == {}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("touchline.yaml", "currency: EUR", "currency: EURO"),
        ("touchline.yaml", "half_life: 180 d", "half_life: 180 days"),
        ("playbook/touchpoints.yaml", "channel: web", "channel: wep"),
        ("playbook/touchpoints.yaml", "weight: 3", "weight: heavy"),
        ("playbook/policies.yaml", "channel: email, at_most", "chanel: email, at_most"),
        ("playbook/policies.yaml", "global: 0.05", "global: 5"),
        ("playbook/stages.yaml", "- {stage: prospect}", "- {when: 'care.due'}"),
        ("playbook/mapping.yaml", "kind: visited", "kind: visits"),
        ("playbook/audiences.yaml", "quiet_members:", "Quiet Members:"),
        ("playbook/conversations/renewal_call.yaml", "recurs: per agreement term", "recurs: sometimes"),
        ("playbook/conversations/renewal_call.yaml", "purpose: care\n", ""),
        ("playbook/imports/cdnow.yaml", "cds: integer", "cds: interger"),
        ("playbook/programmes/renewal.yaml", "done: called", "done: opened"),
        ("playbook/programmes/renewal.yaml", "    wait: 14 d", "    note: nothing"),
        ("playbook/programmes/renewal.yaml", "    wait: 14 d", "    wait: 14 d\n    conversation: renewal_call"),
        ("playbook/programmes/renewal.yaml", "holdout: 0.1", "holdout: 1"),
        ("playbook/gifts.yaml", "expires: 2027-12-31", "expires: the end of 2027"),
        ("playbook/gifts.yaml", "worth: 5, ", ""),
    ],
)
def test_the_schemas_refuse_what_does_not_load(file: str, old: str, new: str, tmp_path: Path) -> None:
    root = hearth.write(tmp_path, hearth.replaced(file, old, new))
    assert _refused(root / file) != []
    assert playbook.check(root) != []


def test_every_kind_of_file_has_a_schema_that_says_what_its_keys_mean(tmp_path: Path) -> None:
    written = export_schemas(tmp_path / "schemas")
    assert {path.stem for path in written} == set(SCHEMAS)
    for path in written:
        said = json.loads(path.read_text(encoding="utf-8"))
        assert said["$schema"].endswith("2020-12/schema")
        for model in [said, *said.get("$defs", {}).values()]:
            mute = [
                key
                for key, one in model.get("properties", {}).items()
                if "description" not in one and "$ref" not in one
            ]
            assert mute == [], f"{path.stem} {model.get('title')}"


@pytest.mark.parametrize("template", playbook.template_names())
def test_every_file_of_a_template_names_its_schema_where_it_lies(template: str, tmp_path: Path) -> None:
    root = playbook.new(tmp_path / "w", template)
    for file in [root / "touchline.yaml", *(root / "playbook").rglob("*.yaml")]:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        named = (file.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()
        assert named == (root / ".schemas" / f"{_of(file)}.json").resolve()
        assert named.is_file()
