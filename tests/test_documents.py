"""The documents lead somewhere: every link has its file, and nothing in them is true of one machine only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
FENCED = re.compile(r"^```.*?^```[^\S\n]*$", re.MULTILINE | re.DOTALL)
MACHINE = re.compile(r"(?<![\w.>/-])/(?:work|farm|home|root|Users)\b/?")
REGISTRIES = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.(?:com|org)|crates\.io|conda\.anaconda\.org|proxy\.golang\.org)\b",
    re.IGNORECASE,
)

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


def _relative_links(document: Path) -> list[str]:
    prose = FENCED.sub("", document.read_text(encoding="utf-8"))
    links = (inline or reference for inline, reference in LINK.findall(prose))
    return [link for link in links if not SCHEME.match(link)]


def _anchors(document: Path) -> set[str]:
    """The names that a page's headings are linked by: lower case, no punctuation, hyphens for spaces."""
    prose = FENCED.sub("", document.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_there_are_documents_with_links_to_check() -> None:
    assert len(DOCUMENTS) > 20
    assert "docs/images/report.png" in _relative_links(ROOT / "README.md")
    assert sum(len(_relative_links(document)) for document in DOCUMENTS) > 20


@each_document
def test_every_relative_link_resolves_to_a_file_of_the_project(document: Path) -> None:
    broken = []
    for link in _relative_links(document):
        place, _, anchor = link.partition("#")
        target = (document.parent / place).resolve() if place else document
        there = target.is_relative_to(ROOT) and target.exists()
        if not there or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


@each_document
def test_no_document_holds_a_path_of_one_machine_or_a_package_registry(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert not MACHINE.findall(text)
    assert not REGISTRIES.findall(text)
