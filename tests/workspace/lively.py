"""A small organisation that talks: notices it owes, thanks it may say, letters, calls, and a programme of four steps."""

from __future__ import annotations

import csv
from pathlib import Path
from textwrap import dedent

from touchline import playbook
from touchline.kernel.times import DAY, HOUR, format_instant, parse_instant
from touchline.site.entry import open_workspace

NOW = parse_instant("2026-06-24T10:00:00+02:00")
"""A Wednesday, ten o'clock in Berlin."""

FILES = {
    "touchline.yaml": """
        version: 1
        organisation: Lantern
        zone: Europe/Berlin
        currency: EUR
        half_life: 180 d
        languages: [en]
        country: DE
        brands: {lantern: {name: Lantern, from_email: care@lantern.example, postal: "Lantern, Ringstr. 1, 10115 Berlin"}}
        """,
    "playbook/touchpoints.yaml": """
        departments: [sales, service]
        topics: [light]
        episodes: {}
        touchpoints:
          site:   {channel: web,   department: sales,   weight: 1}
          mail:   {channel: email, department: service, weight: 1, topic: light}
          letter: {channel: post,  department: service, weight: 1, topic: light, cost: 0.95}
          call:   {channel: phone, department: service, weight: 1, topic: light}
        """,
    "playbook/policies.yaml": """
        consent: {without_evidence: []}
        caps:
          - {name: overall, at_most: 3, every: 7 d}
        one_a_day: {classes: []}
        care_first: {reading_at_most: -0.5, resolved_by: [case_resolved, answered_to], missed_after: 90 d}
        balance: {asks_need: "value.balance >= -0.2"}
        reachable: {}
        holdout: {global: 0, global_period: calendar_year}
        own: []
        """,
    "playbook/stages.yaml": """
        - {stage: customer, when: "count.bought > 0"}
        - {stage: prospect}
        """,
    "playbook/audiences.yaml": "customers: \"stage = 'customer'\"\n",
    "playbook/mapping.yaml": """
        default: {kind: acted, touchpoint: site}
        events:
          Order Placed: {kind: bought, touchpoint: site, revenue: event.total}
          Case Opened:  {kind: case_opened, touchpoint: mail, case_id: event.case}
        """,
    "playbook/imports/people.yaml": """
        name: people
        format: {type: csv}
        types: {user_id: text, email: text, phone: text, address: text, name: text, told_at: time}
        expect: {columns: [user_id, email, phone, address, name, told_at]}
        persona:
          - {type: user_id, value: user_id}
          - {type: email, value: email}
          - {type: phone, value: phone}
          - {type: postal, value: address}
        rows:
          - kind: "'identified'"
            when: "name IS NOT NULL"
            occurred_at: told_at
            payload: {name: name}
          - kind: "'bought'"
            occurred_at: told_at
            touchpoint: "'site'"
            revenue: "20.0"
          - {kind: "'opted_in'", occurred_at: told_at, purpose: "'care'", channel: "'email'", identifier: email, evidence: "'form'"}
          - {kind: "'opted_in'", occurred_at: told_at, purpose: "'care'", channel: "'post'", identifier: address, evidence: "'form'"}
          - {kind: "'opted_in'", occurred_at: told_at, purpose: "'care'", channel: "'phone'", identifier: phone, evidence: "'form'"}
        id: {key: [user_id]}
        """,
    "playbook/conversations/notice.yaml": """
        name: notice
        purpose: service
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 0, asked: 0}
        channels: {email: {touchpoint: mail, variants: [{name: a, template: notice.liquid, subject: notice.subject.liquid}]}}
        """,
    "playbook/conversations/thanks.yaml": """
        name: thanks
        purpose: care
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 1, asked: 0}
        goal: {kind: bought, within: 30 d, worth: 20}
        channels: {email: {touchpoint: mail, variants: [{name: a, template: thanks.liquid, subject: thanks.subject.liquid}]}}
        """,
    "playbook/templates/notice.liquid": "Dear {{ profile.name | default: 'customer' }}, your terms change.\n",
    "playbook/templates/notice.subject.liquid": "Your terms change\n",
    "playbook/templates/thanks.liquid": "Thank you, {{ profile.name }}.\n",
    "playbook/templates/thanks.subject.liquid": "Thank you, {{ profile.name }}\n",
}

PROGRAMME = {
    "playbook/conversations/hello_call.yaml": """
        name: hello_call
        purpose: care
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 1, asked: 0}
        channels: {phone: {touchpoint: call, variants: [{name: a, template: hello_call.liquid}]}}
        call: {say: ["welcome {{ profile.name }}"], never_ask: [address]}
        """,
    "playbook/conversations/hello_letter.yaml": """
        name: hello_letter
        purpose: care
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 1, asked: 0}
        channels: {post: {touchpoint: letter, variants: [{name: a, template: hello_letter.typ}]}}
        """,
    "playbook/programmes/hello.yaml": """
        name: hello
        enter: "stage = 'customer'"
        recurs: once
        exit: "care.due"
        holdout: 0.25
        goal: {kind: bought, within: 60 d}
        steps:
          - {id: call, conversation: hello_call, done: called, within: 7 d, else: skip}
          - {id: letter, conversation: hello_letter, done: sent, after: {step: call, wait: 0 h}, within: 48 h, else: skip}
          - {id: pause, wait: 14 d}
          - id: split
            branch:
              - {when: "count.bought > 1", go: end}
              - {go: last}
          - {id: last, conversation: thanks, done: sent, within: 7 d, else: exit}
        """,
    "playbook/templates/hello_call.liquid": "Call {{ profile.name }} and say hello.\n",
    "playbook/templates/hello_letter.typ": "#let data = json(bytes(sys.inputs.data))\nDear #data.profile.name,\n\nhello.\n",
}


def make(folder: Path, *, customers: int, programme: bool = False, now: int = NOW, nameless: int = 0) -> Path:
    """The workspace with so many customers who agreed to everything by address; the last `nameless` told no name."""
    root = playbook.new(folder, "blank")
    for name, text in {**FILES, **(PROGRAMME if programme else {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    told = root / "people.csv"
    with told.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "email", "phone", "address", "name", "told_at"])
        for n in range(customers):
            name = "" if n >= customers - nameless else f"Ada {n}"
            at = format_instant(now - 40 * DAY - n * HOUR // 60)
            writer.writerow([f"u{n}", f"ada{n}@lantern.example", f"+4930{n:07d}", f"Ringstr. {n}, Berlin", name, at])
    opened = open_workspace(root)
    result = opened.import_files([told], "people")
    assert result["rejected"] == 0, result
    return root
