"""Matrices: the mean of every author by every judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.config.evaluation import Figures
from manybaskets.experiments.preference.figures.scope import (
    NOTHING_READ,
    TITLES,
    UNITS,
    Scope,
    Ways,
    authors_of,
    judge_name,
    judges_of,
    means_of,
    paged_by_target,
    rows_of_judges,
    with_preference,
)
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import (
    FAINT,
    INK,
    Look,
    looks,
    new_figure,
    save_figure,
)
from manybaskets.presentation.figures.panel_grid import wrap
from manybaskets.presentation.figures.registry import PlannedFigure, figure
from manybaskets.presentation.formatting import rounded_alike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

KIND = "preference-matrix"
_DARK = 0.62  # of the scale of colours; text on darker cells is white
_CAPTION = """
    Preferences of every judge: the mean of each author's summaries by each judge, with its interval
    over articles and training seeds. For pairs it is the probability to beat the others, averaged
    over both orders and all markers; one half means no preference, red cells are preferred. `own` are
    the judging run's own summaries. A row of halves may be a fair judge or one that cannot judge: the
    discrimination figure shows which."""


def matrix_height(judges: int, settings: Figures) -> float:
    """Inches of a matrix by its number of judges."""
    return (2.6 * judges + 4) * settings.font_size / 72


def plan(scope: Scope) -> Iterator[PlannedFigure]:
    """Every judge against every author, a matrix per way of asking."""
    height = matrix_height(len(scope.roles.mixes) + scope.golds, scope.settings)
    authors = [*scope.roles.models, scope.roles.human]
    title = "Preferences of every judge"
    yield paged_by_target(scope, KIND, title, "ways", scope.ways, height, authors=authors)


@figure(
    kind=KIND,
    needs=("preference-matrix",),
    section="preference",
    caption=_CAPTION,
    plan=with_preference(plan),
)
def matrix(
    found: pl.DataFrame, stem: Path, *, target: str, ways: Ways, authors: Sequence[str], look: Look
) -> list[Path]:
    """Judges by authors: the mean of each author by each judge, with its interval.

    Args:
        found: of the schema `preference.instrument.MATRIX`.
        ways: pairs of variant and protocol, a matrix each, one below the other.
        authors: in the wanted order.
    """
    settings = look.settings
    means = means_of(found, target)
    shown = [(way, rows) for way in ways if (rows := rows_of_judges(means, target, way)).height]
    with looks(settings):
        if not shown:
            return panel_drawing.nothing(NOTHING_READ, stem, settings)
        judges = [judges_of(rows, look) for _, rows in shown]
        heights = [matrix_height(len(each), settings) for each in judges]
        page = new_figure(settings.width, sum(heights))
        axes = page.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for (way, rows), names, axis in zip(shown, judges, axes[:, 0], strict=True):
            key = _matrix(axis, rows, names, authors_of(rows, authors), way[1], settings.font_size)
            _draw_key(page, axis, key, way[1], settings.font_size)
            axis.set_title(f"{TITLES[tuple(way)]}: {UNITS[way[1]]}")
        return save_figure(page, stem, settings)


def _matrix(
    axis: Axes, rows: pl.DataFrame, judges: Sequence[tuple[str, str]], authors: Sequence[str],
    protocol: str, size: float,
) -> ScalarMappable:  # fmt: skip
    """Coloured cells with their values; returns the scale of their colours."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    cells = {(row["target"], row["mix"], row["author"]): row for row in rows.iter_rows(named=True)}
    values = [row["value"] for row in cells.values()]
    # One half (no preference) is white; two colours distinguish the sides.
    reach = max([abs(value - 0.5) for value in values] + [0.05])
    paired = protocol == "pairwise"
    norm = (
        Normalize(0.5 - reach, 0.5 + reach)
        if paired
        else Normalize(min(values) - 0.01, max(values) + 0.01)
    )
    colours = colormaps["RdBu_r" if paired else "Blues"]
    numbers = [row[key] for row in cells.values() for key in ("value", "low", "high")]
    texts = dict(zip(cells, zip(*[iter(rounded_alike(numbers))] * 3, strict=True), strict=True))
    for y, judge in enumerate(judges):
        for x, author in enumerate(authors):
            row = cells.get((*judge, author))
            face = FAINT if row is None else colours(_faded(norm(row["value"]), paired))
            axis.fill([x - 0.5, x + 0.5, x + 0.5, x - 0.5], [y - 0.5, y - 0.5, y + 0.5, y + 0.5],
                      facecolor=face, edgecolor="white", linewidth=0.8)  # fmt: skip
            if row is None:
                continue
            value, low, high = texts[*judge, author]
            ink = "white" if _is_dark(face) else INK
            axis.text(x, y - 0.14, value, ha="center", va="center", fontsize=size * 0.9, color=ink)
            if row["low"] is not None:
                axis.text(x, y + 0.24, f"{low} to {high}", ha="center", va="center",
                          fontsize=size * 0.65, color=ink)  # fmt: skip
    axis.set(xlim=(-0.5, len(authors) - 0.5), ylim=(len(judges) - 0.5, -0.5))
    axis.set_xticks(range(len(authors)), [wrap(name, 14) for name in authors])
    axis.set_yticks(range(len(judges)), [wrap(judge_name(judge)) for judge in judges])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    shades = [colours(_faded(step / 255, paired)) for step in range(256)]
    return ScalarMappable(norm, ListedColormap(shades))


def _draw_key(
    page: Figure, axis: Axes, key: ScalarMappable, protocol: str, size: float
) -> None:  # fmt: skip
    from matplotlib.ticker import MaxNLocator

    bar = page.colorbar(key, ax=axis, aspect=12, pad=0.02)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(3)
    bar.update_ticks()
    bar.ax.tick_params(labelsize=size * 0.7)
    meaning = "red: preferred" if protocol == "pairwise" else "darker: higher"
    bar.set_label(meaning, fontsize=size * 0.8)


def _faded(share: float, both_sides: bool) -> float:
    """Position on the colour scale, whose ends are too dark for text."""
    return 0.1 + 0.8 * share if both_sides else 0.8 * share


def _is_dark(colour: Any) -> bool:
    red, green, blue = colour[:3] if not isinstance(colour, str) else (1.0, 1.0, 1.0)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 1 - _DARK + 0.15
