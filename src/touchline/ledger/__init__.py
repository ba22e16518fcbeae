"""The open table of interactions: append, read, compact, erase; and the snapshots beside it."""

from touchline.ledger.admission import RowsRefused
from touchline.ledger.log import Commit
from touchline.ledger.maintenance import Maintained
from touchline.ledger.memory import MemoryLedger
from touchline.ledger.snapshots import Snapshot, SnapshotKey, Snapshots
from touchline.ledger.table import Ledger

AnyLedger = Ledger | MemoryLedger

__all__ = [
    "AnyLedger",
    "Commit",
    "Ledger",
    "Maintained",
    "MemoryLedger",
    "RowsRefused",
    "Snapshot",
    "SnapshotKey",
    "Snapshots",
]
