"""In: a command line. Out: the service, its keys and its team, changed and told of. Writes no interactions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from touchline.cli import output
from touchline.cli.session import JsonOption, WorkspaceOption, faults, open_workspace
from touchline.kernel.times import format_instant

keys = typer.Typer(help="Machines' keys: make one, list them, end one.", no_args_is_help=True)
team = typer.Typer(help="Who works here: invite, list, change roles, let in and out.", no_args_is_help=True)


class Up(Protocol):
    """How the service is started; the composition root hands it over."""

    def __call__(
        self, directory: Path | None, *, host: str, port: int, workers: int, worker: bool, say: Callable[[str], None]
    ) -> None: ...


_up: list[Up] = []


def install(app: typer.Typer) -> None:
    """Add these commands to the terminal."""
    app.command()(up)
    app.add_typer(keys, name="keys")
    app.add_typer(team, name="team")


def serve_with(starts: Up) -> None:
    """How `touchline up` starts the service; called once by the composition root."""
    _up[:] = [starts]


def up(
    workspace: WorkspaceOption = None,
    host: Annotated[
        str, typer.Option(help="The address to listen at; 0.0.0.0: at all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen at.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Web processes; more than one needs PostgreSQL.")] = 1,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Pages and intake only; `touchline run` runs the loop elsewhere.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Serve the workspace: intake, console, customers' pages, and the loop. Ctrl-C ends all of it."""
    say = (lambda text: output.notes.print(text, markup=False, soft_wrap=True)) if json else output.say
    with faults(json):
        _up[0](workspace, host=host, port=port, workers=workers, worker=not no_worker, say=say)


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="What uses it: the shop, the till, the app.")],
    scope: Annotated[
        str,
        typer.Option(
            help="`write` (sends events), `read` (reads customers and `/metrics`), `next` (asks what to say now) or `serve` (that, notices and consents)."
        ),
    ],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Make a key, and show it this once."""
    with faults(json):
        made = open_workspace(workspace).create_key(name, scope)
    if json:
        output.emit({"name": made.name, "scope": made.scope, "key": made.key})
        return
    output.say(made.key)
    output.notes.print("Keep it now: only its digest is stored, and nobody can show it again.", style="dim")


@keys.command("list")
def list_keys(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List keys, without themselves."""
    with faults(json):
        found = [
            {
                "id": key.pk, "name": key.name, "scope": key.scope, "begins": key.hint, "made_by": key.made_by,
                "made_at": format_instant(key.made_at), "last_used_at": _instant(key.last_used_at),
                "revoked_at": _instant(key.revoked_at),
            }
            for key in open_workspace(workspace).machine_keys()
        ]  # fmt: skip
    if json:
        output.emit({"keys": found})
    else:
        _table(found, "No keys yet: `touchline keys create --name shop --scope write`.")


@keys.command("revoke")
def revoke_key(
    key: Annotated[int, typer.Argument(help="The key's number, as `keys list` shows it.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """End a key: within seconds it is refused everywhere."""
    with faults(json):
        news = open_workspace(workspace).revoke_key(key)
    output.emit({"id": key, "revoked": news}) if json else output.say("Ended." if news else "It had ended already.")


@team.command("list")
def list_team(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List members, and invitations that are open."""
    with faults(json):
        opened = open_workspace(workspace)
        members = [
            {"id": one.pk, "email": one.email, "name": one.name, "role": one.role, "active": one.is_active}
            for one in opened.team()
        ]
        invited = [
            {"id": one.pk, "email": one.email, "role": one.role, "purpose": one.purpose, "by": one.invited_by,
             "until": format_instant(one.expires_at)}
            for one in opened.invitations()
        ]  # fmt: skip
    if json:
        output.emit({"members": members, "invitations": invited})
        return
    _table(members, "Nobody yet: `touchline team invite EMAIL --role admin`.")
    if invited:
        output.say("\nInvited:")
        _table(invited, "")


@team.command("invite")
def invite(
    email: Annotated[str, typer.Argument(help="Whom.")],
    role: Annotated[str, typer.Option(help="viewer, agent, marketer or admin.")],
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Ask somebody to join, and show their link this once; it holds 7 days."""
    with faults(json):
        opened = open_workspace(workspace)
        made = opened.invite(email, role, name=name)
        link = opened.invitation_link(made)
    output.emit(
        {"invitation": made.id, "email": made.email, "role": made.role.value, "link": link, "mailed": made.mailed}
    ) if json else (output.say(link))


@team.command("reset")
def reset(
    who: Annotated[str, typer.Argument(help="The member's e-mail address.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Let a member set a new password, and show the link this once; it holds 7 days."""
    with faults(json):
        opened = open_workspace(workspace)
        link = opened.invitation_link(opened.reset_password(who))
    output.emit({"link": link}) if json else output.say(link)


@team.command("role")
def role(
    who: Annotated[str, typer.Argument(help="The member's e-mail address.")],
    role: Annotated[str, typer.Argument(help="viewer, agent, marketer or admin.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Give a member another role."""
    with faults(json):
        user = open_workspace(workspace).set_role(who, role)
    output.emit({"id": user.pk, "role": user.role}) if json else output.say(f"{user} is {user.role} now.")


@team.command("remove")
def remove(
    who: Annotated[str, typer.Argument(help="The member's e-mail address.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Let a member out: signed out at once, and no way in. What they did stays in the audit."""
    with faults(json):
        user = open_workspace(workspace).set_active(who, active=False)
    output.emit({"id": user.pk, "active": False}) if json else output.say(f"{user} is out.")


def _instant(at: int | None) -> str | None:
    return None if at is None else format_instant(at)


def _table(found: list[dict[str, Any]], nothing: str) -> None:
    if found:
        output.rows(list(found[0]), [list(one.values()) for one in found])
    else:
        output.say(nothing)
