"""German is whole, and what is compiled is what is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages import catalogues

SOURCE = Path(__file__).parents[2] / "src" / "touchline"


@pytest.mark.parametrize("catalogue", catalogues.catalogues(), ids=lambda path: path.parent.parent.name)
def test_the_compiled_catalogue_is_what_its_text_compiles_to(catalogue: Path) -> None:
    text = catalogue.read_text(encoding="utf-8")
    assert catalogue.with_suffix(".mo").read_bytes() == catalogues.compiled(text), (
        "run python -m tests.pages.catalogues"
    )


@pytest.mark.parametrize("catalogue", catalogues.catalogues(), ids=lambda path: path.parent.parent.name)
def test_every_sentence_of_the_pages_is_translated_with_the_same_parts(catalogue: Path) -> None:
    told = catalogues.messages(catalogue.read_text(encoding="utf-8"))
    missing = [text for text in sentences() if text not in told]
    assert missing == []
    parts = re.compile(r"%\(\w+\)s|\{\w+\}")
    for text, translated in told.items():
        assert sorted(parts.findall(text)) == sorted(parts.findall(translated)), text


def sentences() -> set[str]:
    """What templates and modules hand to gettext."""
    found: set[str] = set()
    for path in (SOURCE / "pages" / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'{% translate "([^"]+)" %}', text))
        blocks = re.findall(r"{% blocktranslate[^%]*%}(.*?){% endblocktranslate %}", text, re.DOTALL)
        found |= {re.sub(r"{{ (\w+) }}", r"%(\1)s", block) for block in blocks}
    for path in (
        *(SOURCE / "pages").glob("*.py"),
        SOURCE / "workspace/sentences.py",
        SOURCE / "workspace/person_page.py",
    ):
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'\b(?:_|noop)\(\s*"([^"]+)"\s*\)', text))
    assert len(found) > 180
    return found
