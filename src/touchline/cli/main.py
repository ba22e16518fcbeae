"""In: a command line. Out: a verb's result on standard output and an exit code. Writes no interactions itself: its verbs do."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from touchline import playbook
from touchline.cli import conversing, output, progress, serving, shown
from touchline.cli.session import (
    FAULTS_FOUND,
    AsOfOption,
    JsonOption,
    WorkspaceOption,
    faults,
    instant,
    open_workspace,
    opener,
)
from touchline.workspace import authoring
from touchline.workspace.settings import settings_for

app = typer.Typer(
    name="touchline",
    help="Every touchpoint between you and a customer on one line; what they lived; the right next conversation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def itself(
    version: Annotated[bool, typer.Option("--version", help="Say name and version.")] = False,
    json: Annotated[bool, typer.Option("--json", help="With --version: one JSON object.")] = False,
) -> None:
    """Say what is asked of Touchline itself; everything else is asked of a command."""
    if version:
        name, number = "touchline", metadata.version("touchline")
        output.emit({"name": name, "version": number}) if json else output.say(f"{name} {number}")
        raise typer.Exit
    if json:
        raise typer.BadParameter("it stands behind the command, as in `touchline check --json`", param_hint="--json")


people = typer.Typer(help="Who is who: put two customers together, or take a wrong merge apart.", no_args_is_help=True)
app.add_typer(people, name="people")


@app.command()
def new(
    directory: Annotated[Path, typer.Argument(help="A folder that does not exist yet, or is empty.")],
    template: Annotated[str, typer.Option(help="`blank`, `retail` or `warranty`.")] = "blank",
    json: JsonOption = False,
) -> None:
    """Make a workspace."""
    with faults(json):
        made = playbook.new(directory, template)
        if json:
            output.emit({"workspace": str(made.resolve()), "template": template})
            return
        output.say(f"Made {made} from template {template}.")
        name = playbook.load(made).organisation.name
        output.say(
            f"It is called {name} until you edit touchline.yaml: organisation, zone, currency, languages, brands."
        )
        output.say(
            "Then playbook/touchpoints.yaml: your channels, departments and touchpoints, in place of the template's."
        )
        then = "touchline world" if template == "warranty" else "touchline import FILE --as NAME"
        output.say(f"Next: cd {directory}; touchline check; {then}", "dim")


@app.command()
def check(
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
    schemas: Annotated[
        Path | None, typer.Option(help="Also write the JSON Schemas for editors into this folder.", show_default=False)
    ] = None,
) -> None:
    """Say every fault of the playbook: file, line, what, remedy."""
    with faults(json):
        settings = settings_for(workspace)
        root = settings.root
        if schemas is not None:
            playbook.export_schemas(schemas)
        found = authoring.check(root)
        holding = [] if found else authoring.holding(root)
        gone = authoring.gone(open_workspace(workspace)) if not found and settings.state.exists() else []
        if json:
            told = {"may_hold": [vars(one) for one in holding], "gone": [vars(one) for one in gone]}
            output.emit({"faults": [vars(fault) for fault in found], **told})
        elif found:
            shown.faults(found)
        else:
            shown.sound(playbook.load(root), holding, gone)
        if found:
            raise typer.Exit(FAULTS_FOUND)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, Parquet or NDJSON, as the import says.")],
    as_: Annotated[str, typer.Option("--as", metavar="NAME", help="The import of playbook/imports that reads them.")],
    workspace: WorkspaceOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read and check everything, say what would be rejected and why, and write nothing."
        ),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Bring files in. The same file again adds nothing; an interrupted import is finished by running it again."""
    with faults(json), progress.shown() as tell:
        result = open_workspace(workspace).import_files(files, as_, dry_run=dry_run, tell=tell)
    output.emit(result) if json else shown.imported(result, dry_run)


@app.command()
def relationships(
    workspace: WorkspaceOption = None,
    customer: Annotated[
        str | None, typer.Option(help="A customer's number or any identifier of theirs.", show_default=False)
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="COND", help="A condition, as in audiences: \"stage = 'active'\".", show_default=False),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Measures, for example stage,experience.overall.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to FILE.csv or FILE.parquet.", show_default=False)] = None,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Show where each relationship stands, now or at an instant."""
    with faults(json), progress.shown():
        opened = open_workspace(workspace)
        wanted = (
            [name for each in columns.split(",") if (name := each.strip()) not in ("", "customer")] if columns else None
        )
        shows_table = out is None and not json and customer is None
        asked = opened.summary_measures() if wanted is None and shows_table else wanted
        frame = opened.relationships_table(as_of=instant(as_of), customer=customer, where=where, measures=asked)
        if out is not None:
            opened.export(frame, out)
    if json:
        output.emit({"customers": frame.height} if out else {"customers": frame.height, "rows": frame.to_dicts()})
    elif out is not None:
        output.say(f"{frame.height:,} customers written to {out}.")
    else:
        shown.relationships(frame, wanted, opened.summary_measures())


@app.command()
def decide(
    workspace: WorkspaceOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide, and write nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the proposals to FILE.csv or FILE.parquet.", show_default=False)
    ] = None,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Decide for everybody: who would hear what, and who is held by which policy."""
    with faults(json), progress.shown():
        opened = open_workspace(workspace)
        decided = opened.decide(as_of=instant(as_of), dry_run=dry_run)
        if out is not None:
            opened.export(decided.proposals, out)
    output.emit(decided.summary) if json else shown.decided(decided.summary, dry_run)


@app.command()
def explain(
    customer: Annotated[str, typer.Argument(help="A customer's number or any identifier of theirs.")],
    conversation: Annotated[
        str | None, typer.Option(help="Only this conversation, offered or not.", show_default=False)
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Say of those not offered, too, why they are not.")] = False,
    workspace: WorkspaceOption = None,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Say of every candidate whether it may go, what each policy answers and on which facts, and its priority."""
    everything = all_ or json or conversation is not None
    with faults(json):
        explained = open_workspace(workspace).explain(
            customer, conversation=conversation, as_of=instant(as_of), everything=everything
        )
    output.emit(explained) if json else shown.explained(explained)


@app.command()
def verify(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Rebuild everything from the ledger and compare it with what is served."""
    with faults(json), progress.shown() as tell:
        report = open_workspace(workspace).verify(tell=tell)
    output.emit(report) if json else shown.verified(report)
    if report["faults"]:
        raise typer.Exit(FAULTS_FOUND)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over interactions, relationships and decisions.")],
    workspace: WorkspaceOption = None,
    out: Annotated[Path | None, typer.Option(help="Write to FILE.csv or FILE.parquet.", show_default=False)] = None,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the open tables, read only."""
    with faults(json):
        opened = open_workspace(workspace)
        frame = opened.sql(query, as_of=instant(as_of))
        if out is not None:
            opened.export(frame, out)
    if json:
        output.emit({"rows": frame.height} if out else {"rows": frame.to_dicts()})
    elif out is not None:
        output.say(f"{frame.height:,} rows written to {out}.")
    else:
        output.frame(frame)


@people.command()
def merge(
    ids: Annotated[list[str], typer.Argument(help="Two or more customers, by number or identifier.")],
    why: Annotated[str, typer.Option(help="The reason, kept as evidence.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Make several customers one; `people split` undoes it."""
    with faults(json):
        result = open_workspace(workspace).merge(ids, why=why)
    output.emit(result) if json else output.say(
        f"Customers {', '.join(map(str, result['merged']))} are now customer {result['customer']}."
    )


@people.command()
def split(
    ids: Annotated[list[str], typer.Argument(help="Personas to part from their customer, by number or identifier.")],
    why: Annotated[str, typer.Option(help="The reason, kept as evidence.")] = "",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Take a wrong merge apart; the rule does not join the same two again."""
    with faults(json):
        result = open_workspace(workspace).split(ids, why=why)
    output.emit(result) if json else output.say(f"Parted: now customers {', '.join(map(str, result['customers']))}.")


@people.command()
def export(
    ids: Annotated[list[str], typer.Argument(help="Customers, by number or identifier.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Write to FILE.json, or one customer as a page to FILE.html.", show_default=False),
    ] = None,
    language: Annotated[str, typer.Option(help="Of the page: `en` or `de`.")] = "en",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Hand out everything that is known of a person."""
    with faults(json):
        result = open_workspace(workspace).export_people(ids, out=out, language=language)
    if out is None:
        output.emit(result)
    elif json:
        output.emit({"customers": [one["customer"] for one in result["people"]], "out": str(out)})
    else:
        output.say(f"Written to {out}. It holds everything about them: hand it over, then delete it.")


@people.command()
def erase(
    ids: Annotated[list[str], typer.Argument(help="Customers, by number or identifier.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    forget_address: Annotated[
        bool,
        typer.Option("--forget-address", help="Keep no digest of the addresses: whoever imports them may write again."),
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a person from everywhere; nothing of this goes back."""
    if not yes and not json:
        typer.confirm(f"Erase {', '.join(ids)} from ledger, files and database for good?", abort=True, err=True)
    with faults(json):
        result = open_workspace(workspace).erase_people(ids, suppress=not forget_address)
    output.emit(result) if json else shown.erased(result)


conversing.install(app)
serving.install(app)


@app.command()
def bench(
    name: Annotated[
        str | None, typer.Argument(help="One benchmark, for example B4; else all.", show_default=False)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="At the largest size.")] = False,
    json: JsonOption = False,
) -> None:
    """Measure: one JSON line a benchmark, its reference measured in the same run."""
    from touchline.benchmarks.catalogue import run_all

    with faults(json):
        for figures in run_all(opener(), name, full=full):
            output.emit(figures) if json or name is None else shown.measured(figures)


@app.command()
def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="End after the report.")] = False,
    directory: Annotated[Path, typer.Option(help="Where the demonstration company is built.")] = Path("demo"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the console is served afterwards.")] = 8000,
    customers: Annotated[int, typer.Option(help="How many customers it has.")] = 20_000,
    company: Annotated[str, typer.Option(help="`warranty`, which lives on under the loop, or `retail`.")] = "warranty",
    days: Annotated[int, typer.Option(help="Days that the warranty company lives on under the loop.")] = 91,
    seed: Annotated[int, typer.Option(help="The same seed makes the same company.")] = 7,
    json: JsonOption = False,
) -> None:
    """Build the demonstration company, let it live under the loop, write a report to look at, and serve its console."""
    from touchline.workspace.demonstration import demonstrate

    with faults(json), progress.shown() as tell:
        result = demonstrate(
            directory, open_workspace, customers=customers, seed=seed, company=company, days=days, tell=tell
        )
    output.emit(result) if json else shown.demonstrated(result)
    if exit_ or json:
        return
    output.say(f"Open {result['report']} in a browser, and look around in the console:")
    serving.up(directory, port=port)
