"""In: what the program's parts say. Out: one JSON object a line on standard error, without personal data. Writes no interactions.

Of another library's message only the template is kept, and of a fault its type and where it happened: what was filled in may be
somebody's address.
"""

from __future__ import annotations

import json
import logging
import logging.config
import traceback
from datetime import UTC, datetime
from pathlib import Path

OWN = ("touchline", "_granian")
"""Loggers whose messages are known to name nobody."""
FIELDS = ("route", "method", "status", "ms", "user", "fault", "turns", "process", "code", "seconds")
"""What may be said beside the message."""
_DEEPEST = 12


class Lines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """`at`, `level`, `logger`, `message`, the FIELDS that were given, and of a fault `fault` and `where`."""
        own = record.name.partition(".")[0] in OWN
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": (record.getMessage() if own else str(record.msg)).partition("\n")[0],
        }
        told.update(
            {
                name: getattr(record, name)
                for name in FIELDS
                if getattr(record, name, None) is not None and name != "process"
            }
        )
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            told["fault"] = kind.__name__
            told["where"] = [
                f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(trace)[-_DEEPEST:]
            ]
        return json.dumps(told, ensure_ascii=False, default=str)


def configuration(level: str = "INFO") -> dict[str, object]:
    """The whole of logging, for `dictConfig`; Django's own loggers quote paths, and `watching` says the same without."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": Lines}},
        "handlers": {
            "lines": {"class": "logging.StreamHandler", "formatter": "lines", "stream": "ext://sys.stderr"},
            "nowhere": {"class": "logging.NullHandler"},
        },
        "root": {"handlers": ["lines"], "level": "WARNING"},
        "loggers": {
            "touchline": {"handlers": ["lines"], "level": level, "propagate": False},
            "_granian": {"handlers": ["lines"], "level": "WARNING", "propagate": False},
            "granian.access": {"handlers": ["nowhere"], "level": "CRITICAL", "propagate": False},
            "django": {"handlers": ["nowhere"], "level": "ERROR", "propagate": False},
        },
    }


def configure() -> None:
    """Log as a service does, from now on."""
    logging.config.dictConfig(configuration())
