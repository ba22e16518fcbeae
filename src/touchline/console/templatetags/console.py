"""In: names, numbers, instants. Out: what the console's templates show of them: icons, the rail, figures. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString, mark_safe
from lucide import _load_icon, _render_icon  # type: ignore[attr-defined] # its templates' tag renders no aria-hidden

from touchline.console import look
from touchline.kernel.errors import FaultsFound
from touchline.kernel.times import format_instant
from touchline.report import figures, line
from touchline.report.markup import Markup
from touchline.team.roles import Right
from touchline.workspace import serving

register = template.Library()


@dataclass(frozen=True)
class Item:
    """One way in the rail.

    name   of the page, as `nav` says which is open
    url    name of its address; a page that has none yet is not shown
    key    after `g`
    right  without which it is not shown
    """

    name: str
    label: str
    icon: str
    url: str
    key: str
    right: Right = Right.SEE


ITEMS: tuple[Item, ...] = (
    Item("today", "Today", "sun", "today", "t"),
    Item("desk", "Desk", "headset", "desk", "d"),
    Item("customers", "Customers", "users", "customers", "c"),
    Item("conversations", "Conversations", "messages-square", "conversations", "v"),
    Item("programmes", "Programmes", "route", "programmes", "r"),
    Item("outbox", "Outbox", "send", "outbox", "o"),
    Item("gifts", "Gifts", "gift", "gifts", "g"),
    Item("imports", "Imports", "file-up", "imports", "i"),
    Item("playbook", "Playbook", "book-open", "playbook", "b"),
    Item("policies", "Policies", "scale", "policies", "p"),
    Item("proof", "Proof", "flask-conical", "proof", "f"),
    Item("team", "Team", "user-cog", "team", "m", Right.ADMINISTER),
    Item("keys", "Keys", "key-round", "keys", "k", Right.ADMINISTER),
    Item("audit", "Audit", "scroll-text", "audit", "a", Right.ADMINISTER),
)
DOCKED = 4
"""Ways in the bar of a narrow screen, beside `more`."""


@register.simple_tag(takes_context=True)
def ways(context: Context) -> list[dict[str, Any]]:
    """The pages that exist and that this member may see: name, label, icon, href, key."""
    request = context.get("request")
    user = getattr(request, "user", None)
    actor = getattr(user, "actor", None)
    if actor is None:
        return []
    made = []
    for item in ITEMS:
        if not actor.may(item.right):
            continue
        try:
            href = reverse(item.url)
        except NoReverseMatch:
            continue
        made.append({"name": item.name, "label": item.label, "icon": item.icon, "href": href, "key": item.key})
    return made


@register.simple_tag
def sheet_url() -> str:
    """Where the style sheet is."""
    return reverse("style", args=[look.digest()])


@register.simple_tag
def organisation() -> str:
    """The organisation's name, or nothing where no workspace is served."""
    try:
        return str(serving.current().playbook.organisation.name)
    except Exception:
        return ""


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An icon of Lucide, for decoration beside a word."""
    _load_icon(name)
    return mark_safe(_render_icon(name, 16, **{"class": "ic", "aria-hidden": "true", "stroke-width": "1.75"}))  # noqa: S308 - from the package


@register.filter
def may(user: Any, right: str) -> bool:
    """Whether the member may: `{% if user|may:"serve" %}`."""
    actor = getattr(user, "actor", None)
    return actor is not None and actor.may(Right(right))


@register.filter
def drawn(markup: Markup | None) -> SafeString:
    """A drawing of `report`, which has escaped all outside text itself."""
    return mark_safe("" if markup is None else markup.text)  # noqa: S308 - see report/markup.py


@register.filter
def sign_of(mark: Any) -> SafeString:
    """A mark's own sign."""
    return drawn(line.sign_of(mark))


@register.filter
def number(value: float | int | None, decimals: int = 0) -> str:
    """12 345; empty for nothing."""
    return "" if value is None else figures.number(value, decimals)


@register.filter
def signed(value: float | None, decimals: int = 2) -> str:
    """+0.31; empty for nothing."""
    return "" if value is None else figures.signed(value, decimals)


@register.filter
def percent(value: float | None, decimals: int = 1) -> str:
    """0.183 as 18.3 %."""
    return "" if value is None else figures.percent(value, decimals)


@register.filter
def words(name: Any) -> str:
    """A playbook's name as words."""
    return figures.words(str(name or ""))


@register.filter
def tone(reading: float | None) -> str:
    """good-t, bad-t or q: the class of a figure that is a reading."""
    return {"good": "good-t", "bad": "bad-t"}.get(line.tone(reading), "q")


@register.filter
def iso(instant: int | None) -> str:
    """An instant for a `datetime` attribute."""
    return "" if instant is None else format_instant(instant)


def _zone() -> str:
    """The organisation's; UTC while its playbook cannot be read, so that the pages by which it is mended are there."""
    try:
        return serving.current().playbook.organisation.zone
    except FaultsFound:
        return "UTC"


@register.filter
def day(instant: int | None) -> str:
    """18 Nov 2026, in the organisation's zone."""
    return "" if instant is None else figures.date(instant, _zone())


@register.filter
def moment(instant: int | None) -> str:
    """18 Nov 2026, 10:00, in the organisation's zone."""
    return "" if instant is None else figures.date_time(instant, _zone())


@register.filter
def ago(instant: int | None) -> str:
    """`20 days ago`, by the workspace's clock; minutes and hours within a day."""
    if instant is None:
        return ""
    now = serving.current().clock.now()
    if 0 <= now - instant < 20 * 3600 * 1_000_000:
        return f"{figures.duration(now - instant)} ago"
    return figures.ago(instant, now)


@register.filter
def milliseconds(instant: int | None) -> int:
    """Microseconds as a browser counts them."""
    return 0 if instant is None else instant // 1000


@register.filter
def at(mapping: Any, key: Any) -> Any:
    """`row|at:"experience.overall"`: what a mapping has under a name that is not an identifier."""
    return mapping.get(key) if mapping is not None else None
