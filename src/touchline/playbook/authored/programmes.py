"""In: playbook/programmes/*.yaml. Out: their authored form. Writes no interactions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from touchline.playbook.authored.conversations import Goal, Recurs
from touchline.playbook.authored.words import Authored, Duration, ExpressionText, Name, Note, Wait

MOST_STEPS = 50
"""Of one programme: a customer's place is kept as its name and those of all that follow."""

SORTS = ("conversation", "wait", "wait_until", "branch")
"""A step is of one sort: it has exactly one of these keys."""


class After(Authored):
    """How long a conversation waits once the customer has come to it."""

    step: Name
    """The step directly before this one."""
    wait: Wait = "0 d"
    """Offered only so long after that step was left."""


class Branch(Authored):
    """One way on."""

    when: ExpressionText | None = None
    """Taken where this holds; the last way may have none."""
    go: Name
    """Id of a later step, or `end`, which leaves the programme."""


class Step(Authored):
    """One step: it says something, waits, waits until something holds, or branches."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [sort]} for sort in SORTS]})

    id: Name
    """Unique in its programme. Customers stand at it by this name, so that steps may be added and removed."""
    conversation: Name | None = None
    """What is said: a conversation that no other step says."""
    done: Literal["sent", "delivered", "called"] | None = None
    """The interaction that completes it; left out: `called` on the phone, else `sent`."""
    after: After | None = None
    """A wait before it is offered."""
    within: Duration | None = None
    """From when the customer came to it; then it is missed, and `else` applies. Left out: it waits for ever."""
    wait: Duration | None = None
    """Waits so long."""
    wait_until: ExpressionText | None = None
    """Waits until this holds."""
    at_most: Duration | None = None
    """Waits for it so long, then `else` applies. Left out: for ever."""
    branch: Annotated[list[Branch], Field(min_length=1, max_length=20)] | None = None
    """Ways on; the first that holds is taken, and where none does the next step follows."""
    else_: Annotated[Literal["skip", "exit"], Field(alias="else")] = "skip"
    """When its time is over: `skip` goes to the next step, `exit` leaves the programme."""
    note: Note = ""
    """For the authors."""


class Programme(Authored):
    """Conversations in sequence."""

    name: Name
    """Unique among the programmes."""
    enter: ExpressionText
    """Who is not in it enters where this holds."""
    recurs: Recurs
    """How often a customer may enter: `once`, `per episode`, `per agreement term` or `every 365 d`."""
    exit: ExpressionText | None = None
    """Who is in it leaves where this holds, at any step."""
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the customers who go through the steps and are told nothing, so that its effect can be proven."""
    goal: Goal | None = None
    """What it is for; counted in both arms."""
    steps: Annotated[list[Step], Field(min_length=1, max_length=MOST_STEPS)]
    """In order."""
    note: Note = ""
    """For the authors."""
