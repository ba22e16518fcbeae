"""Stopping and resuming from the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.workspace import lively


def test_what_is_stopped_is_listed_and_goes_on_when_it_is_resumed(
    touchline: Callable[..., Any], tmp_path: Path
) -> None:
    where = ("-w", lively.make(tmp_path / "w", customers=2))
    touchline("run", "--until-idle", *where)
    told = touchline("stop", "thanks", *where, "--json").json
    assert told["stopped"] is True
    assert [(one["name"], one["waiting"]) for one in told["stops"]] == [("thanks", 2)]
    assert touchline("stop", "--all", "--service-too", *where, "--json").json["stops"][1]["waiting"] == 4
    assert "everything, since" in touchline("stop", *where).out
    assert touchline("run", "--until-idle", *where, "--json").json["messages"] == {}
    assert touchline("resume", "--all", *where, "--json").json["resumed"] is True
    assert touchline("resume", "--all", *where, "--json").json["resumed"] is False
    left = touchline("outbox", *where, "--json").json["counts"]
    assert left == {"held": 2, "reserved": 2}
    for wrong in (("resume",), ("stop", "thanks", "--all"), ("stop", "thinks")):
        refused = touchline(*wrong, *where)
        assert refused.code == 2, wrong
    assert "several are named" in touchline("stop", "thanks", "--all", *where).err
