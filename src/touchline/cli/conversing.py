"""In: a command line. Out: what was said, what waits, what it changed, on standard output. Writes no interactions itself: its verbs do."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from touchline.cli import output, progress, telling
from touchline.cli.session import AsOfOption, JsonOption, WorkspaceOption, faults, instant, open_workspace
from touchline.workspace import stopping
from touchline.workspace.stopping import StopFault

calls = typer.Typer(help="Calls that people have to make: list them, close one with its outcome.", no_args_is_help=True)
gifts = typer.Typer(help="Pools of gift codes: what is left, and a code that was used.", no_args_is_help=True)


def install(app: typer.Typer) -> None:
    """Add these commands to the terminal."""
    for command in (run, world, proof, preview, outbox, stop, resume):
        app.command()(command)
    app.add_typer(calls, name="calls")
    app.add_typer(gifts, name="gifts")


def run(
    workspace: WorkspaceOption = None,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="End when nothing is left to do; else run until it is stopped.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run the loop: drain, refresh, decide, reserve, say. Stopping and starting it again loses and repeats nothing."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with faults(json), progress.shown() as tell:
            done = open_workspace(workspace).run(until_idle=until_idle, tell=tell, stop=lambda: bool(asked))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    output.emit(done.as_dict()) if json else telling.ran(done.as_dict())


def world(
    workspace: WorkspaceOption = None,
    customers: Annotated[int, typer.Option(min=10, help="How many customers the company has.")] = 20_000,
    days: Annotated[int, typer.Option(min=30, help="Days of history.")] = 548,
    seed: Annotated[int, typer.Option(help="The same seed makes the same company.")] = 7,
    forward: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Live so many days on in step with the worker; its people answer what is sent.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Fill a `warranty` workspace with a synthetic company, or let it live on."""
    with faults(json), progress.shown() as tell:
        opened = open_workspace(workspace)
        result = (
            opened.fill_world(customers=customers, days=days, seed=seed, tell=tell)
            if forward is None
            else opened.forward_world(forward, tell=tell)
        )
    output.emit(result) if json else telling.lived(result)


def proof(
    workspace: WorkspaceOption = None,
    programme: Annotated[str | None, typer.Option(help="Only this programme.", show_default=False)] = None,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Prove what each programme changed, against its control, by intention to treat."""
    with faults(json):
        result = open_workspace(workspace).proof(programme, as_of=instant(as_of))
    output.emit(result) if json else telling.proven(result)


def preview(
    conversation: Annotated[str, typer.Argument(help="The conversation.")],
    customer: Annotated[str, typer.Option(help="A customer's number or any identifier of theirs.")],
    channel: Annotated[
        str | None, typer.Option(help="One of its channels; else the first.", show_default=False)
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="One of its variants; else the first.", show_default=False)
    ] = None,
    language: Annotated[str | None, typer.Option(help="Else the customer's.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the e-mail's HTML or the letter's PDF here.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show a message as this customer would read it, or what is missing. Nothing is sent or kept."""
    with faults(json):
        seen = open_workspace(workspace).preview(
            conversation, customer, channel=channel, variant=variant, language=language, out=out
        )
    output.emit(seen) if json else telling.previewed(seen)


def outbox(
    workspace: WorkspaceOption = None,
    state: Annotated[str | None, typer.Option(help="Only messages in this state.", show_default=False)] = None,
    json: JsonOption = False,
) -> None:
    """List messages: state and why; newest first."""
    with faults(json):
        opened = open_workspace(workspace)
        found, counts = opened.messages(state), opened.message_counts()
    output.emit({"counts": counts, "messages": found.to_dicts()}) if json else telling.outbox(found, counts)


def stop(
    conversation: Annotated[
        str | None,
        typer.Argument(help="A conversation. Without anything named, what is stopped is listed.", show_default=False),
    ] = None,
    programme: Annotated[str | None, typer.Option(help="Whatever a programme's steps say.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that goes out but what is owed.")] = False,
    service_too: Annotated[
        bool, typer.Option("--service-too", help="With --all: what is owed as well, service and recovery.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Stop at once what goes out; what waits is held until `touchline resume`."""
    with faults(json):
        opened = open_workspace(workspace)
        meant = _meant(conversation, programme, everything=everything or service_too)
        news = meant is not None and opened.stop_sending(*meant, service_too=service_too)
        found = [stopping.told(one) for one in opened.stops()]
    output.emit({"stopped": news, "stops": found}) if json else telling.stopped(found, news=news)


def resume(
    conversation: Annotated[str | None, typer.Argument(help="A conversation.", show_default=False)] = None,
    programme: Annotated[str | None, typer.Option(help="A programme.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="What `stop --all` stopped.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Let go on what was stopped, with what waits for it."""
    with faults(json):
        meant = _meant(conversation, programme, everything=everything)
        if meant is None:
            raise StopFault(
                "nothing is named",
                remedy="Name a conversation, --programme NAME or --all; `touchline stop` lists them.",
            )
        opened = open_workspace(workspace)
        news = opened.resume_sending(*meant)
        found = [stopping.told(one) for one in opened.stops()]
    if json:
        output.emit({"resumed": news, "stops": found})
        return
    output.say("It goes on." if news else "It was not stopped.")
    telling.stopped(found, news=False)


def _meant(conversation: str | None, programme: str | None, *, everything: bool) -> tuple[str, str] | None:
    """Sort and name of the one thing that is named; None where nothing is. Raises StopFault for several."""
    named = [("conversation", conversation), ("programme", programme), ("all", "" if everything else None)]
    told = [(sort, name) for sort, name in named if name is not None]
    if len(told) > 1:
        raise StopFault("several are named", remedy="Name a conversation, or --programme NAME, or --all.")
    return told[0] if told else None


@calls.command("list")
def list_calls(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Calls to make, the most urgent first: who, why, what happened before, what to say, what not to ask again."""
    with faults(json):
        tasks = open_workspace(workspace).calls()
    output.emit({"calls": tasks}) if json else telling.calls(tasks)


@calls.command("close")
def close_call(
    task: Annotated[int, typer.Argument(help="The task's number.")],
    outcome: Annotated[str, typer.Option(help="reached, no_answer, wrong_number or declined.")],
    note: Annotated[str, typer.Option(help="What was said.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Close a call with what came of it."""
    with faults(json):
        open_workspace(workspace).close_call(task, outcome, note)
    output.emit({"task": task, "outcome": outcome}) if json else output.say(f"Task {task} is closed: {outcome}.")


@gifts.command("list")
def list_gifts(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Pools: codes left, given and used, and what they were worth."""
    with faults(json):
        pools = open_workspace(workspace).gift_pools()
    output.emit({"pools": pools}) if json else telling.gifts(pools)


@gifts.command("redeem")
def redeem_gift(
    pool: Annotated[str, typer.Argument(help="The pool.")],
    code: Annotated[str, typer.Argument(help="The code that was used.")],
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Record that a gift code was used; a second time changes nothing."""
    with faults(json):
        news = open_workspace(workspace).redeem(pool, code)
    output.emit({"pool": pool, "redeemed": news}) if json else output.say(
        "Recorded." if news else "That was recorded already."
    )
