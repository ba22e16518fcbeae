"""The official clients of Segment and RudderStack deliver every event, once; driven against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx
import polars as pl
import pytest

from tests.api.conftest import Site
from tests.api.node import node_environment
from tests.api.serving import KEY
from tests.intake.builder import playbook
from tests.intake.files import ledger, stored
from tests.realdata import real_data
from touchline.intake import drain, waiting
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import SystemClock
from touchline.playbook.compiled import Playbook
from touchline.recognition import identifiers, people

CLIENTS = Path(__file__).parent / "clients"
EVENTS = 120

pytestmark = pytest.mark.network


def drained(site: Site, folder: Path, book: Playbook | None = None) -> pl.DataFrame:
    """The ledger after a drain of what the server kept."""
    from touchline.site import database

    database.use(site.database)
    drain(book or playbook(), ledger(folder), received_at=SystemClock().now())
    assert waiting() == 0
    return stored(folder)


def run(command: list[str], site: Site, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command, site.server.url, KEY, str(EVENTS)], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )  # fmt: skip


def test_the_official_clients_deliver_every_event_once(site: Site, tmp_path: Path) -> None:
    node = node_environment()
    running = {
        "segment-python": run([sys.executable, str(CLIENTS / "segment_python.py")], site),
        "rudderstack-python": run([sys.executable, str(CLIENTS / "rudderstack_python.py")], site),
        "segment-node": run(["node", str(CLIENTS / "segment_node.js")], site, node),
        "rudderstack-node": run(["node", str(CLIENTS / "rudderstack_node.js")], site, node),
    }
    for who, process in running.items():
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, (who, errors)

    rows = drained(site, tmp_path)
    owner = dict(people().select("persona_id", "customer").iter_rows())
    assert rows["id"].is_unique().all()
    for who in running:
        customer = next(
            customer for customer in set(owner.values())
            if ("user_id", who) in identifiers([customer]).select("type", "value").rows()
        )  # fmt: skip
        own = rows.filter(pl.col("persona_id").replace_strict(owner) == customer)
        told = Counter(own.select("kind", "name").iter_rows())
        for expected in (
            ("visited", "Home"),
            ("visited", "Main"),
            *(("identified", n) for n in ("identify", "group", "alias")),
        ):
            assert told[expected] == 1, (who, expected, told)
        bought = [json.loads(payload) for payload in own.filter(pl.col("kind") == "bought")["payload"]]
        assert sorted(each["n"] for each in bought) == list(range(EVENTS)), who
        assert {each["note"] for each in bought} == {"für später"}
        known = set(identifiers([customer]).select("type", "value").iter_rows())
        assert {("user_id", who), ("email", f"{who}@example.org"), ("anonymous_id", f"before-{who}")} <= known
        assert ("anonymous_id", f"anonymous-{who}") not in known
    assert len(rows.filter(name="Seen")) == 4


@pytest.mark.data
def test_requests_that_the_clients_once_sent_are_kept_whatever_their_headers_say(site: Site, tmp_path: Path) -> None:
    recorded = [json.loads(line) for line in real_data("segment/sdk_requests.jsonl").read_text("utf-8").splitlines()]
    expected = set()
    with httpx.Client(auth=(KEY, "")) as client:
        for request in recorded:
            told = {name.lower(): value for name, value in request["headers"].items()}
            packed = told.get("content-encoding") == "gzip"
            body = json.dumps(request["body"]).encode()
            if packed:
                import gzip

                body = gzip.compress(body)
            headers = {name: told[name] for name in ("content-type", "content-encoding", "user-agent") if name in told}
            answer = client.post(site.server.url + request["path"], content=body, headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"success": True})
            expected |= {interaction_id("segment", each["messageId"]) for each in request["body"]["batch"]}
    assert len(expected) == sum(len(request["body"]["batch"]) for request in recorded)
    assert expected <= set(drained(site, tmp_path)["id"])
