"""In: playbook/stages.yaml and playbook/audiences.yaml. Out: their authored forms. Writes no interactions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel

from touchline.playbook.authored.words import Authored, ExpressionText, Name, Note


class Stage(Authored):
    """A place in the life cycle."""

    stage: Name
    """Its name."""
    when: ExpressionText | None = None
    """The condition; the last stage has none."""
    note: Note = ""
    """For the authors."""


class Stages(RootModel[Annotated[list[Stage], Field(min_length=1, max_length=50)]]):
    """Ordered rules of the life cycle; the first that holds."""


class Audiences(RootModel[dict[Name, ExpressionText]]):
    """Named conditions."""
