"""In: typed lines of a file and the compiled import. Out: a draft of the interactions that each line makes. Writes every kind that a mapping names.

A line is taken whole or not at all: where one of its interactions cannot be, none of them is, and the line is rejected
once. Expressions run on whole chunks; what is the same in every line is worked out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import narwhals as nw
import polars as pl

from touchline.expressions import Expression, evaluate, to_frame
from touchline.intake.casting import KEY, Faults, parted
from touchline.intake.readers import LINE, NUMBER
from touchline.intake.rejects import SCHEMA
from touchline.intake.rows import EVENT, Draft, Terms, finish, joined
from touchline.interactions import preferences
from touchline.kernel.measures import column
from touchline.kernel.types import Type, Value
from touchline.playbook.compiled import Import, ImportRow, Promise

Places = Callable[[Expression], Callable[[str], str]]
"""An expression -> the lines' column of each of its names."""
RULE = "__rule"
"""Which of the mapping's interactions a row is, from 0."""
IDENTIFIER = "__identifier_"
"""Before the number of a persona rule: the identifier that the line carries, as read."""

_PAYLOAD, _PREFERENCE, _REJECT = "payload.", "preference.", "__reject_"


@dataclass(frozen=True)
class Rule:
    """One interaction that a line may make.

    columns      ledger column, `revenue` or `cost` -> expression that differs from line to line
    fixed        the same for those that do not
    payload      key -> expression
    preference   (key, expression): the rule makes a `preferred` row of it where it is told
    """

    index: int
    when: Expression | None
    columns: Mapping[str, Expression]
    fixed: Mapping[str, Value]
    payload: Mapping[str, Expression] = field(default_factory=dict)
    preference: tuple[str, Expression] | None = None


def rules(rows: Sequence[ImportRow]) -> list[Rule]:
    """The interactions that a line may make, a preference each being one of its own."""
    made: list[Rule] = []
    for authored in rows:
        made += _rules(authored, len(made))
    return made


def _rules(authored: ImportRow, first: int) -> list[Rule]:
    columns: dict[str, Expression] = {}
    fixed: dict[str, Value] = {}
    payload: dict[str, Expression] = {}
    told: list[tuple[str, Expression]] = []
    for name, expression in authored.columns.items():
        if name.startswith(_PAYLOAD):
            payload[name.removeprefix(_PAYLOAD)] = expression
        elif name.startswith(_PREFERENCE):
            told.append((name.removeprefix(_PREFERENCE), expression))
        elif expression.names:
            columns[name] = expression
        else:
            fixed[name] = evaluate(expression, {})
    if not told:
        return [Rule(first, authored.when, columns, fixed, payload)]
    return [Rule(first + i, authored.when, columns, fixed, payload, one) for i, one in enumerate(told)]


@dataclass(frozen=True)
class Maker:
    """Makes drafts of one rule after another on the same terms.

    promises   touchpoint -> promises that say by themselves whether they were kept, as far as the lines can tell
    place      the lines' column of a name in a promise's `holds`
    own        the lines' column of a name in an expression of a rule
    beside     gives a draft what its line says apart from the rule
    """

    terms: Terms
    promises: Mapping[str, Sequence[tuple[Promise, Expression]]]
    place: Places
    own: Places = lambda _: column
    beside: Callable[[pl.DataFrame], pl.DataFrame] = lambda draft: draft

    def draft(self, lines: pl.DataFrame, rule: Rule) -> tuple[Draft, pl.DataFrame]:
        """(finished rows of the rule, with the lines' `__` columns and `__rule`; rejects.SCHEMA)."""
        kept = [name for name in lines.columns if name.startswith("__") and not name.startswith(_REJECT)]
        if rule.when is not None:
            lines = lines.filter(_series(lines, rule.when, self.own(rule.when)).fill_null(value=False))
        frame = nw.from_native(lines)
        made = frame.select(
            *(to_frame(expression, self.own(expression)).alias(f"={name}") for name, expression in rule.columns.items())
        ).to_native()
        own = made.rename({name: name.removeprefix("=") for name in made.columns})
        fixed = dict(rule.fixed)
        beside = lines.select(*kept, NUMBER, LINE)
        draft = pl.concat([beside, own], how="horizontal") if own.width else beside
        if rule.payload:
            draft = draft.with_columns(_json(frame, rule.payload).alias("payload"))
        rejected = pl.DataFrame(schema=SCHEMA)
        if rule.preference is not None:
            draft, rejected = _told(
                draft, _series(lines, rule.preference[1], self.own(rule.preference[1])), rule.preference[0]
            )
            fixed = {**fixed, "name": rule.preference[0]}
        else:
            draft = draft.with_columns(self._kept_promises(lines, draft, fixed))
        draft = self.beside(draft).with_columns(pl.lit(rule.index, pl.Int16).alias(RULE))
        finished, faults = finish(Draft(draft, fixed), self.terms)
        return finished, pl.concat([rejected, faults])

    def _kept_promises(self, lines: pl.DataFrame, draft: pl.DataFrame, fixed: Mapping[str, Value]) -> list[pl.Expr]:
        """The principles' readings of promises that say by themselves whether they were kept; an authored reading goes first."""
        varies = "touchpoint" in draft.columns
        readings: dict[str, list[pl.Expr]] = {}
        for touchpoint in draft["touchpoint"].drop_nulls().unique().to_list() if varies else [fixed.get("touchpoint")]:
            for promise, holds in self.promises.get(str(touchpoint), ()):
                verdict = _series(lines, holds, self.place(holds))
                reading = pl.when(verdict).then(pl.lit(promise.kept)).when(~verdict).then(pl.lit(promise.broken))
                here = pl.when(pl.col("touchpoint") == touchpoint).then(reading) if varies else reading
                readings.setdefault(promise.principle, []).append(here)
        told = []
        for principle, given in readings.items():
            if principle in draft.columns:
                told.append(pl.coalesce(pl.col(principle), pl.mean_horizontal(given)).cast(pl.Float32).alias(principle))
            elif fixed.get(principle) is None:
                told.append(pl.mean_horizontal(given).cast(pl.Float32).alias(principle))
        return told

    def drafts(self, lines: pl.DataFrame, rules_: Sequence[Rule]) -> tuple[Draft, pl.DataFrame]:
        """(finished rows of all rules; one reject for each line of which any row cannot be, none of whose rows are kept)."""
        drafts: list[Draft] = []
        refused: list[pl.DataFrame] = []
        for rule in rules_:
            draft, faults = self.draft(lines, rule)
            if draft.frame.height or not drafts:
                drafts.append(draft)
            refused.append(faults)
        draft, faults = joined(drafts), pl.concat(refused)
        if faults.height and len(rules_) > 1:
            faults = faults.unique(NUMBER, keep="first", maintain_order=True)
            draft = Draft(draft.frame.join(faults, on=NUMBER, how="anti", maintain_order="left"), draft.fixed)
        return draft, faults


class LineMapping:
    """An import, ready to run on chunks of typed lines."""

    def __init__(self, imp: Import, terms: Terms) -> None:
        self._imp = imp
        self.rules = rules(imp.rows)
        promises = {
            name: [
                (promise, promise.holds)
                for promise in point.promises
                if promise.holds is not None and self._can_tell(promise.holds)
            ]
            for name, point in terms.playbook.touchpoints.items()
        }
        self._maker = Maker(terms, promises, lambda _: lambda name: column(name.removeprefix(EVENT)))

    def _can_tell(self, holds: Expression) -> bool:
        """Whether the file has every column that the promise looks at, in the type that it looks for."""
        types = self._imp.types
        return all(_fits(types.get(name.removeprefix(EVENT)), wanted) for name, wanted in dict(holds.inferred).items())

    def drafts(self, lines: pl.DataFrame) -> tuple[Draft, pl.DataFrame]:
        """(finished rows of all good lines, with `__rule` and `__identifier_N` and the lines' own `__` columns; rejects of the others)."""
        frame = nw.from_native(lines)
        told = frame.with_columns(
            *(to_frame(rule.value).alias(f"{IDENTIFIER}{i}") for i, rule in enumerate(self._imp.persona)),
            *(to_frame(when).alias(f"{_REJECT}{i}") for i, (when, _) in enumerate(self._imp.reject_when)),
        ).to_native()
        conditions: Faults = [
            (reason, None, pl.col(f"{_REJECT}{i}")) for i, (_, reason) in enumerate(self._imp.reject_when)
        ]
        named = [
            pl.col(f"{IDENTIFIER}{i}").fill_null("").str.strip_chars() == "" for i in range(len(self._imp.persona))
        ]
        conditions.append(("no_identifier", None, pl.all_horizontal(named)))
        # A key without any known part is no key: all such lines would be taken for one.
        parts = [pl.col(f"{KEY}{name}").cast(pl.String).fill_null("").str.strip_chars() == "" for name in self._imp.key]
        conditions.append(("empty_key", None, pl.all_horizontal(parts)))
        sound, rejected = parted(told, conditions)
        draft, faults = self._maker.drafts(sound, self.rules)
        return draft, pl.concat([rejected, faults])


def _series(lines: pl.DataFrame, expression: Expression, place: Callable[[str], str] = column) -> pl.Series:
    """The expression's value in every line."""
    if not expression.names:
        return pl.Series([evaluate(expression, {})]).new_from_index(0, lines.height)
    return nw.from_native(lines).select(__value=to_frame(expression, place)).to_native().to_series()


def _fits(declared: str | None, wanted: Type) -> bool:
    if declared is None:
        return False
    return declared == wanted or (wanted is Type.NUMBER and declared == Type.INTEGER)


def _json(frame: nw.DataFrame[pl.DataFrame], payload: Mapping[str, Expression]) -> pl.Series:
    """A JSON object of the keys; NULL where every one is unknown."""
    # The line's number goes along so that an expression without names, too, has a value in every line.
    values = frame.select(
        nw.col(NUMBER).alias("__line"), *(to_frame(expression).alias(key) for key, expression in payload.items())
    ).to_native()
    known = pl.any_horizontal([pl.col(key).is_not_null() for key in payload])
    return values.select(pl.when(known).then(pl.struct(*payload).struct.json_encode())).to_series()


def _told(draft: pl.DataFrame, value: pl.Series, key: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows where the preference is told, encoded; and rejects where it makes no sense."""
    words = value.cast(pl.String).str.strip_chars()
    distinct = words.drop_nulls().unique()
    answers = [
        preferences.encode(key, word) if preferences.is_key(key) and len(word) <= 100 else None for word in distinct
    ]
    answer = words.replace_strict(distinct, pl.Series(answers, dtype=pl.Float64), default=None, return_dtype=pl.Float64)
    spoken = pl.DataFrame({key: words}).select(pl.struct(key).struct.json_encode()).to_series()
    draft = draft.with_columns(words.alias("__told"), answer.alias("answer"), spoken.alias("payload"))
    draft = draft.filter(pl.col("__told").is_not_null() & (pl.col("__told") != ""))
    sound, rejected = parted(draft, [("unknown_preference", f"preference.{key}", pl.col("answer").is_null())])
    return sound.drop("__told"), rejected
