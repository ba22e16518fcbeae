"""A home warranty company's playbook, as the specification draws it, without surveys, which a later version brings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

FILES: dict[str, str] = {
    "touchline.yaml": """\
version: 1
organisation: Hearth Home Warranty
zone: Europe/Berlin
currency: EUR
half_life: 180 d
languages: [en, de]
brands: {hearth: {name: Hearth, from_email: care@hearth.example, postal: "Hearth, Ringstr. 1, 10115 Berlin"}}
""",
    "playbook/touchpoints.yaml": """\
departments: [sales, service, claims, billing]
topics: [cover, home_care, claim_help, billing_help]
episodes:
  claim:      {closed_by: [case_resolved], idle_close: 60 d}
  onboarding: {closed_by: [served], idle_close: 30 d}
touchpoints:
  site:            {channel: web,   department: sales,   weight: 0.5, topic: cover}
  welcome_call:    {channel: phone, department: service, weight: 1, topic: cover}
  claim_line:
    channel: phone
    department: claims
    weight: 2
    topic: claim_help
    promises:
      - {name: answered_in_4h, principle: responsiveness, from: asked, until: answered_to, within: 4 h,
         kept: 0.3, broken: -0.7}
  claim_visit:
    channel: field
    department: claims
    weight: 3
    topic: claim_help
    promises:
      - {name: on_the_day, principle: reliability, holds: "event.arrived_on = event.agreed_on", kept: 0.4, broken: -0.8}
  invoice:         {channel: post,  department: billing, weight: 1, topic: billing_help}
  account_mail:    {channel: email, department: service, weight: 0.5, topic: cover}
  account_letter:  {channel: post,  department: service, weight: 1, topic: cover}
  account_call:    {channel: phone, department: service, weight: 1.5, topic: cover}
  survey_mail:     {channel: email, department: service, weight: 0.5, topic: claim_help}
""",
    "playbook/mapping.yaml": """\
default: {kind: acted, touchpoint: site}
events:
  Page Viewed:        {kind: visited, touchpoint: site}
  Contract Signed:
    kind: joined
    touchpoint: site
    agreement: {id: event.contract_no, term_start: event.starts_on, renewal: event.renews_on}
    revenue: event.premium
  Contract Renewed:
    kind: renewed
    touchpoint: site
    agreement: {id: event.contract_no, term_start: event.starts_on, renewal: event.renews_on}
    revenue: event.premium
  Contract Ended:     {kind: left, touchpoint: site, agreement: {id: event.contract_no}}
  Claim Reported:     {kind: asked, touchpoint: claim_line, episode: {type: claim, id: event.claim_no}}
  Claim Visit Done:
    kind: served
    touchpoint: claim_visit
    episode: {type: claim, id: event.claim_no, closes: event.solved}
    readings:
      convenience: "CASE WHEN event.visits = 1 THEN 0.5 WHEN event.visits > 2 THEN -0.6 END"
    cost: event.labour_cost
  Invoice Disputed:   {kind: complained, touchpoint: invoice, readings: {emotional: -0.6}}
""",
    "playbook/stages.yaml": """\
- {stage: lapsed,     when: "days_since.left < COALESCE(days_since.renewed, 99999) AND days_to_renewal IS NULL"}
- {stage: claim,      when: "days_since.asked <= 30 AND experience.claim IS NOT NULL AND care.due"}
- {stage: renewal,    when: "days_to_renewal BETWEEN 0 AND 60"}
- {stage: onboarding, when: "tenure_days < 45"}
- {stage: member,     when: "days_to_renewal > 60"}
- {stage: prospect}
""",
    "playbook/audiences.yaml": """\
renewal_due:    "stage = 'renewal' AND NOT care.due"
claim_unhappy:  "experience.claims < -0.2 AND experience.weight > 0.5"
quiet_members:  "stage = 'member' AND days_since.visited > 180"
""",
    "playbook/policies.yaml": """\
consent:
  without_evidence: [care]
  soft_opt_in: {purposes: [care], when: "count.joined > 0"}
caps:
  - {name: overall,   at_most: 3, every: 7 d}
  - {name: email,     channel: email, at_most: 2, every: 7 d}
  - {name: selling,   purpose: selling, at_most: 1, every: 14 d}
  - {name: listening, purpose: listening, at_most: 1, every: 90 d}
one_a_day: {classes: [3, 4, 5]}
quiet_hours: {from: "20:00", until: "08:00", days: [sun], zone: customer}
care_first: {reading_at_most: -0.5, resolved_by: [case_resolved, answered_to], missed_after: 90 d}
cool_off:   {purposes: [selling], after: 3 d, ramp: 14 d}
balance:    {asks_need: "value.balance >= -0.2"}
reachable: {}
holdout:    {global: 0.05, global_period: calendar_year}
own:
  - {name: no_offer_after_dispute, purposes: [selling], blocks: "COALESCE(days_since.complained, 99999) < 60"}
""",
    "playbook/conversations/renewal_call.yaml": """\
name: renewal_call
purpose: care
brand: hearth
topic: cover
languages: [en, de]
audience: renewal_due
recurs: per agreement term
value: {given: 2, asked: 1}
goal: {kind: renewed, within: 60 d, worth: 180}
lever: 1.0
urgent: false
channels:
  phone:
    touchpoint: account_call
    variants:
      - {name: a, share: 1, template: renewal_call.liquid}
call:
  say: ["thank for {{ tenure_days | divided_by: 365 }} years", "ask what should be better"]
  never_ask: [postal_address, contract_no]
""",
    "playbook/conversations/renewal_letter.yaml": """\
name: renewal_letter
purpose: care
brand: hearth
topic: cover
languages: [en, de]
audience: renewal_due
recurs: per agreement term
value: {given: 1, asked: 0}
goal: {kind: renewed, within: 60 d, worth: 180}
channels:
  post:
    touchpoint: account_letter
    variants:
      - {name: handwritten, share: 1, template: renewal_letter_a.typ}
      - {name: plain,       share: 1, template: renewal_letter_b.typ}
""",
    "playbook/conversations/renewal_reminder.yaml": """\
name: renewal_reminder
purpose: care
brand: hearth
topic: cover
languages: [en]
audience: renewal_due
recurs: per agreement term
value: {given: 0, asked: 1}
goal: {kind: renewed, within: 30 d, worth: 180}
channels:
  email:
    touchpoint: account_mail
    variants: [{name: a, share: 1, subject: renewal_reminder.subject.liquid, template: renewal_reminder.mjml}]
""",
    "playbook/conversations/renewal_thanks.yaml": """\
name: renewal_thanks
purpose: care
brand: hearth
topic: cover
languages: [en, de]
audience: "days_since.renewed <= 60"
recurs: per agreement term
value: {given: 5, asked: 0}
gift: {pool: tea_codes, budget: 500}
channels:
  email:
    touchpoint: account_mail
    variants: [{name: a, share: 1, subject: thanks.subject.liquid, template: thanks.mjml}]
""",
    "playbook/conversations/anniversary.yaml": """\
name: anniversary
purpose: care
brand: hearth
topic: cover
languages: [en, de]
trigger: {date: {of: term_start, every: 1 y, at: -3 d}}
audience: "stage IN ('member', 'renewal') AND count.joined > 0"
recurs: every 365 d
value: {given: 2, asked: 0}
channels:
  post: {touchpoint: account_letter, variants: [{name: a, share: 1, template: anniversary.typ}]}
""",
    "playbook/programmes/renewal.yaml": """\
name: renewal
enter: "stage = 'renewal' AND days_to_renewal BETWEEN 30 AND 60"
recurs: per agreement term
exit: "days_since.left <= 60 OR care.due"
holdout: 0.1
goal: {kind: renewed, within: 90 d}
steps:
  - id: call
    conversation: renewal_call
    done: called
    within: 7 d
    else: skip
  - id: letter
    conversation: renewal_letter
    done: sent
    after: {step: call, wait: 0 h}
    within: 48 h
    else: skip
  - id: pause
    wait: 14 d
  - id: split
    branch:
      - {when: "days_since.renewed <= 60", go: thanks}
      - {when: "experience.overall < -0.2", go: end}
      - {go: reminder}
  - id: reminder
    conversation: renewal_reminder
    done: sent
    within: 7 d
    else: skip
  - id: until_renewed
    wait_until: "days_since.renewed <= 60"
    at_most: 60 d
    else: exit
  - id: thanks
    conversation: renewal_thanks
    done: sent
    within: 14 d
    else: exit
""",
    "playbook/gifts.yaml": """\
tea_codes: {file: tea_codes.txt, worth: 5, budget: 2500, expires: 2027-12-31}
""",
    "playbook/tea_codes.txt": "TEA-0001\nTEA-0002\nTEA-0003\n",
    "playbook/imports/cdnow.yaml": """\
name: cdnow
format:
  {type: text, separator: whitespace, header: 1, encoding: utf-8, names: {number_of_cds: cds, dollar_value: dollars}}
types:  {customer_id: text, date: text, cds: integer, dollars: number}
expect: {columns: [customer_id, date, number_of_cds, dollar_value]}
persona:
  - {type: account, value: customer_id, scope: cdnow}
row:
  kind: "'bought'"
  touchpoint: "'site'"
  occurred_at: "INSTANT(date, '%Y%m%d', 'America/New_York')"
  revenue: dollars
  payload: {cds: cds}
id: {key: [customer_id, date, cds, dollars], occurrence: within_file}
reject_when:
  - {when: "dollars < 0", reason: negative_revenue}
zero: accept
""",
}
for _name in (
    "renewal_call.liquid",
    "renewal_letter_a.typ",
    "renewal_letter_b.typ",
    "renewal_reminder.subject.liquid",
    "renewal_reminder.mjml",
    "thanks.subject.liquid",
    "thanks.mjml",
    "anniversary.typ",
):
    FILES[f"playbook/templates/{_name}"] = f"The text of {_name}.\n"


def write(root: Path, changes: Mapping[str, str | None] | None = None) -> Path:
    """The playbook in a folder; `changes` replaces files, and removes those that are None."""
    for file, text in {**FILES, **(changes or {})}.items():
        if text is not None:
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return root


def with_line(file: str, after: str, line: str) -> dict[str, str | None]:
    """A change: one more line after the one that holds `after`."""
    lines = FILES[file].splitlines()
    place = next(number for number, one in enumerate(lines) if after in one)
    return {file: "\n".join([*lines[: place + 1], line, *lines[place + 1 :], ""])}


def replaced(file: str, old: str, new: str) -> dict[str, str | None]:
    """A change: `new` instead of `old`, which must be there."""
    assert old in FILES[file], f"{old!r} is not in {file}"
    return {file: FILES[file].replace(old, new, 1)}


def line_of(changes: Mapping[str, str | None], file: str, text: str) -> int:
    """The 1-based line of the changed file where the text stands."""
    lines = (changes.get(file) or FILES[file]).splitlines()
    return next(number for number, one in enumerate(lines, 1) if text in one)
