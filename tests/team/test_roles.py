"""Who may do what."""

from __future__ import annotations

import pytest

from touchline.team.actors import TERMINAL, WORKER, NotAllowed, customer
from touchline.team.models import User
from touchline.team.roles import EVERYTHING, Right, Role, rights_of


def test_a_role_has_what_the_one_below_it_has() -> None:
    viewer, agent, marketer, admin = (rights_of(role) for role in Role)
    assert viewer < agent < marketer < admin == EVERYTHING
    assert viewer == {Right.SEE}
    assert Right.SERVE in agent
    assert Right.CONVERSE not in agent
    assert Right.ERASE not in marketer
    assert Right.ADMINISTER not in marketer


def test_the_terminal_and_the_worker_may_everything_and_a_customer_little() -> None:
    assert TERMINAL.rights == WORKER.rights == EVERYTHING
    assert not customer(7).may(Right.SEE)


def test_who_may_not_is_told_which_right_is_missing() -> None:
    with pytest.raises(NotAllowed, match="needs the right `see`"):
        customer(7).require(Right.SEE, "the list")


def test_a_user_who_is_not_active_has_no_right() -> None:
    assert User(name="Ada", role="admin").actor.rights == EVERYTHING
    assert User(name="Ada", role="admin", is_active=False).actor.rights == frozenset()
