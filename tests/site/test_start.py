"""Django's start, and the workspace's secret."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from django.conf import settings

from touchline.site import settings as shipped
from touchline.site.start import SECRET_VARIABLE, secret_of, setup


@pytest.fixture(autouse=True)
def _no_secret(monkeypatch) -> None:
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)


def test_no_secret_is_shipped() -> None:
    assert shipped.SECRET_KEY == ""


def test_a_secret_is_drawn_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    state = tmp_path / ".touchline"
    first = secret_of(state)
    assert len(first) >= 64
    assert stat.S_IMODE((state / "secret").stat().st_mode) == 0o600
    assert secret_of(state) == first
    assert secret_of(tmp_path / "other") != first
    assert [file.name for file in state.iterdir()] == ["secret"]


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv(SECRET_VARIABLE, "from the environment")
    assert secret_of(tmp_path) == "from the environment"
    assert list(tmp_path.iterdir()) == []


def test_starting_twice_is_starting_once(tmp_path: Path) -> None:
    setup(tmp_path / "one")
    first = settings.SECRET_KEY
    setup()
    assert first == settings.SECRET_KEY
    setup(tmp_path / "two")
    assert settings.SECRET_KEY == secret_of(tmp_path / "two") != first
