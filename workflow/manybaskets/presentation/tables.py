"""The registry of tables: names, titles and captions, and the statistics that tables show.

A table is one function under `@table(...)`; file names, files, and the place in the report follow
from its registration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.presentation.page import Table
from manybaskets.presentation.table_forms import write_all
from manybaskets.registry import Registry

ENDINGS = ("csv", "md", "tex")
WRITE_TABLES = "write_tables"  # the rule that writes tables without a rule of their own
REPORT = "write_report"  # the rule of tables that the report shows and no file holds
MEMBER = "{member}"


def _always(study: Study) -> bool:
    return True


@dataclass(frozen=True)
class TableDefinition:
    """What is registered about a table.

    Attributes:
        name: name of its files; `{member}` is replaced by each of `members`, also in the title.
        needs: the statistics that it shows, by file name.
        function: makes the frame that is shown; None if the rule `rule` computes the frame itself.
        section: the report section that shows it.
        rule: the rule that writes its files.
        when: whether a study has the table.
        members: what the study has one such table for each of; None for a single table.
    """

    name: str
    title: str
    caption: str
    needs: tuple[str, ...]
    function: Callable[..., pl.DataFrame] | None
    section: str
    rule: str
    when: Callable[[Study], bool]
    members: Callable[[Study], Iterable[str]] | None

    def member_of(self, name: str) -> str | None:
        """The member whose table has this name; empty for a single table, None for no match."""
        pattern = re.escape(self.name).replace(re.escape(MEMBER), "(?P<member>.+)")
        match = re.fullmatch(pattern, name)
        return match and match.groupdict().get("member", "")

    def make(self, frames: Mapping[str, pl.DataFrame], context: Any, member: str) -> Table:
        """The table from statistics by name."""
        given = [frames[name] for name in self.needs]
        which = [member] if self.members else []
        return self.shown(self.function(*given, context, *which), member)

    def shown(self, frame: pl.DataFrame, member: str = "") -> Table:
        """A frame under this table's title and caption."""
        return Table(self.title.replace(MEMBER, member), frame, self.caption)


TABLES: Registry[TableDefinition] = Registry("table")


def table(
    *,
    name: str,
    title: str,
    caption: str,
    needs: Sequence[str] = ("summary",),
    section: str = "runs",
    rule: str = WRITE_TABLES,
    when: Callable[[Study], bool] = _always,
    members: Callable[[Study], Iterable[str]] | None = None,
) -> Callable[[Callable[..., pl.DataFrame]], Callable[..., pl.DataFrame]]:
    """Register a function as a table: `function(*frames, context)` returns the frame to be shown.

    Args:
        name: of its files, without an ending. With `members` it holds `{member}`.
        title: heading in the report; may hold `{member}`.
        caption: one or two sentences on what the numbers are.
        needs: names of the files in `statistics/` that the function is given, in this order.
        section: where the report shows it: `runs`, `sources`, `published`, `making`, `counts`, or
            the name of an experiment.
        rule: which rule writes it; `write_report` for a table that only the report shows. Rules
            differ in the context that they give to the function: `write_tables` gives a
            `report.study_tables.TableContext`.
        when: whether a study has this table.
        members: the study has one such table for each; the function is given the member last.
    """

    def register(function: Callable[..., pl.DataFrame]) -> Callable[..., pl.DataFrame]:
        TABLES.add(
            name,
            TableDefinition(
                name, title, caption, tuple(needs), function, section, rule, when, members
            ),
        )
        return function

    return register


def as_it_is(frame: pl.DataFrame, context: Any) -> pl.DataFrame:
    """A table's function that shows its statistics as they are."""
    return frame


def computed_table(
    *,
    name: str,
    title: str,
    caption: str,
    section: str,
    rule: str,
    when: Callable[[Study], bool] = _always,
) -> None:
    """Register a table whose rule computes the frame itself; the report shows its CSV as it is.

    Args:
        name, title, caption, section, rule, when: as for `table`.
    """
    TABLES.add(
        name, TableDefinition(name, title, caption, (), None, section, rule, when, members=None)
    )


def tables_of(study: Study) -> dict[str, TableDefinition]:
    """The tables of a study by name, in the order of registration.

    Neighbours with the same `members` come member by member.

    Raises:
        UserError: two tables would have the same name.
    """
    planned: dict[str, TableDefinition] = {}
    for name, definition in _named(study):
        if name in planned or find_table(name) is not definition:
            raise UserError(
                what=f"two tables would have the name '{name}'",
                where="the config key that the table's members come from, such as source_counts",
                expected="names that no other table's name contains",
                remedy=f"rename what gives the table '{name}' its name",
            )
        planned[name] = definition
    return planned


def _named(study: Study) -> Iterator[tuple[str, TableDefinition]]:
    for members, group in groupby(TABLES, key=lambda definition: definition.members):
        definitions = [each for each in group if each.when(study)]
        for member in members(study) if members else [""]:
            for definition in definitions:
                yield definition.name.replace(MEMBER, member), definition


def table_names(study: Study, rule: str = WRITE_TABLES) -> list[str]:
    """Names of the tables of a study that one rule writes, known from the config alone."""
    return [name for name, definition in tables_of(study).items() if definition.rule == rule]


def needed_frames(names: Iterable[str]) -> list[str]:
    """The statistics that tables show, each once."""
    return list(dict.fromkeys(need for name in names for need in find_table(name).needs))


def find_table(name: str) -> TableDefinition:
    """What is registered about the table of this name.

    Raises:
        UserError: no registered table has this name.
    """
    if name in TABLES:
        return TABLES.get(name)
    found = [each for each in TABLES if each.members and each.member_of(name)]
    return max(found, key=lambda each: len(each.name)) if found else TABLES.get(name, "tables")


def make_tables(
    names: Iterable[str], frames: Mapping[str, pl.DataFrame], context: Any
) -> dict[str, Table]:
    """Tables by name.

    Args:
        names: as `table_names` lists them.
        frames: statistics by name, `needed_frames` among them.
        context: what the tables' functions know about the study beside the statistics.
    """
    made = {}
    for name in names:
        definition = find_table(name)
        made[name] = definition.make(frames, context, definition.member_of(name) or "")
    return made


def computed_tables(frames: Mapping[str, pl.DataFrame]) -> dict[str, Table]:
    """Tables whose rules computed their frames, by name."""
    return {name: find_table(name).shown(frame) for name, frame in frames.items()}


def write_tables(tables: Mapping[str, Table], folder: Path) -> None:
    """Write every table as CSV, Markdown and LaTeX."""
    for name, shown in tables.items():
        write_all(shown.frame, folder / name, shown.caption)
