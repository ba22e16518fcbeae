"""Who is held out of what: arms, written down once and never drawn again."""

from touchline.assignment.due import GLOBAL, due

__all__ = ["GLOBAL", "due"]
