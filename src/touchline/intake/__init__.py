"""Everything that comes in, by file or by event: read, mapped, checked, recognised, and brought into the ledger once."""

from touchline.intake.blocks import vanished_rows
from touchline.intake.buffer import Accepted, accept, accept_rows, keep, waiting
from touchline.intake.drain import Drained, drain
from touchline.intake.imports import ImportResult, Progress, import_file
from touchline.intake.pending import pending

__all__ = [
    "Accepted",
    "Drained",
    "ImportResult",
    "Progress",
    "accept",
    "accept_rows",
    "drain",
    "import_file",
    "keep",
    "pending",
    "vanished_rows",
    "waiting",
]
