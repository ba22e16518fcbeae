"""In: a checked playbook. Out: the compiled one that every later room runs on, with its digest. Writes no interactions.

Nothing can go wrong here any more: what could has been checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from touchline.expressions import DeclaredNames, Expression, check
from touchline.interactions.preferences import DAYS
from touchline.kernel.names import NAME
from touchline.kernel.times import parse_duration, to_micros
from touchline.kernel.types import Type
from touchline.playbook import authored, compiled
from touchline.playbook.authored.conversations import FIXED_RECURRENCES
from touchline.playbook.authored.conversations import Goal as AuthoredGoal
from touchline.playbook.authored.conversations import Trigger as AuthoredTrigger
from touchline.playbook.authored.conversations import Way as AuthoredWay
from touchline.playbook.authored.gifts import Pool as AuthoredPool
from touchline.playbook.authored.imports import Row as AuthoredRow
from touchline.playbook.authored.mapping import Event as AuthoredEvent
from touchline.playbook.authored.programmes import Step as AuthoredStep
from touchline.playbook.authored.words import minute_of_day
from touchline.playbook.checking import Checked
from touchline.playbook.checking.imports import ROW_NUMBER, WHITESPACE, rows_of
from touchline.playbook.checking.programmes import LEAVE
from touchline.playbook.checking.rows import columns_of
from touchline.playbook.folder import AUDIENCES, MAPPING, POLICIES, STAGES, TOUCHPOINTS
from touchline.playbook.loading import Place
from touchline.playbook.standards import CURRENCIES

FORM = 2
"""Of the digest's canonical text; a change of it changes every digest."""

_READINGS = ("emotional", "reliability", "convenience", "responsiveness", "relevance")
_OF_EVENT = ("revenue", "cost", "episode_id", "episode_closes", "agreement_id", "term_start", "renewal_at", *_READINGS)


def compile_playbook(checked: Checked) -> compiled.Playbook:
    """The playbook ready to run."""
    return _Compiler(checked).playbook()


def digest(checked: Checked) -> str:
    """SHA-256 of everything that was authored, in a canonical text, 16 hex digits.

    Comments, spaces, the order of keys and the names of files do not change it; any value and any template does. Gift
    codes do not: a pool that is filled up is the same playbook.
    """
    said = {
        "form": FORM,
        "organisation": checked.organisation,
        "touchpoints": checked.touchpoints,
        "mapping": checked.mapping,
        "stages": checked.stages,
        "audiences": checked.audiences,
        "policies": checked.policies,
        "conversations": {one.name: one for one in checked.conversations.values()},
        "programmes": {one.name: one for one in checked.programmes.values()},
        "gifts": checked.gifts,
        "imports": {one.name: one for one in checked.imports.values()},
        "templates": dict(checked.templates),
    }
    text = json.dumps(
        said, default=lambda model: model.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Compiler:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked

    def playbook(self) -> compiled.Playbook:
        checked = self.checked
        places = checked.touchpoints
        return compiled.Playbook(
            digest=digest(checked),
            organisation=self._organisation(),
            measures=checked.measures,
            departments=tuple(places.departments),
            topics=tuple(places.topics),
            episodes={
                name: compiled.EpisodeType(name, tuple(one.closed_by), _micros(one.idle_close))
                for name, one in places.episodes.items()
            },
            touchpoints={name: self._touchpoint(name) for name in places.touchpoints},
            default_event=compiled.EventMapping(checked.mapping.default.kind, checked.mapping.default.touchpoint),
            events={name: self._event(name, event) for name, event in checked.mapping.events.items()},
            stages=tuple(
                compiled.Stage(stage.stage, self._maybe(STAGES, (number, "when")))
                for number, stage in enumerate(checked.stages.root)
            ),
            audiences={name: self._expression(AUDIENCES, (name,)) for name in checked.audiences.root},
            policies=self._policies(),
            conversations={
                one.name: self._conversation(file, one)
                for file, one in sorted(checked.conversations.items(), key=lambda item: item[1].name)
            },
            imports={one.name: self._import(file, one) for file, one in checked.imports.items()},
            programmes={
                one.name: self._programme(file, one)
                for file, one in sorted(checked.programmes.items(), key=lambda item: item[1].name)
            },
            pools={name: self._pool(name, one) for name, one in sorted(checked.gifts.root.items())},
        )

    def _expression(self, file: str, place: Place) -> Expression:
        return self.checked.expressions[file, place]

    def _maybe(self, file: str, place: Place) -> Expression | None:
        return self.checked.expressions.get((file, place))

    def _organisation(self) -> compiled.Organisation:
        said = self.checked.organisation
        return compiled.Organisation(
            name=said.organisation,
            zone=said.zone,
            currency=said.currency,
            minor_units=CURRENCIES[said.currency],
            half_life=_micros(said.half_life),
            languages=tuple(said.languages),
            brands=tuple(said.brands),
            country=said.country,
            brand_details={
                name: compiled.Brand(brand.name, brand.from_email, brand.postal) for name, brand in said.brands.items()
            },
            colour=said.colour,
            logo=said.logo,
            reciprocity={str(name): line for name, line in said.reciprocity.items()},
        )

    def _touchpoint(self, name: str) -> compiled.Touchpoint:
        said = self.checked.touchpoints.touchpoints[name]
        promises = tuple(
            compiled.Promise(
                name=promise.name,
                principle=promise.principle,
                kept=promise.kept,
                broken=promise.broken,
                from_kind=promise.from_,
                until_kind=promise.until,
                within=None if promise.within is None else _micros(promise.within),
                holds=self._maybe(TOUCHPOINTS, ("touchpoints", name, "promises", number, "holds")),
            )
            for number, promise in enumerate(said.promises)
        )
        return compiled.Touchpoint(name, said.channel, said.department, said.weight, said.topic, promises, said.cost)

    def _event(self, name: str, said: AuthoredEvent) -> compiled.EventMapping:
        here: Place = ("events", name)
        columns = {column: self._expression(MAPPING, (*here, *inner)) for column, inner, _ in columns_of(said)}
        episode = agreement = None
        if said.episode is not None:
            episode = compiled.EpisodeMapping(said.episode.type, columns["episode_id"], columns.get("episode_closes"))
        if said.agreement is not None:
            agreement = compiled.AgreementMapping(
                columns["agreement_id"], columns.get("term_start"), columns.get("renewal_at")
            )
        return compiled.EventMapping(
            kind=said.kind,
            touchpoint=said.touchpoint,
            readings={reading: columns[reading] for reading in _READINGS if reading in columns},
            episode=episode,
            agreement=agreement,
            revenue=columns.get("revenue"),
            cost=columns.get("cost"),
            columns={column: expression for column, expression in columns.items() if column not in _OF_EVENT},
        )

    def _policies(self) -> compiled.Policies:
        said = self.checked.policies
        soft, quiet, cool_off = said.consent.soft_opt_in, said.quiet_hours, said.cool_off
        return compiled.Policies(
            consent_without_evidence=tuple(said.consent.without_evidence),
            soft_opt_in=() if soft is None else tuple(soft.purposes),
            soft_opt_in_when=self._maybe(POLICIES, ("consent", "soft_opt_in", "when")),
            caps=tuple(
                compiled.Cap(cap.name, cap.at_most, _micros(cap.every), cap.channel, cap.purpose) for cap in said.caps
            ),
            one_a_day=tuple(sorted(set(said.one_a_day.classes))),
            quiet=None
            if quiet is None
            else (
                minute_of_day(quiet.from_),
                minute_of_day(quiet.until),
                tuple(sorted({DAYS.index(day) for day in quiet.days})),
            ),
            quiet_zone_of_customer=quiet is None or quiet.zone == "customer",
            care_reading=said.care_first.reading_at_most,
            care_resolved_by=tuple(said.care_first.resolved_by),
            care_missed_after=_micros(said.care_first.missed_after),
            cool_off_purposes=() if cool_off is None else tuple(cool_off.purposes),
            cool_off_after=0 if cool_off is None else _micros(cool_off.after),
            cool_off_ramp=0 if cool_off is None else _micros(cool_off.ramp),
            balance=self._maybe(POLICIES, ("balance", "asks_need")),
            holdout_global=said.holdout.global_,
            customer_value_weight=said.priority.customer_value_weight,
            base_rate=said.priority.base_rate,
            own=tuple(
                compiled.OwnPolicy(
                    own.name, tuple(own.purposes), self._expression(POLICIES, ("own", number, "blocks")), own.says
                )
                for number, own in enumerate(said.own)
            ),
        )

    def _conversation(self, file: str, said: authored.Conversation) -> compiled.Conversation:
        organisation = self.checked.organisation
        fixed = FIXED_RECURRENCES.get(said.recurs)
        audience = said.audience.strip()
        of_name = NAME.fullmatch(audience) is not None and audience in self.checked.audiences.root
        return compiled.Conversation(
            name=said.name,
            purpose=said.purpose,
            brand=said.brand or next(iter(organisation.brands)),
            topic=said.topic,
            languages=tuple(organisation.languages if said.languages is None else said.languages),
            audience=self._expression(AUDIENCES, (audience,)) if of_name else self._expression(file, ("audience",)),
            trigger=None if said.trigger is None else self._trigger(file, said.trigger),
            recurs=fixed or "every",
            recurs_every=None if fixed is not None else _micros(said.recurs.removeprefix("every")),
            given=said.value.given,
            asked=said.value.asked,
            goal=_goal(said.goal),
            lever=said.lever,
            urgent=said.urgent,
            ways=tuple(self._way(channel, way) for channel, way in said.channels.items()),
            gift=None if said.gift is None else compiled.Gift(said.gift.pool, said.gift.budget),
            call=None if said.call is None else compiled.Call(tuple(said.call.say), tuple(said.call.never_ask)),
        )

    def _way(self, channel: str, said: AuthoredWay) -> compiled.Way:
        variants = tuple(compiled.Variant(one.name, one.share, one.template, one.subject) for one in said.variants)
        return compiled.Way(channel, said.touchpoint, variants)

    def _trigger(self, file: str, said: AuthoredTrigger) -> compiled.Trigger:
        event, date = said.event, said.date
        return compiled.Trigger(
            kind=None if event is None else event.kind,
            touchpoint=None if event is None else event.touchpoint,
            where=self._maybe(file, ("trigger", "event", "where")),
            wait=_micros(said.wait),
            of=None if date is None else date.of,
            every=None if date is None or date.every is None else _micros(date.every),
            at=0 if date is None else _micros(date.at),
            within=_micros(said.within),
        )

    def _programme(self, file: str, said: authored.Programme) -> compiled.Programme:
        fixed = FIXED_RECURRENCES.get(said.recurs)
        places = {step.id: place for place, step in enumerate(said.steps, 1)} | {LEAVE: compiled.END}
        return compiled.Programme(
            name=said.name,
            enter=self._expression(file, ("enter",)),
            exit=self._maybe(file, ("exit",)),
            recurs=fixed or "every",
            recurs_every=None if fixed is not None else _micros(said.recurs.removeprefix("every")),
            holdout=said.holdout,
            goal=_goal(said.goal),
            steps=tuple(self._step(file, place, step, places) for place, step in enumerate(said.steps, 1)),
        )

    def _step(self, file: str, place: int, said: AuthoredStep, places: Mapping[str, int]) -> compiled.Step:
        here: Place = ("steps", place - 1)
        wait = said.wait if said.after is None else said.after.wait
        return compiled.Step(
            id=said.id,
            place=place,
            conversation=said.conversation,
            done=None if said.conversation is None else said.done or self._done(said.conversation),
            wait=0 if wait is None else _micros(wait),
            within=None if said.within is None else _micros(said.within),
            until=self._maybe(file, (*here, "wait_until")),
            at_most=None if said.at_most is None else _micros(said.at_most),
            branches=tuple(
                compiled.Branch(self._maybe(file, (*here, "branch", number, "when")), places[branch.go])
                for number, branch in enumerate(said.branch or ())
            ),
            otherwise=said.else_,
        )

    def _done(self, conversation: str) -> compiled.Done:
        """What completes a step that does not say it."""
        said = next(one for one in self.checked.conversations.values() if one.name == conversation)
        return "called" if set(said.channels) == {"phone"} else "sent"

    def _pool(self, name: str, said: AuthoredPool) -> compiled.Pool:
        expires = None
        if said.expires is not None:
            day = datetime.combine(date.fromisoformat(said.expires) + timedelta(days=1), time())
            expires = to_micros(day.replace(tzinfo=ZoneInfo(self.checked.organisation.zone)))
        return compiled.Pool(name, said.file, said.worth, said.budget, expires)

    def _import(self, file: str, said: authored.Import) -> compiled.Import:
        separators = {"csv": ",", "text": WHITESPACE, "parquet": "", "ndjson": ""}
        rejections = [
            (self._expression(file, ("reject_when", number, "when")), one.reason)
            for number, one in enumerate(said.reject_when)
        ]
        if said.zero == "reject":
            rejections += [
                (self._is_zero(said, row), "zero_revenue") for _, row in rows_of(said) if row.revenue is not None
            ]
        return compiled.Import(
            name=said.name,
            format=said.format.type,
            separator=said.format.separator or separators[said.format.type],
            header=said.format.header,
            encoding=said.format.encoding,
            names=dict(said.format.names),
            types=dict(said.types),
            expect=tuple(said.expect.columns),
            exact=said.expect.others == "refuse",
            persona=tuple(
                compiled.PersonaRule(rule.type, self._expression(file, ("persona", number, "value")), rule.scope)
                for number, rule in enumerate(said.persona)
            ),
            rows=tuple(self._row(file, place, row) for place, row in rows_of(said)),
            key=tuple(said.id.key),
            occurrence=said.id.occurrence is not None,
            reject_when=tuple(rejections),
            zone=said.zone,
            role=said.role,
        )

    def _row(self, file: str, place: Place, said: AuthoredRow) -> compiled.ImportRow:
        columns = {column: self._expression(file, (*place, *inner)) for column, inner, _ in columns_of(said)}
        return compiled.ImportRow(columns, self._maybe(file, (*place, "when")))

    def _is_zero(self, said: authored.Import, row: AuthoredRow) -> Expression:
        names = DeclaredNames({**{name: Type(type_) for name, type_ in said.types.items()}, ROW_NUMBER: Type.INTEGER})
        guard = f"({row.when}) AND " if row.when is not None else ""
        return check(f"{guard}({row.revenue}) = 0", names, want=Type.BOOLEAN, dialect="mapping")


def _goal(said: AuthoredGoal | None) -> compiled.Goal | None:
    return None if said is None else compiled.Goal(said.kind, _micros(said.within), said.worth)


def _micros(duration: str) -> int:
    micros = parse_duration(duration)
    assert micros is not None
    return micros
