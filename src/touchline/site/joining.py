"""In: the link of an invitation. Out: the page on which its receiver sets name and password, once. Writes no interactions."""

from __future__ import annotations

from typing import Any

from allauth.core.internal import ratelimit
from django import forms
from django.conf import settings
from django.contrib.auth import login, password_validation
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from touchline.team import invitations
from touchline.team.invitations import FIRST, RESET, InvitationFault
from touchline.team.members import LONGEST_NAME, TeamFault
from touchline.team.models import Invitation, User

_RATE = {"join": "20/m/ip"}


class Joining(forms.Form):
    """What a new member tells; who they are is the invitation's to say, but for the first admin."""

    email = forms.EmailField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    name = forms.CharField(
        label="Your name", max_length=LONGEST_NAME, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    password = forms.CharField(
        label="Password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 10 characters, not only digits, none of the common ones.",
    )

    def __init__(self, invitation: Invitation, data: Any = None) -> None:
        super().__init__(data, initial={"name": invitation.name})
        self._invitation = invitation
        if invitation.purpose != FIRST:
            del self.fields["email"]
        if invitation.purpose == RESET:
            del self.fields["name"]

    def clean(self) -> dict[str, Any]:
        """Check the password against the rules, and against who they are."""
        told = super().clean() or {}
        whose = User(email=told.get("email", self._invitation.email), name=told.get("name", self._invitation.name))
        if "password" in told:
            try:
                password_validation.validate_password(told["password"], whose)
            except ValidationError as fault:
                self.add_error("password", fault)
        return told


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form; take the invitation up."""
    if not ratelimit.consume(request, app="touchline", action="join", config=_RATE, limit_get=True):
        return ratelimit.respond_429(request)
    try:
        invitation = invitations.read(token)
    except InvitationFault as fault:
        return render(request, "account/join_over.html", {"what": fault.detail, "remedy": fault.how}, status=410)
    form = Joining(invitation, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            user = invitations.take_up(
                token, name=told.get("name", ""), password=told["password"], email=told.get("email", "")
            )
        except InvitationFault as fault:
            return render(request, "account/join_over.html", {"what": fault.detail, "remedy": fault.how}, status=410)
        except TeamFault as fault:
            form.add_error(None, f"{fault.detail}. {fault.how}")
        else:
            if invitation.purpose == RESET:  # they may have a second factor, which the link does not stand for
                return redirect("account_login")
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            return redirect(settings.LOGIN_REDIRECT_URL)
    return render(
        request, "account/join.html", {"form": form, "invitation": invitation}, status=400 if form.errors else 200
    )
