"""Sends what every client sends, with RudderStack's own client: python rudderstack_python.py URL KEY EVENTS."""

from __future__ import annotations

import sys

from rudderstack.analytics.client import Client

url, key, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
who = "rudderstack-python"
failures: list[Exception] = []
client = Client(key, host=url, on_error=lambda error, _batch: failures.append(error))
client.identify(who, {"email": f"{who}@example.org", "name": "Jörg 🚲"})
for n in range(events):
    client.track(who, "Bought", {"n": n, "total": 1.5, "note": "für später"})
client.page(who, "Docs", "Home", {"path": "/"})
client.screen(who, "App", "Main")
client.group(who, "g1", {"name": "Acme"})
client.alias(f"before-{who}", who)
client.track(anonymous_id=f"anonymous-{who}", event="Seen", properties={})
client.flush()
client.join()
if failures:
    sys.exit(str(failures[0]))
