"""In: a folder and the environment. Out: where everything of one workspace is. Writes no interactions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from touchline.interactions.catalogue import CHANNELS
from touchline.kernel.engines import known
from touchline.kernel.errors import NotAWorkspace, UnknownName

MARKER = "touchline.yaml"

DEFAULT_PUBLIC_URL = "http://localhost:8000"


@dataclass(frozen=True)
class Settings:
    """Where a workspace keeps what.

    root          the folder with touchline.yaml
    ledger        folder or object-store URL of the interactions table
    snapshots     folder of snapshots, beside the ledger
    database_url  `sqlite:///PATH` or `postgresql://…`
    engine        `polars` or `duckdb`
    smtp_url      `smtp://`, `smtp+starttls://` or `smtps://` USER:PASSWORD@HOST:PORT; None: e-mail waits
    webhook_url   where messages of channels that no own sender carries are posted; None: they wait. `webhook_secret`
                  signs them; `webhook_private` allows an address inside the network
    rates         channel -> messages that may be begun in any minute, from TOUCHLINE_RATES (`email=600,sms=60`)
    public_url    where customers reach this workspace's pages: links in messages begin with it
    """

    root: Path
    ledger: str
    snapshots: Path
    database_url: str
    engine: str
    smtp_url: str | None = None
    webhook_url: str | None = None
    webhook_secret: str = ""
    webhook_private: bool = False
    rates: Mapping[str, int] = field(default_factory=dict)
    public_url: str = DEFAULT_PUBLIC_URL

    @property
    def state(self) -> Path:
        """`.touchline/`: everything that Touchline itself writes; never in version control."""
        return self.root / ".touchline"

    @property
    def rejects(self) -> Path:
        """Where rejects files go."""
        return self.state / "rejects"

    @property
    def uploads(self) -> Path:
        """Where files that were brought to the console lie until they are imported, a folder each."""
        return self.state / "uploads"

    @property
    def decisions(self) -> Path:
        """Where the runs of `decide` are kept, one Parquet file each."""
        return self.state / "decisions"

    @property
    def letters(self) -> Path:
        """Where letters wait for the printer, a folder a batch with its manifest."""
        return self.state / "letters"

    @property
    def world(self) -> Path:
        """Where a rehearsed world keeps its people and its clock; it is there only in such a workspace."""
        return self.state / "world"


def find(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds touchline.yaml; raises NotAWorkspace."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / MARKER).is_file():
            return folder
    raise NotAWorkspace(f"no {MARKER} in {start} or above it")


def rates_of(text: str) -> dict[str, int]:
    """`email=600,sms=60` as channel -> messages a minute; raises UnknownName for anything else."""
    found: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        channel, _, number = part.partition("=")
        if channel.strip() not in CHANNELS or not number.strip().isdecimal() or int(number) < 1:
            raise UnknownName(
                f"rate {part[:40]!r} in TOUCHLINE_RATES",
                remedy=f"Write CHANNEL=MESSAGES_A_MINUTE, parted by commas; channels are {', '.join(CHANNELS)}.",
            )
        found[channel.strip()] = int(number)
    return found


def settings_for(directory: str | Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of DIR, else of TOUCHLINE_WORKSPACE, else of the nearest workspace from the current folder upwards.

    Raises NotAWorkspace, and UnknownName where TOUCHLINE_ENGINE names no engine.
    """
    named = directory or environment.get("TOUCHLINE_WORKSPACE")
    if named:
        root = Path(named).resolve()
        if not (root / MARKER).is_file():
            raise NotAWorkspace(f"no {MARKER} in {root}")
    else:
        root = find(Path.cwd())
    state = root / ".touchline"
    return Settings(
        root=root,
        ledger=environment.get("TOUCHLINE_LEDGER") or str(state / "ledger"),
        snapshots=state / "snapshots",
        database_url=environment.get("DATABASE_URL") or f"sqlite:///{state / 'touchline.sqlite'}",
        engine=known(environment.get("TOUCHLINE_ENGINE") or "polars"),
        smtp_url=environment.get("TOUCHLINE_SMTP_URL") or None,
        webhook_url=environment.get("TOUCHLINE_WEBHOOK_URL") or None,
        webhook_secret=environment.get("TOUCHLINE_WEBHOOK_SECRET") or "",
        rates=rates_of(environment.get("TOUCHLINE_RATES") or ""),
        webhook_private=environment.get("TOUCHLINE_WEBHOOK_PRIVATE") == "yes",
        public_url=(environment.get("TOUCHLINE_PUBLIC_URL") or DEFAULT_PUBLIC_URL).rstrip("/"),
    )
