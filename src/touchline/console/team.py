"""In: a workspace. Out: who may work here, what they may do, who was asked to join. Writes no interactions.

A link that lets somebody in is shown once, on the page that answers its making; nothing keeps it.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console.answering import answers, done
from touchline.report import figures
from touchline.team import audit
from touchline.team.invitations import Invited
from touchline.team.members import TeamFault
from touchline.team.roles import Right, Role
from touchline.workspace.opened import Workspace

MEANS = {
    Role.VIEWER: "looks at everything",
    Role.AGENT: "serves customers: desk, calls, permissions, who is who",
    Role.MARKETER: "what an agent may, conversations, messages, imports, exports",
    Role.ADMIN: "everything, with team, keys, audit and erasure",
}
"""What each role is for, in a line."""


@answers(Right.ADMINISTER)
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page."""
    return _page(request, ws)


@answers(Right.ADMINISTER)
@require_POST
def invite(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Ask somebody to join, and show the link; what is wrong stands beside the field, with what was typed."""
    told = {name: request.POST.get(name, "").replace("\x00", "")[:254] for name in ("email", "role", "name")}
    try:
        made = ws.invite(told["email"], told["role"], name=told["name"])
    except TeamFault as fault:
        return _page(request, ws, told=told, fault=fault, status=400)
    return _page(request, ws, made=made)


@answers(Right.ADMINISTER)
@require_POST
def withdraw(request: HttpRequest, ws: Workspace, invitation: int) -> HttpResponse:
    """Take an invitation back."""
    ended = ws.withdraw_invitation(invitation)
    return done(request, reverse("team"), "The link opens nothing any more." if ended else "It had ended already.")


@answers(Right.ADMINISTER)
@require_POST
def reset(request: HttpRequest, ws: Workspace, member: int) -> HttpResponse:
    """Let a member set a new password, and show the link."""
    return _page(request, ws, made=ws.reset_password(member))


@answers(Right.ADMINISTER)
@require_POST
def role(request: HttpRequest, ws: Workspace, member: int) -> HttpResponse:
    """Give a member another role; where nobody would be left to administer, say so and change nothing."""
    try:
        user = ws.set_role(member, request.POST.get("role", ""))
    except TeamFault as fault:
        return _page(request, ws, fault=fault, status=400)
    return done(request, reverse("team"), f"{user.name or user.email} is {user.role} from now on.")


@answers(Right.ADMINISTER)
@require_POST
def active(request: HttpRequest, ws: Workspace, member: int) -> HttpResponse:
    """Let a member in or out."""
    let_in = request.POST.get("active") == "yes"
    try:
        user = ws.set_active(member, active=let_in)
    except TeamFault as fault:
        return _page(request, ws, fault=fault, status=400)
    name = user.name or user.email
    if let_in:
        return done(request, reverse("team"), f"{name} may sign in again, once they have set a new password.")
    return done(request, reverse("team"), f"{name} is signed out and cannot sign in.")


def _page(
    request: HttpRequest,
    ws: Workspace,
    *,
    made: Invited | None = None,
    told: dict[str, str] | None = None,
    fault: TeamFault | None = None,
    status: int = 200,
) -> HttpResponse:
    members = ws.team()
    inside = [one for one in members if one.is_active]
    open_ = ws.invitations()
    now = audit.now()
    context: dict[str, Any] = {
        "nav": "team",
        "members": members,
        "answer": _answer(len(inside), sum(one.role == Role.ADMIN.value for one in inside), len(open_)),
        "invitations": [(one, figures.duration(max(0, one.expires_at - now))) for one in open_],
        "roles": [(one.value, words) for one, words in MEANS.items()],
        "made": made,
        "link": None if made is None else ws.invitation_link(made),
        "told": told or {"role": Role.AGENT.value},
        "fault": fault,
    }
    answer = render(request, "console/team.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def _answer(inside: int, admins: int, open_: int) -> str:
    people = "1 person works here" if inside == 1 else f"{figures.number(inside)} people work here"
    asked = f"; {figures.plural(open_, 'invitation')} not taken up yet" if open_ else ""
    return f"{people}, {figures.plural(admins, 'admin')} among them{asked}"


urlpatterns = [
    path("team/", show, name="team"),
    path("team/invite", invite, name="team-invite"),
    path("team/invitations/<int:invitation>/withdraw", withdraw, name="team-withdraw"),
    path("team/<int:member>/reset", reset, name="team-reset"),
    path("team/<int:member>/role", role, name="team-role"),
    path("team/<int:member>/active", active, name="team-active"),
]
