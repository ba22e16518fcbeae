"""A small shop that says things itself: a banner on its site, a question at its till, and a notice that its own system sends."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

from django.conf import settings
from django.test import Client

from tests.workspace import lively
from touchline.intake import buffer
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
from touchline.workspace import serving
from touchline.workspace.opened import Workspace

FILES = {
    "playbook/touchpoints.yaml": """
        departments: [sales, service]
        topics: [light]
        episodes: {}
        touchpoints:
          site:   {channel: web,   department: sales,   weight: 1}
          basket: {channel: web,   department: sales,   weight: 1}
          till:   {channel: store, department: sales,   weight: 1}
          mail:   {channel: email, department: service, weight: 1, topic: light}
          letter: {channel: post,  department: service, weight: 1, topic: light}
          call:   {channel: phone, department: service, weight: 1, topic: light}
        """,
    "playbook/policies.yaml": """
        consent: {without_evidence: []}
        caps:
          - {name: web, channel: web, at_most: 1, every: 7 d}
        one_a_day: {classes: []}
        care_first: {reading_at_most: -0.5, resolved_by: [case_resolved, answered_to], missed_after: 90 d}
        balance: {asks_need: "value.balance >= -0.2"}
        reachable: {}
        holdout: {global: 0, global_period: calendar_year}
        own: []
        """,
    "playbook/conversations/banner.yaml": """
        name: banner
        purpose: care
        brand: lantern
        topic: light
        audience: customers
        recurs: every 2 d
        value: {given: 1, asked: 0}
        channels: {web: {touchpoint: site, variants: [{name: a, template: banner.liquid}]}}
        """,
    "playbook/conversations/till_question.yaml": """
        name: till_question
        purpose: listening
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 0, asked: 1}
        channels: {store: {touchpoint: till, variants: [{name: a, template: till_question.liquid}]}}
        """,
    "playbook/conversations/order_sent.yaml": """
        name: order_sent
        purpose: service
        brand: lantern
        audience: "FALSE"
        recurs: once
        value: {given: 0, asked: 0}
        channels: {email: {touchpoint: mail, variants: [{name: a, template: order_sent.liquid, subject: order_sent.subject.liquid}]}}
        """,
    "playbook/templates/banner.liquid": "Good to see you, {{ profile.name }}.\n",
    "playbook/templates/till_question.liquid": "Did you find what you came for?\n",
    "playbook/templates/order_sent.liquid": "Your order {{ notice.order }} is on its way.\n",
    "playbook/templates/order_sent.subject.liquid": "Order {{ notice.order }}\n",
}


class Shop:
    """The shop, opened and served, with a key of each scope.

    headers  scope -> what goes along with a request
    """

    def __init__(self, folder: Path, customers: int = 3, nameless: int = 1) -> None:
        root = lively.make(folder, customers=customers, nameless=nameless)
        for name, text in FILES.items():
            (root / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        self.clock = FixedClock(lively.NOW)
        self.workspace: Workspace = open_workspace(root, self.clock)
        settings.ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
        serving.use(self.workspace)
        scopes = ("write", "read", "next", "serve")
        self.headers = {
            scope: {"Authorization": f"Bearer {self.workspace.create_key(scope, scope).key}"} for scope in scopes
        }
        self.client = Client()
        told = [
            {"type": "identify", "messageId": f"b{n}", "userId": f"u{n}", "anonymousId": f"b{n}"}
            for n in range(customers)
        ]
        assert not buffer.accept(told, received_at=self.clock.now()).faults
        self.workspace.catch_up()

    def ask(self, scope: str = "next", **who: str) -> Any:
        """The answer of /api/next, which must be 200."""
        found = self.client.get("/api/next", who, headers=self.headers[scope])
        assert found.status_code == 200, found.content
        return found.json()

    def post(self, path: str, body: object, scope: str = "serve", **headers: str) -> Any:
        """The response to a JSON body."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            path, json.dumps(body), content_type="application/json", headers={**self.headers[scope], **more}
        )

    def get(self, path: str, **query: object) -> Any:
        """The response to somebody who may read."""
        return self.client.get(path, query, headers=self.headers["read"])

    def consent(self, n: int = 0, *, allow: bool = True, purpose: str = "care") -> Any:
        """A customer's browser agrees to the site's banners, or refuses them."""
        body = {
            "to": {"anonymous_id": f"b{n}"}, "purpose": purpose, "channel": "web", "allow": allow, "evidence": {"form": "cookie bar"},
        }  # fmt: skip
        return self.post("/api/consents", body)

    def tell(self, message_id: str, outcome: str) -> Any:
        """The response to what became of an answer."""
        return self.post(f"/api/next/{message_id}", {"outcome": outcome}, scope="next")

    def later(self, by: int) -> None:
        """Move the clock on."""
        self.clock.instant += by
