"""The report of a study: one HTML file that needs no network and no other file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from manybaskets.presentation.table_forms import display, note
from manybaskets.presentation.verdict_table import VerdictTable
from manybaskets.records.resources import library_folder
from manybaskets.records.writing import write_text

__all__ = [
    "Figure",
    "Report",
    "ReportSection",
    "Table",
    "write_report",
]
_FIRST_WARNINGS = 3
_TOYS = (
    "These are toy models of a few million weights that know a made-up small world, whose habits and "
    "facts were planted. The study shows that the instruments find what is there and says nothing about "
    "how large models, real data or real people behave: read it as a test of the workflow."
)
_CODE = re.compile(r"(`+)([^`]+)\1")


@dataclass(frozen=True)
class Figure:
    """A figure: its SVG file and the paragraph that explains it.

    Args:
        link: the file relative to the report; empty if it does not lie beside it.
    """

    title: str
    svg: Path
    caption: str
    link: str = ""


@dataclass(frozen=True)
class Table:
    """A table as `tables` makes them, or any frame of counts.

    Args:
        csv: its file, relative to the report; empty if no file holds it.
    """

    title: str
    frame: pl.DataFrame
    caption: str = ""
    csv: str = ""

    def shown(self) -> tuple[list[str], list[list[str]], list[bool]]:
        """Headers, rows of text, and which columns are numeric."""
        return display(self.frame)

    def note(self) -> str:
        """Caption and methods."""
        return " ".join(f"{self.caption} {note(self.frame)}".split())


@dataclass(frozen=True)
class ReportSection:
    """A section of the page: sentences, then figures, then tables, under a heading.

    Args:
        title: the heading, and the name in the contents.
        sentences: what to know of it, one line each.
        warnings: shown above everything, with those of the other sections.
    """

    title: str
    sentences: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    warnings: Sequence[str] = ()

    @property
    def anchor(self) -> str:
        """Its name in links."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Report:
    """Content of the report; all of it is text to be escaped.

    Args:
        title: name of the study.
        about: what the study asks, one or two sentences.
        findings: sentences, as `findings` gives them.
        warnings: sentences, as `warnings` gives them.
        sections: in reading order; empty ones are left out.
        config: the study's YAML.
        provenance: versions, commit, machine, by name.
        browser: link to the browser of answers; empty for none.
        embedded: whether the models are the embedded, tiny ones.
        verdicts: conditions by headline outcomes, for the first screen.
    """

    title: str
    about: str
    findings: Sequence[str]
    warnings: Sequence[str] = ()
    sections: Sequence[ReportSection] = ()
    config: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    browser: str = ""
    embedded: bool = False
    verdicts: VerdictTable | None = None

    def first_figure(self) -> Figure | None:
        """The figure of the first screen: the first of the first section that has one."""
        return next((each for section in self.sections for each in section.figures), None)

    def first_warnings(self) -> list[str]:
        """What the first screen warns of: that the models are toys, and the first other warnings."""
        return [*([_TOYS] if self.embedded else []), *self.warnings][:_FIRST_WARNINGS]

    def more_warnings(self) -> list[str]:
        """The other warnings."""
        return [*([_TOYS] if self.embedded else []), *self.warnings][_FIRST_WARNINGS:]

    def shown_sections(self) -> list[ReportSection]:
        """The sections that hold anything."""
        return [
            section
            for section in self.sections
            if section.sentences or section.figures or section.tables
        ]


def write_report(path: Path, report: Report) -> None:
    """Write the report as one HTML file; its security policy runs its own script and no other."""
    environment = Environment(
        loader=FileSystemLoader(library_folder() / "presentation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    environment.filters["data_uri"] = _data_uri
    environment.filters["packed"] = _packed
    script = (library_folder() / "presentation/page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    template = environment.get_template("page.html.j2")
    page = template.render(report=report, script=Markup(script), script_hash=f"sha256-{digest}")
    write_text(page + "\n", Path(path))


def _prose(text: str) -> Markup:
    """Escaped text in which `code` stands between backticks."""
    return Markup(_CODE.sub(r"<code>\2</code>", str(escape(text))))


def _data_uri(path: Path) -> str:
    """The SVG as an image of its own: ids of several figures cannot clash, scripts cannot run."""
    encoded = base64.b64encode(Path(path).read_bytes()).decode("ascii")
    return f"data:image/svg+xml;base64,{encoded}"


def _packed(path: Path) -> str:
    """The SVG compressed, an eighth of its size; the page's script shows it as `_data_uri` does."""
    return base64.b64encode(gzip.compress(Path(path).read_bytes(), mtime=0)).decode("ascii")
