"""Customers of the small company who come by a link of their own."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.test import Client

from touchline.delivery import links
from touchline.recognition.staging import read
from touchline.workspace.opened import Workspace


@dataclass(frozen=True)
class Visitor:
    """A customer with an e-mail address: their persona, their links, and a browser without cookies."""

    workspace: Workspace
    customer: int
    persona: int
    address: str

    def token(self, use: str, about: tuple[str, ...] = ()) -> str:
        return links.token(use, self.persona, self.workspace.clock.now(), about)

    def path(self, use: str, about: tuple[str, ...] = ()) -> str:
        return f"/u/{links.PATHS[use]}{self.token(use, about)}"

    @property
    def client(self) -> Client:
        return Client()


def visitor(workspace: Workspace, place: int, language: str = "en") -> Visitor:
    """The customer at that place among `visitors`; tests that change something take their own."""
    return visitors(workspace, language)[place]


def visitors(workspace: Workspace, language: str = "en") -> list[Visitor]:
    """Everybody who has an e-mail address and told that language."""
    code = {"en": 4 * 26 + 13, "de": 3 * 26 + 4}[language]
    found = read(
        "SELECT p.customer, p.persona_id, p.value FROM recognition_persona p WHERE p.type = 'email' AND p.customer IN ("
        "SELECT q.customer FROM recognition_persona q JOIN permission_preference f ON f.persona_id = q.persona_id"
        " WHERE f.key = 'language' AND f.answer = %s) ORDER BY p.persona_id",
        {"customer": pl.Int64, "persona_id": pl.Int64, "value": pl.String},
        [code],
    )
    return [Visitor(workspace, *row) for row in found.iter_rows()]
