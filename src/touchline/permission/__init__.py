"""What each person allowed, prefers and may not be sent, exactly as of now."""

from touchline.permission.operations import Permissions, may_contact, permissions
from touchline.permission.reading import KINDS, ROWS, Standing, standing
from touchline.permission.refreshing import compare, current, erase, read_until, rebuild, refresh

__all__ = [
    "KINDS",
    "ROWS",
    "Permissions",
    "Standing",
    "compare",
    "current",
    "erase",
    "may_contact",
    "permissions",
    "read_until",
    "rebuild",
    "refresh",
    "standing",
]
