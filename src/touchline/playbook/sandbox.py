"""In: texts in Liquid, and values. Out: what the texts read, and what they say with those values. Writes no interactions.

A text reads nothing but the values it is given and its siblings in playbook/templates, and is stopped where it takes
too long or says too much. A value that it needs and that is not there is named, never printed as nothing.
"""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from io import StringIO
from typing import Any, ClassVar, TextIO

from liquid import BoundTemplate, DictLoader, Environment, Undefined
from liquid.ast import Node
from liquid.builtin.expressions import BooleanExpression, FilteredExpression, Path
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.case_tag import CaseNode
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError, UnknownFilterError
from liquid.expression import Expression
from liquid.filter import with_environment
from liquid.stringify import to_liquid_string
from liquid.utils import ReadOnlyChainMap
from markupsafe import Markup, escape

from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import from_micros
from touchline.playbook.values import LARGEST, Value

MOST_OUTPUT = LARGEST
"""Bytes that one text may come to; also the largest value between two filters."""

MOST_ITERATIONS = 10_000
"""Of all loops inside each other, multiplied."""

SECONDS = 2.0
"""That one text may take."""

_LONGEST_WHOLE_NUMBER = 256
"""Bits: whole numbers grow without a limit of their own."""

_REFUSED_TAGS = ("include", "echo", "liquid", "tablerow", "increment", "decrement", "ifchanged")
# `safe` would let a value be markup; the others decode what was made harmless, or are meant for scripts.
_REFUSED_FILTERS = (
    "safe", "escapejs", "strip_html", "base64_decode", "base64_encode", "base64_url_safe_decode",
    "base64_url_safe_encode",
)  # fmt: skip


class Unsayable(TouchlineError):
    """The text cannot be made with these values."""

    code = "unsayable"
    remedy = "Run `touchline check`, or shorten the text: it has limits of time, of loops and of length."

    def __init__(self, detail: str, *, limit: bool = False) -> None:
        """`limit`: it was stopped, whatever the values were."""
        self.limit = limit
        super().__init__(detail)


@dataclass(frozen=True)
class Read:
    """One value that a text reads.

    name     with dots, as in conditions: `profile.first_name`
    line     1-based, of the file that reads it
    file     of playbook/templates; another one than the text's where it renders that
    guarded  whether a `default`, or a test before it, covers that it may be missing
    """

    name: str
    line: int
    file: str
    guarded: bool


@dataclass
class _Run:
    """One text being said: until when it may take, and what it wanted and did not find."""

    until: float
    missing: dict[str, None] = field(default_factory=dict)
    noted: int = 0

    def note(self, name: str) -> None:
        """A value that was needed and is not there."""
        self.missing[name] = None
        self.noted += 1

    def in_time(self) -> None:
        """Stop the text where its time is over."""
        # The machine's clock bounds the work only; no text can read it.
        if time.monotonic() > self.until:
            raise ResourceLimitError("the text takes too long", token=None)


_run: ContextVar[_Run] = ContextVar("_run")


class _Absent(Undefined):
    """A value that is not there: false in a test, taken by `default`, and noted wherever else it is used."""

    __slots__ = ()

    def note(self) -> None:
        """Say that the text needed it."""
        _run.get().note(self.name)

    def __str__(self) -> str:
        self.note()
        return ""

    def __len__(self) -> int:
        self.note()
        return 0

    def __iter__(self) -> Iterator[Any]:
        self.note()
        return iter(())

    def __int__(self) -> int:
        self.note()
        return 0

    def __bool__(self) -> bool:
        return False

    def __getitem__(self, key: str) -> object:
        return self

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    def __hash__(self) -> int:
        return hash(self.name)

    def __liquid__(self) -> object:
        return None


class _Output(StringIO):
    """What a text has said so far; shared with what it captures, so that neither escapes the limits."""

    def __init__(self, said: list[int]) -> None:
        super().__init__()
        self.said = said

    def write(self, text: str) -> int:
        """Add to it, within the limits."""
        _run.get().in_time()
        self.said[0] += len(text.encode("utf-8", "surrogatepass"))
        if self.said[0] > MOST_OUTPUT:
            raise ResourceLimitError("the text is too long", token=None)
        return super().write(text)


class _Context(RenderContext):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # Without Liquid's own `now` and `today`, which are the machine's.
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    def get(self, path: list[object], **options: Any) -> object:
        """The value at a path; looked up often enough to keep the time."""
        _run.get().in_time()
        found = super().get(path, **options)
        if isinstance(found, _Absent):
            # Liquid tells the first part of the path only.
            found.name = ".".join(str(part) for part in path)
        return found

    def assign(self, key: str, val: Any) -> None:
        """A name given by the text."""
        _run.get().in_time()
        super().assign(key, val)

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        """Where captured output goes; it counts as much as what is said."""
        return _Output(buf.said if isinstance(buf, _Output) else [0])


class _Text(BoundTemplate):
    context_class = _Context

    def _get_buffer(self) -> StringIO:
        return _Output([0])


class _Said(OutputNode):
    """`{{ … }}`: what comes out blank is missing, unless the author wrote a `default`."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Say it, or note that there is nothing to say."""
        run = _run.get()
        before = run.noted
        text = to_liquid_string(self.expression.evaluate(context), context.autoescape)
        if not text.strip() and run.noted == before and not _has_default(self.expression):
            run.note(str(self.expression))
        return buffer.write(text)


class _SaidTag(Output):
    node_class = _Said


class _Environment(Environment):
    block_nesting_limit: ClassVar[int] = 20
    context_depth_limit: ClassVar[int] = 12
    loop_iteration_limit: ClassVar[int | None] = MOST_ITERATIONS
    local_namespace_limit: ClassVar[int | None] = 4 * MOST_OUTPUT
    template_class = _Text
    ternary_expressions = False


def _plain_text(value: object) -> object:
    """The value without the mark by which a text passes for markup; all of a filter's arguments are values."""
    if isinstance(value, Markup):
        return str.__str__(value)
    return [_plain_text(one) for one in value] if isinstance(value, list) else value


def _sized(value: object) -> int:
    if isinstance(value, str | list | tuple | dict | range):
        return len(value)
    return 1


def _bounded(name: str, filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The filter within the limits, and never answering with markup."""

    @wraps(filter_)
    def call(*args: Any, **kwargs: Any) -> Any:
        _run.get().in_time()
        values = [_plain_text(arg) for arg in args]
        if name != "default":
            # Arithmetic takes what is absent for 0, and so would print a number that nobody knows.
            for value in (*values, *kwargs.values()):
                if isinstance(value, _Absent):
                    value.note()
        sizes = [_sized(value) for value in values]
        if any(isinstance(value, range) and len(value) > MOST_ITERATIONS for value in values):
            raise ResourceLimitError(f"`{name}` is given too much", token=None)
        # What replaces or joins comes once per place: the two multiply.
        product = sizes[0] * max([1, *sizes[1:]]) if name in ("replace", "join") else sum(sizes)
        if product > 8 * MOST_OUTPUT or max(sizes, default=0) > MOST_OUTPUT:
            raise ResourceLimitError(f"`{name}` is given too much", token=None)
        try:
            result = filter_(*values, **kwargs)
        except (OverflowError, ValueError, ArithmeticError, RecursionError) as error:
            raise FilterArgumentError(f"`{name}` cannot take that value", token=None) from error
        if isinstance(result, int) and result.bit_length() > _LONGEST_WHOLE_NUMBER:
            raise ResourceLimitError(f"`{name}` makes too large a number", token=None)
        return _plain_text(result)

    return call


@with_environment
def _newline_to_br(value: object, *, environment: Environment) -> object:
    text = str(value)
    if not environment.autoescape:
        return text
    return Markup("<br />\n").join(escape(line) for line in text.splitlines())


def _date(value: object, form: object = "%Y-%m-%d") -> str:
    """A day or an instant in a form of strftime; UTC, and never the machine's own time."""
    if isinstance(value, Undefined):
        return str(value)
    form = str(form)
    if len(form) > 100 or any(mark + digit in form for mark in "%-_0" for digit in "123456789"):
        raise FilterArgumentError("`date` wants a short form without widths", token=None)
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            moment = from_micros(value)
        else:
            moment = datetime.fromisoformat(str(value).strip())
            moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment
        return moment.strftime(form)
    except (ValueError, OverflowError, OSError):
        raise FilterArgumentError("`date` wants a day as 2026-03-01, or an instant", token=None) from None


class Sandbox:
    """Liquid texts by the name of their file, which may render each other and nothing else.

    Two environments read them: one for markup, where every value is escaped, and one for plain text.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._environments = {markup: _environment(self._texts, markup=markup) for markup in (False, True)}
        self._parsed: dict[tuple[str, str, bool], BoundTemplate] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """The names of the filters that there are."""
        return tuple(sorted(self._environments[False].filters))

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the tags that there are."""
        return tuple(sorted(name for name in self._environments[False].tags if name.isalpha()))

    def parse(self, source: str, file: str = "", *, markup: bool = False) -> BoundTemplate:
        """The text, ready to be said; raises LiquidError."""
        key = (file, source, markup)
        if key not in self._parsed:
            self._parsed[key] = self._environments[markup].from_string(source, name=file, path=file or None)
        return self._parsed[key]

    def say(
        self, source: str, values: Mapping[str, Value], file: str = "", *, markup: bool = False
    ) -> tuple[str, tuple[str, ...]]:
        """What the text says, and the names that it needed and that are not there; raises Unsayable.

        Where names are missing the text is not fit to be sent.
        """
        run = _Run(time.monotonic() + SECONDS)
        token = _run.set(run)
        try:
            said = self.parse(source, file, markup=markup).render(**values)
        except LiquidError as error:
            if run.missing:
                return "", tuple(run.missing)
            # The message of a filter may quote its value, which may be a person's: only our own words are kept.
            limit = isinstance(error, ResourceLimitError)
            raise Unsayable(f"{file or 'the text'}: {_reason(error)}", limit=limit) from None
        except (ArithmeticError, RecursionError, ValueError) as error:
            raise Unsayable(f"{file or 'the text'}: {type(error).__name__}") from None
        finally:
            _run.reset(token)
        return said, tuple(run.missing)

    def reads(self, source: str, file: str = "", *, markup: bool = False) -> list[Read]:
        """Every value that the text reads, and the files that it renders; raises LiquidError."""
        template = self.parse(source, file, markup=markup)
        found = template.analyze()
        texts = {**self._texts, file: source}
        guarded = set(_guarded(template.nodes, RenderContext(template), frozenset()))
        reads = []
        for variables in found.globals.values():
            for one in variables:
                name = ".".join(str(segment) for segment in one.segments if isinstance(segment, str))
                where = one.span.template_name or file
                reads.append(
                    Read(name, _line(texts.get(where, ""), one.span.index), where, (name, one.span.index) in guarded)
                )
        return reads

    def strange_filters(self, source: str, file: str = "", *, markup: bool = False) -> list[tuple[str, int, str]]:
        """(name, line, file) of each filter that is not one."""
        template = self.parse(source, file, markup=markup)
        texts = {**self._texts, file: source}
        known = self._environments[markup].filters
        return [
            (name, _line(texts.get(span.template_name or file, ""), span.index), span.template_name or file)
            for name, spans in template.analyze().filters.items()
            if name not in known
            for span in spans
        ]


def line_of(error: LiquidError, source: str) -> int:
    """1-based line of the fault; the last one where Liquid came to the end without finding what it wanted."""
    try:
        found = error.context()
    except ValueError:
        found = None
    return found[0] if found else source.rstrip().count("\n") + 1


def _environment(texts: dict[str, str], *, markup: bool) -> Environment:
    environment = _Environment(loader=DictLoader(texts), autoescape=markup, undefined=_Absent, strict_filters=True)
    environment.add_tag(_SaidTag)
    for tag in _REFUSED_TAGS:
        del environment.tags[tag]
    for name in _REFUSED_FILTERS:
        del environment.filters[name]
    environment.add_filter("date", _date)
    for name, filter_ in list(environment.filters.items()):
        # Of these the value itself matters, not its text: `default` takes what is absent, `size` counts it.
        environment.filters[name] = _bounded(name, filter_)
    # These three make markup of a text, and escape it on the way.
    environment.add_filter("escape", lambda value: escape(str(value)) if markup else str(value))
    environment.add_filter("escape_once", lambda value: escape(html.unescape(str(value))) if markup else str(value))
    environment.add_filter("newline_to_br", _newline_to_br)
    return environment


def _reason(error: LiquidError) -> str:
    ours = isinstance(error, ResourceLimitError | UnknownFilterError) or str(error.message).startswith("`")
    return str(error.message) if ours else type(error).__name__


def _line(source: str, index: int) -> int:
    return source.count("\n", 0, max(index, 0)) + 1


def _has_default(expression: Expression) -> bool:
    filters = expression.filters if isinstance(expression, FilteredExpression) else None
    return any(one.name == "default" for one in filters or ())


def _guarded(nodes: Sequence[Node], context: RenderContext, tested: frozenset[str]) -> Iterator[tuple[str, int]]:
    """(name, index) of each reading that a `default` follows, that is a test, or that stands inside a test of it."""
    for node in nodes:
        names: set[str] = set()
        for expression in node.expressions():
            is_test = isinstance(expression, BooleanExpression) or isinstance(node, CaseNode)
            for path in _paths(expression):
                name = _name(path)
                if is_test:
                    names.add(name)
                if is_test or name in tested or (_has_default(expression) and _is_left(expression, path)):
                    yield name, path.token.start_index
        children = list(node.children(context, include_partials=False))
        yield from _guarded(children, context, tested | names)


def _is_left(expression: Expression, path: Path) -> bool:
    return isinstance(expression, FilteredExpression) and expression.left is path


def _paths(expression: Expression) -> Iterator[Path]:
    if isinstance(expression, Path):
        yield expression
    for child in expression.children():
        yield from _paths(child)


def _name(path: Path) -> str:
    return ".".join(str(segment) for segment in path.path if isinstance(segment, str))
