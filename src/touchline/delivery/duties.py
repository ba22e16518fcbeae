"""In: a duty of the worker, and who wants it. Out: one holder at a time. Writes no interactions."""

from __future__ import annotations

from touchline.recognition.staging import execute


def take(duty: str, holder: str, now: int, lasting: int) -> bool:
    """Take or keep a duty until `now` + `lasting` microseconds; False where another holds it."""
    return bool(
        execute(
            "INSERT INTO delivery_lease (duty, holder, until) VALUES (%s, %s, %s) ON CONFLICT (duty) DO UPDATE"
            " SET holder = excluded.holder, until = excluded.until"
            " WHERE delivery_lease.holder = excluded.holder OR delivery_lease.until <= %s",
            [duty, holder, now + lasting, now],
        )
    )


def give_back(duty: str, holder: str) -> None:
    """Let the next one have it at once."""
    execute("DELETE FROM delivery_lease WHERE duty = %s AND holder = %s", [duty, holder])
