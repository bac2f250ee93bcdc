"""The hand-written pages, and their lines of prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import normpath

from repository import ROOT

GENERATED = {"docs/configuration.md", "docs/measures.md"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#([^)\s]*))?\)")


def pages() -> list[str]:
    """All pages that the site shows, as paths from the top of the repository."""
    docs = [f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))]
    return ["CONTRIBUTING.md", "CHANGELOG.md", *docs]


def hand_written() -> list[str]:
    """Pages that people write and read, the README first."""
    return ["README.md", *(page for page in pages() if page not in GENERATED)]


def text_of(page: str) -> str:
    """A page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of every line that is neither in a code block nor a row of a table."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.lstrip().startswith("|"):
            yield number, line


def links(page: str) -> set[str]:
    """Files that a page links to, as paths from the top of the repository."""
    folder = Path(page).parent.as_posix()
    targets = {found[1] for found in _LINK.finditer(text_of(page)) if "://" not in found[1]}
    return {normpath(f"{folder}/{target}") for target in targets}
