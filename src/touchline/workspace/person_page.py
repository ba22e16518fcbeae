"""In: what is known of a customer. Out: the same as one self-contained HTML page, to keep. Writes no interactions.

Without script and without anything from outside; every text from outside is escaped where it enters.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from touchline.kernel.errors import UnknownName
from touchline.playbook.compiled import Playbook
from touchline.workspace import sentences
from touchline.workspace.known import Known, known

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

_STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1b2125;--soft:#566067;--rule:#dcd8ce}
@media (prefers-color-scheme:dark){:root{--paper:#13171a;--ink:#e8e5de;--soft:#a3acb1;--rule:#2d3438}}
body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:2rem 1rem}
h1{font-size:1.75rem;line-height:1.2}h2{font-size:1.25rem;border-top:1px solid var(--rule);padding-top:1rem;margin-top:2rem}
h3{font-size:1rem;margin:1.25rem 0 .25rem}time,dt,.soft{color:var(--soft);font-size:.875rem}ul{list-style:none;padding:0;margin:0}li{margin:.35rem 0}
dl{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.35rem 1rem;margin:0}dd{margin:0;overflow-wrap:anywhere}
q{font-family:Georgia,serif;quotes:none}blockquote{margin:.25rem 0 .25rem 1rem;font-family:Georgia,serif;overflow-wrap:anywhere}
"""


def page(about: Known, playbook: Playbook, language: str = "en") -> str:
    """The page, in a language that the customers' pages speak."""
    with override(language):
        told = sentences.told(about, playbook)
        name = playbook.organisation.name
        title = _("What {organisation} knows about you").format(organisation=name)
        zone = playbook.organisation.zone
        parts = [
            _list(_("What you allowed"), told.allowed),
            _list(_("Your wishes"), told.wishes),
            _facts(_("What you told us about yourself"), told.traits),
            _facts(_("How we recognise you"), told.who),
            _happened(told.groups),
            _list(_("What we gather from it"), told.derived),
        ]
        return format_html(
            '<!doctype html><html lang="{}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
            "<title>{}</title><style>{}</style></head><body><main><h1>{}</h1><p>{}</p>"
            '<p class="soft">{}</p>{}</main></body></html>\n',
            get_language() or language,
            title,
            mark_safe(_STYLE),  # noqa: S308 - this module's own text
            title,
            told.answer,
            _("As of {day}.").format(day=sentences.day(about.as_of, zone)),
            format_html_join("", "{}", ((part,) for part in parts)),
        )


def hand_out(workspace: Workspace, people: Sequence[Mapping[str, Any]], path: Path, language: str) -> None:
    """Write exported people to FILE.json, or one of them to FILE.html, readable by nobody but the file's owner; raises UnknownName."""
    suffix = path.suffix.lower()
    if suffix == ".html" and len(people) == 1:
        text = page(known(workspace, int(people[0]["customer"])), workspace.playbook, language)
    elif suffix == ".json":
        text = json.dumps({"people": people}, ensure_ascii=False, indent=1, default=str) + "\n"
    else:
        raise UnknownName(
            f"file type {suffix or path.name!r}", remedy="Name the file FILE.json, or for one person FILE.html."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _list(title: str, said: Iterable[str]) -> SafeString:
    items = list(said) or [_("Nothing.")]
    return format_html(
        "<section><h2>{}</h2><ul>{}</ul></section>",
        title,
        format_html_join("", "<li>{}</li>", ((one,) for one in items)),
    )


def _facts(title: str, facts: Iterable[sentences.Fact]) -> SafeString:
    told = [(fact.name, fact.value) for fact in facts]
    if not told:
        return _list(title, [])
    return format_html(
        "<section><h2>{}</h2><dl>{}</dl></section>", title, format_html_join("", "<dt>{}</dt><dd>{}</dd>", told)
    )


def _happened(groups: Iterable[sentences.Group]) -> SafeString:
    written = [
        (
            group.when,
            group.where,
            format_html_join(
                "",
                "<li><time>{}</time> {}{}</li>",
                ((one.when, one.said, _quoted(one.words)) for one in group.sentences),
            ),
            _more(group.more),
        )
        for group in groups
    ]
    return format_html(
        "<section><h2>{}</h2>{}</section>",
        _("What happened"),
        format_html_join("", "<h3>{} · {}</h3><ul>{}</ul>{}", written) or _("Nothing."),
    )


def _quoted(words: str) -> SafeString:
    return format_html("<blockquote>{}</blockquote>", words) if words else SafeString()


def _more(count: int) -> SafeString:
    return format_html('<p class="soft">{}</p>', _("and {count} more").format(count=count)) if count else SafeString()
