"""In: playbook/imports/*.yaml. Out: their authored form. Writes no interactions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from touchline.playbook.authored.words import Authored, ColumnType, ExpressionText, IdentifierType, Name, Note, Zone

FileColumn = Annotated[str, Field(min_length=1, max_length=200)]


class Format(Authored):
    """How the file is written."""

    type: Literal["csv", "text", "parquet", "ndjson"]
    """csv, text (separated by blanks), parquet or ndjson."""
    separator: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    """csv: one character, a comma if left out. text: `whitespace`."""
    header: Annotated[int, Field(ge=0, le=1)] = 1
    """Header lines; where 0, `expect.columns` names the columns in order."""
    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "windows-1252", "cp1252"] = "utf-8"
    """Of a text file: utf-8 (with or without its mark), latin-1, or windows-1252, which is cp1252."""
    names: dict[FileColumn, Name] = Field(default_factory=dict)
    """Column as in the file -> its name in expressions, where the two differ."""


class Expect(Authored):
    """What the file must look like, else it is refused whole."""

    columns: Annotated[list[FileColumn], Field(min_length=1)]
    """Columns as in the file."""
    others: Literal["refuse", "ignore"] = "refuse"
    """What becomes of a file that has more."""


class PersonaRule(Authored):
    """An identifier that a line carries; NULL is no identifier."""

    type: IdentifierType
    """Its type."""
    value: ExpressionText
    """Its value, a text."""
    scope: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9_]*$")] = ""
    """Whose numbers they are, for example of one shop; empty: the whole organisation's."""


class RowEpisode(Authored):
    """The episode that the interaction belongs to."""

    type: ExpressionText
    """Its type, a text."""
    id: ExpressionText
    """Its id, a text."""
    closes: ExpressionText | None = None
    """TRUE where it closes it."""


class RowAgreement(Authored):
    """The agreement that the interaction carries."""

    id: ExpressionText
    """Its id, a text."""
    term_start: ExpressionText | None = None
    """When the term begins."""
    renewal: ExpressionText | None = None
    """When it is to be renewed."""


class Row(Authored):
    """An interaction that a line makes; expressions over the columns of `types` and `row_number`."""

    when: ExpressionText | None = None
    """The line makes it only where this holds."""
    kind: ExpressionText
    """Kind of the catalogue, a text."""
    occurred_at: ExpressionText
    """When it happened."""
    touchpoint: ExpressionText | None = None
    """Where, a text."""
    name: ExpressionText | None = None
    """The organisation's own word for it."""
    emotional: ExpressionText | None = None
    """Reading in [-1, 1]."""
    reliability: ExpressionText | None = None
    """Reading in [-1, 1]."""
    convenience: ExpressionText | None = None
    """Reading in [-1, 1]."""
    responsiveness: ExpressionText | None = None
    """Reading in [-1, 1]."""
    relevance: ExpressionText | None = None
    """Reading in [-1, 1]."""
    about: ExpressionText | None = None
    """What the reading judges: 'interaction:ID', 'episode:ID', 'touchpoint:NAME', or 'none': the relationship."""
    episode: RowEpisode | None = None
    """The episode it belongs to."""
    agreement: RowAgreement | None = None
    """The agreement it carries."""
    revenue: ExpressionText | None = None
    """Money in, in major units; negative for a refund."""
    cost: ExpressionText | None = None
    """Cost to serve, in major units."""
    given: ExpressionText | None = None
    """Points given."""
    asked: ExpressionText | None = None
    """Points asked."""
    message_id: ExpressionText | None = None
    """The message it belongs to."""
    conversation: ExpressionText | None = None
    """The conversation of that message."""
    variant: ExpressionText | None = None
    """The variant of that message."""
    purpose: ExpressionText | None = None
    """Purpose of a message or a consent."""
    channel: ExpressionText | None = None
    """Channel of a message or a consent."""
    identifier: ExpressionText | None = None
    """The address used or consented for."""
    in_reply_to: ExpressionText | None = None
    """What it answers."""
    case_id: ExpressionText | None = None
    """The case it belongs to."""
    survey: ExpressionText | None = None
    """The survey it answers."""
    question: ExpressionText | None = None
    """The question it answers."""
    answer: ExpressionText | None = None
    """The scored answer, a number."""
    text: ExpressionText | None = None
    """What was said."""
    evidence: ExpressionText | None = None
    """Who agreed, when, how, to which wording; NULL is none."""
    machine: ExpressionText | None = None
    """TRUE where a scanner or proxy did it."""
    reason: ExpressionText | None = None
    """Of a failure, opt-out or suppression."""
    payload: dict[Name, ExpressionText] = Field(default_factory=dict)
    """Everything else, by key."""
    preference: dict[Name, ExpressionText] = Field(default_factory=dict)
    """Preferences told: key -> value.

    Keys: max_per_week, days, hours, zone, language, topic_TOPIC, likes_CHANNEL, refuses_CHANNEL.
    """


class InteractionId(Authored):
    """What makes an interaction's id, so that the same file twice adds nothing."""

    key: Annotated[list[Name], Field(min_length=1, max_length=20)]
    """Columns, or `row_number`."""
    occurrence: Literal["within_file"] | None = None
    """`within_file`: equal keys of one file are told apart by their number."""


class Rejection(Authored):
    """When a line goes to the rejects file."""

    when: ExpressionText
    """Where this holds."""
    reason: Name
    """The reason written beside it."""


class Import(Authored):
    """How one kind of file becomes interactions."""

    name: Name
    """As in `touchline import FILE --as NAME`."""
    format: Format
    """How the file is written."""
    types: Annotated[dict[Name, ColumnType], Field(min_length=1)]
    """Columns that expressions read, and their types."""
    expect: Expect
    """What the file must look like."""
    zone: Zone | None = None
    """IANA zone of the file's times that carry none."""
    role: Literal["customer", "prospect", "partner", "employee"] = "customer"
    """What the people in it are."""
    persona: Annotated[list[PersonaRule], Field(min_length=1, max_length=20)]
    """Identifiers that a line carries."""
    row: Row | None = None
    """The interaction that a line makes."""
    rows: Annotated[list[Row], Field(min_length=1, max_length=100)] | None = None
    """The interactions that a line makes, where it makes several."""
    id: InteractionId
    """What makes an interaction's id."""
    reject_when: list[Rejection] = Field(default_factory=list)
    """When a line is rejected; the first that holds gives the reason."""
    zero: Literal["accept", "reject"] = "accept"
    """What becomes of revenue of exactly nothing."""
    note: Note = ""
    """For the authors."""
