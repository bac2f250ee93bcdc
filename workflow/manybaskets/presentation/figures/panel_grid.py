"""How much room panels need, and how many fit on a page: known before anything is drawn."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from manybaskets.config.evaluation import Figures
from manybaskets.presentation.formatting import Lookup

Item = TypeVar("Item")

_LABEL_WIDTH = 24  # characters; longer names are broken
_READABLE = 3.5  # points; smaller values and names are left out
_MOST_COLUMNS = 3
_HEAD = 0.7  # inches for a legend above the panels
# Widths of a mean character of DejaVu Sans, in units of the font size, with some to spare.
_BOLD, _PLAIN = 0.70, 0.56


def wrap(text: str, width: int = _LABEL_WIDTH) -> str:
    """A text broken into lines of so many characters."""
    return "\n".join(textwrap.wrap(text, width)) or text


def text_width(names: Sequence[str], settings: Figures) -> float:
    """Inches that the longest line of these labels takes."""
    longest = max((len(line) for name in names for line in wrap(name).split("\n")), default=0)
    return longest * _PLAIN * settings.font_size / 72 * 0.9


def fitting(names: Sequence[str], columns: int, settings: Figures) -> tuple[int, int]:
    """How many characters of a title and of an axis label fit over a panel beside these names."""
    size = settings.font_size / 72
    panel = (settings.width - text_width(names, settings)) / columns - size
    return max(8, int(panel / size / _BOLD)), max(8, int(panel / size / 0.9 / _PLAIN))


def row_height(names: Sequence[str], wrapped: float, settings: Figures) -> float:
    """Height of a panel in inches: its rows, its ticks, and the lines of title and unit."""
    line = settings.font_size / 72
    highest = max((wrap(name).count("\n") for name in names), default=0)
    return len(names) * line * (1.45 + highest) + line * (4.5 + wrapped)


def titles(panels: Sequence[Sequence[str]], find: Lookup) -> list[str]:
    """Titles of panels that are pairs of measure and prompt set; `test` goes without saying."""
    several = len({prompt_set for _, prompt_set in panels}) > 1
    return [
        find(name).label + (f" ({on})" if several and on != "test" else "") for name, on in panels
    ]


def row_names(conditions: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Names of a panel's rows; several targets stand one below the other under their names."""
    if len(targets) < 2:
        return list(conditions)
    return [name for target in targets for name in (target, *conditions)]


@dataclass(frozen=True)
class Arrangement:
    """Small multiples on pages.

    Attributes:
        columns: panels side by side.
        height: of a row of panels, in inches.
        per_page: panels on a page.
        title_width, unit_width: characters of a panel's title and of its axis label.
    """

    columns: int
    height: float
    per_page: int
    title_width: int
    unit_width: int


def arrange(titles: Sequence[str], names: Sequence[str], settings: Figures) -> Arrangement:
    """Arrange panels of these titles whose rows have these names."""
    columns = max(1, min(_MOST_COLUMNS, len(titles)))
    title_width, unit_width = fitting(names, columns, settings)
    lines = max((wrap(title, title_width).count("\n") for title in titles), default=0)
    height = row_height(names, 1.5 + lines, settings)
    rows = max(1, int((settings.height - _HEAD) / height))
    return Arrangement(columns, height, rows * columns, title_width, unit_width)


def pages(items: Sequence[Item], per_page: int, columns: int = 1) -> list[list[Item]]:
    """The items in their order, on as few pages as hold them and about equally many on each."""
    if not items:
        return []
    count = math.ceil(len(items) / per_page)
    size = min(per_page, math.ceil(len(items) / count / columns) * columns)
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


@dataclass(frozen=True)
class FigureCells:
    """Matrices on pages.

    Attributes:
        columns: matrices side by side.
        height: of a row of matrices, in inches.
        per_page: matrices on a page.
        intervals: whether a cell has room for its interval.
        upright: whether names fit side by side below the columns.
        text: size of a value where it stands alone, as a part of the font size; 0 where nobody could
            read it.
        names: size of the names, as a part of the font size.
        every: of how many rows one is named.
    """

    columns: int
    height: float
    per_page: int
    intervals: bool
    upright: bool
    text: float
    names: float
    every: int


def arrange_cells(count: int, names: Sequence[str], settings: Figures) -> FigureCells:
    """Arrange as many square matrices with these names on both sides."""
    line = settings.font_size / 72
    label = text_width(names, settings)
    value, roomy = 3.2 * line, 6.6 * line  # widths of a value, and of one over its interval

    def width(columns: int) -> float:
        return (settings.width / columns - label - 6 * line) / max(len(names), 1)

    most = min(_MOST_COLUMNS, max(count, 1))
    columns = next((c for c in range(most, 1, -1) if width(c) >= roomy), 1)
    cell = width(columns)
    intervals, upright = cell >= roomy, cell >= label + line
    text = min(0.8, 0.8 * cell / value)
    if text * settings.font_size < _READABLE:
        text = 0.0
    high = 2.9 * line if intervals else 1.9 * line if text else cell
    size = min(1.0, high / line / 1.1)
    smallest = min(1.0, _READABLE / settings.font_size)
    every = 1 if size >= smallest else math.ceil(smallest * line * 1.1 / high)
    height = len(names) * high + (line if upright else label) + 5 * line
    per_page = max(1, int(settings.height / height)) * columns
    return FigureCells(
        columns, height, per_page, intervals, upright, text, max(size, smallest), every
    )


def plot_titles(labels: Sequence[str], targets: Sequence[str]) -> list[str]:
    """Titles of panels of every measure on every target, which is named where there are several."""
    return [f"{label}: {t}" if len(targets) > 1 else label for label in labels for t in targets]


def arrange_plots(titles: Sequence[str], settings: Figures) -> Arrangement:
    """Arrange panels with upright axes and a title of each, three side by side at most."""
    columns = max(1, min(_MOST_COLUMNS, len(titles)))
    line = settings.font_size / 72
    width = settings.width / columns - 5 * line  # beside the labels of the upright axis
    title_width = max(8, int(width / line / _BOLD))
    lines = max((wrap(title, title_width).count("\n") for title in titles), default=0)
    height = 1.6 + (3 + lines) * line
    rows = max(1, int((settings.height - 2 * _HEAD) / height))
    return Arrangement(columns, height, rows * columns, title_width, title_width)
