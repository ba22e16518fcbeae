"""In: what allauth asks about signing in. Out: this service's answers. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from touchline.team import audit
from touchline.team.actors import Actor

NOBODY = Actor("user", "not signed in", frozenset())
"""Whoever failed to sign in: the address that they typed proves nothing."""


class Signing(DefaultAccountAdapter):
    """Nobody joins but by an invitation."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Never: see `touchline.site.joining`."""
        return False


def listen() -> None:
    """From now on who signs in or out, fails to, or changes what they sign in with leaves an entry in the audit."""
    from allauth.account import signals as account
    from allauth.mfa import signals as factors
    from django.contrib.auth import signals

    for signal, operation in (
        (signals.user_logged_in, "access.sign_in"),
        (signals.user_logged_out, "access.sign_out"),
        (account.password_set, "access.password"),
        (account.password_changed, "access.password"),
        (account.password_reset, "access.password_reset"),
        (factors.authenticator_added, "access.factor_add"),
        (factors.authenticator_removed, "access.factor_remove"),
        (factors.authenticator_reset, "access.factor_renew"),
        (factors.authentication_failed, "access.refused"),
    ):
        signal.connect(partial(_note, operation), weak=False, dispatch_uid=f"touchline {operation} {id(signal)}")
    signals.user_login_failed.connect(_refused, dispatch_uid="touchline access.refused")


def _note(operation: str, *, user: Any = None, authenticator: Any = None, **_: Any) -> None:
    if user is not None:  # a session that had ended by itself is nobody's
        details = {} if authenticator is None else {"factor": str(authenticator.type)}
        audit.record(user.actor, operation, f"user {user.pk}", details)


def _refused(*, credentials: Mapping[str, Any], **_: Any) -> None:
    """A password that was wrong. The address that was typed is kept only as the number of the member whose it is."""
    typed = str(credentials.get("email") or credentials.get("username") or "").replace("\x00", "")[:254]
    user = get_user_model().objects.filter(email__iexact=typed).first()
    audit.record(NOBODY, "access.refused", "" if user is None else f"user {user.pk}")
