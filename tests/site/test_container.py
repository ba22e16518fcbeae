"""The container file, the compose file and their scripts name only what exists. `deploy/smoke.sh`, which CI runs, installs and starts the service."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from touchline.cli.main import app

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "deploy"))
import runtime  # noqa: E402 - a script beside the package, not part of it

FILE = (ROOT / "Containerfile").read_text("utf-8")
COMPOSE: Any = YAML(typ="safe").load((ROOT / "compose.yaml").read_text("utf-8"))
SCRIPTS = sorted((ROOT / "deploy").glob("*.sh"))
VARIABLE = re.compile(r"\b(?:TOUCHLINE_[A-Z_]+|DATABASE_URL)\b")


def _known() -> set[str]:
    """Every variable that the program reads, and those that the scripts read themselves."""
    told = "\n".join(path.read_text("utf-8") for path in (ROOT / "src" / "touchline").rglob("*.py"))
    own = {"TOUCHLINE_DATABASE_PASSWORD", "TOUCHLINE_TEMPLATE", "TOUCHLINE_LISTEN", "TOUCHLINE_PORT"}
    return set(VARIABLE.findall(told)) | own


def test_every_file_that_the_container_file_copies_is_there_and_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    copied = [each for line in re.findall(r"^COPY (?!--from)(.+)$", FILE, re.MULTILINE) for each in line.split()[:-1]]
    assert {"pyproject.toml", "requirements.lock", "src", "deploy"} <= set(copied)
    for each in copied:
        assert (ROOT / each).exists(), each
        assert f"!{each.split('/')[0]}" in ignored, each
    for placed in re.findall(r"/opt/touchline/([a-z_]+\.(?:sh|py))", FILE):
        assert f"deploy/{placed}" in copied, placed
    assert "RUN deploy/install.sh /opt/touchline" in FILE
    # Whatever the built package is made of is among them.
    named = re.findall(r'(?:readme|license-files) = \[?"([^"]+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert len(named) == 2
    assert set(named) <= set(copied)


def test_images_are_named_without_a_registry() -> None:
    images = [COMPOSE["services"]["database"]["image"], *re.findall(r"^ARG BASE=(\S+)$", FILE, re.MULTILINE)]
    assert len(images) == 2
    assert all("/" not in image and ":" in image for image in images)
    assert f"python:{sys.version_info[0]}.{sys.version_info[1]}-" in images[1] or sys.version_info[:2] != (3, 11)


def test_the_compose_file_names_only_files_volumes_and_variables_that_exist() -> None:
    services = COMPOSE["services"]
    ours = services["touchline"]
    assert (ROOT / ours["build"]["context"] / ours["build"]["dockerfile"]).is_file()
    assert set(ours["depends_on"]) <= set(services)
    mounted = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}
    assert mounted == set(COMPOSE["volumes"])
    assert ours["volumes"] == [f"workspace:{re.findall('VOLUME (.+)', FILE)[0]}"]
    assert set(ours["environment"]) <= _known()
    assert set(VARIABLE.findall((ROOT / "compose.yaml").read_text("utf-8"))) <= _known()
    assert "@database/" in ours["environment"]["DATABASE_URL"]
    assert ours["ports"] == [f"127.0.0.1:8000:{re.findall('EXPOSE (.+)', FILE)[0]}"]
    for secret in ("TOUCHLINE_SECRET_KEY", "TOUCHLINE_DATABASE_PASSWORD"):
        assert f"${{{secret}:?" in (ROOT / "compose.yaml").read_text("utf-8"), "it does not start without one"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound_and_names_only_commands_options_and_variables_that_exist(script: Path) -> None:
    text = script.read_text("utf-8")
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert script.stat().st_mode & 0o111
    assert set(VARIABLE.findall(text)) <= _known()
    commands = get_command(app).commands  # type: ignore[attr-defined] # a group has them
    for name, rest in re.findall(r"^(?:exec |\[.*\] \|\| )?touchline ([a-z]+)(.*)$", text, re.MULTILINE):
        options = {option for parameter in commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, name
    for file in re.findall(r"\$root/(deploy/\S+?)\"", text):
        assert (ROOT / file).is_file(), file


def test_what_a_service_installs_is_all_that_it_needs_and_nothing_for_tests() -> None:
    lock, pyproject = (ROOT / "requirements.lock").read_text("utf-8"), (ROOT / "pyproject.toml").read_text("utf-8")
    found = runtime.needed(lock, pyproject)
    assert all("--hash=sha256:" in lines for lines in found.values())
    assert not {"pytest", "playwright", "mypy", "ruff", "hypothesis", "segment-analytics-python"} & set(found)
    # What is installed here says itself what it requires: all of that is among the pins, but for other systems and for extras.
    from packaging.requirements import Requirement

    missing = set()
    for name in found:
        try:
            told = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system only
        for each in map(Requirement, told):
            if each.marker is None or each.marker.evaluate({"extra": ""}):
                missing |= {runtime.normal(each.name)} - set(found)
    assert missing == set()
