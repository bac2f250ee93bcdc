"""Who is how far from whom: matrices with their values written in the cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from manybaskets.config.study import Study
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import FAINT, GREY, INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import FigureCells, arrange_cells, pages
from manybaskets.presentation.figures.registry import PlannedFigure, figure, numbered
from manybaskets.presentation.formatting import rounded_alike
from manybaskets.records.measured import in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "embedding": "Meaning: energy distance of the answers' vectors",
    "topics": "Topics: Jensen–Shannon divergence in bits",
    "rouge_1": "Shared words (ROUGE-1)",
    "rouge_l": "Shared order of words (ROUGE-L)",
    "meteor": "Matched words (METEOR)",
}
_VALUE = 6  # characters of a value that fit at the size of `Cells.text`
_DARKEST = 0.85  # of the scale of colours; beyond, text is hard to read
_APART, _ALIKE = "Blues", "Oranges"  # two hues, so that dark never means both
_LUMINANCE = (0.299, 0.587, 0.114, 0.0)  # of red, green, blue and opacity (ITU-R BT.601)
_Matrix = Mapping[tuple[str, str], Mapping[str, Any]]
_DIVERGENCE = """
    How far apart the fine-tuned models are in what they would write next: Jensen-Shannon divergence of
    their next-token distributions, in bits per token, at every word of the same human answers; 0 is
    the same model, 1 no overlap at all. Values on the diagonal are the floor: the same mix, trained
    again with another seed. Grey cells were not computed. Where there is room, the second line is the
    interval over prompts; where there is none for values, the table has them."""
_SOURCE_DISTANCES = """
    How far apart the sources are in what they answered to the same training prompts. For meaning and
    topics darker, blue cells are farther apart; for shared words (ROUGE, METEOR) darker, orange cells are
    more alike, and METEOR compares the row with the column. Grey, slanted values do not exceed their floor: for
    distances what random swaps of the two sources' answers give, for shared words what answers to
    different prompts give. Where there is room, the second line is the interval over prompts; where
    there is none for values, the table has them."""


@figure(
    kind="divergence",
    title="Divergence of the runs",
    needs=("divergence",),
    caption=_DIVERGENCE,
    when=lambda study: bool(study.targets and study.divergence.prompts),
)
def divergence(divergences: pl.DataFrame, stem: Path, *, look: Look) -> list[Path]:
    """How far apart the runs' next-token distributions are, one matrix per target.

    Args:
        divergences: columns `model, first, second, value, low, high, kind`; rows of the kind
            `seeds` (one mix, trained with other seeds) stand on the diagonal.
    """
    targets = in_order(divergences["model"], list(look.targets))
    several = len(targets) > 1
    matrices = [
        ("Divergence of next-token distributions" + (f": {target}" if several else ""),
         divergences.filter(pl.col("model") == target), False)
        for target in targets
    ]  # fmt: skip
    return _matrices(matrices, list(look.conditions), stem, look, "bits per token")


def _plan_source_distances(study: Study) -> Iterator[PlannedFigure]:
    sources, described = study.analysed_sources(), study.source_analysis
    if not described or len(sources) < 2:
        return
    topics = ["topics"] if described.topics else []
    kinds = ["embedding", *topics, *described.similarity.metrics]
    cells = arrange_cells(len(kinds), sources, study.figures)
    options = [{"kinds": chunk} for chunk in pages(kinds, cells.per_page, cells.columns)]
    yield PlannedFigure("source-distances", numbered("How far apart the sources are", options))


@figure(
    kind="source-distances",
    needs=("source-distances",),
    section="sources",
    caption=_SOURCE_DISTANCES,
    plan=_plan_source_distances,
)
def source_distances(
    distances: pl.DataFrame, stem: Path, *, kinds: Sequence[str], look: Look
) -> list[Path]:
    """How far apart sources are, one matrix per kind; grey and slanted what does not exceed its floor.

    Args:
        distances: of the schema `pairs.PAIRS`; a pair that stands there in one order only is the
            same in the other.
        kinds: kinds to draw, in order.
    """
    matrices = [
        (KINDS.get(kind, kind), cell, "similarity" in cell["scale"])
        for kind in kinds
        for cell in [distances.filter(pl.col("kind") == kind)]
    ]
    return _matrices(matrices, list(look.sources), stem, look)


def _matrices(
    matrices: Sequence[tuple[str, pl.DataFrame, bool]], order: Sequence[str], stem: Path,
    look: Look, unit: str = "",
) -> list[Path]:  # fmt: skip
    settings = look.settings
    matrices = [matrix for matrix in matrices if matrix[1]["value"].count()]
    with looks(settings):
        if not matrices:
            return panel_drawing.nothing("Nothing to compare here.", stem, settings)
        names = in_order([n for _, f, _ in matrices for n in (*f["first"], *f["second"])], order)
        cells = arrange_cells(len(matrices), names, settings)
        rows = -(-len(matrices) // cells.columns)
        page, lines = panel_drawing.grid(rows, cells.columns, cells.height, settings)
        axes = [axis for line in lines for axis in line]
        for axis, (title, frame, similar) in zip(axes, matrices, strict=False):
            found = _both_ways(frame)
            _matrix(page, axis, found, names, cells, settings.font_size, similar, unit)
            axis.set_title(title)
        panel_drawing.drop(axes[len(matrices) :])
        return save_figure(page, stem, settings)


def _both_ways(frame: pl.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    given = {(row["first"], row["second"]): row for row in frame.iter_rows(named=True)}
    turned = {(second, first): row for (first, second), row in given.items()}
    return {**turned, **given}


def _matrix(
    page: Figure, axis: Axes, found: _Matrix, names: Sequence[str], cells: FigureCells, size: float,
    similar: bool, unit: str,
) -> None:  # fmt: skip
    """A matrix of coloured cells; a pair without a value is left grey."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize, to_rgba
    from matplotlib.ticker import MaxNLocator

    known = {pair: row for pair, row in found.items() if row["value"] is not None}
    values = [row["value"] for row in known.values()]
    # From zero, so that twice as dark is twice as far; unbiased distances may lie just below it.
    low = min(0.0, *values)
    high = max(*values, low + 1e-12)
    colours, norm = colormaps[_ALIKE if similar else _APART], Normalize(low, high)
    shades = ListedColormap(colours(np.linspace(0, _DARKEST, 256)))
    places = {(a, b): (x, y) for y, a in enumerate(names) for x, b in enumerate(names)}
    if cells.text:
        texts, downs = _texts(known, cells), (-0.16, 0.22) if cells.intervals else (0.0,)
    # As a picture, whose size does not grow with the number of cells; white lines between few of them.
    faces = np.empty((len(names), len(names), 4))
    for pair, (x, y) in places.items():
        row = known.get(pair)
        empty = "white" if pair[0] == pair[1] else FAINT
        faces[y, x] = to_rgba(empty) if row is None else colours(_DARKEST * norm(row["value"]))
        if row is None or not cells.text:
            continue
        dark = faces[y, x] @ _LUMINANCE < 0.55
        at_floor = row.get("floor") is not None and row["value"] <= row["floor"]
        ink = (FAINT if dark else GREY) if at_floor else ("white" if dark else INK)
        slant = "italic" if at_floor else "normal"
        for down, (text, size_share) in zip(downs, texts[pair], strict=False):
            axis.text(x, y + down, text, ha="center", va="center", fontsize=size * size_share, color=ink,
                      fontstyle=slant)  # fmt: skip
    axis.imshow(faces, interpolation="nearest", aspect="auto")
    if cells.text:
        between = np.arange(0.5, len(names) - 1)
        axis.hlines(between, -0.5, len(names) - 0.5, color="white", linewidth=0.8)
        axis.vlines(between, -0.5, len(names) - 0.5, color="white", linewidth=0.8)
    axis.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
    named, size_of_names = range(0, len(names), cells.every), size * cells.names
    labels = [names[index] for index in named]
    axis.set_xticks(named, labels, rotation=0 if cells.upright else 90, fontsize=size_of_names)
    axis.set_yticks(named, labels, fontsize=size_of_names)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    bar = page.colorbar(ScalarMappable(norm, shades), ax=axis, shrink=0.8, aspect=18, pad=0.02)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4)
    bar.update_ticks()
    meaning = "darker: more alike" if similar else "darker: farther apart"
    bar.set_label(f"{unit}; {meaning}" if unit else meaning, fontsize=size * 0.8)


def _texts(known: _Matrix, cells: FigureCells) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """Lines of every cell, with their size as a part of the font size; all have the same decimals.

    A value, and below it the interval where that is known.
    """
    numbers = [row[key] for row in known.values() for key in ("value", "low", "high")]
    shown = rounded_alike(numbers)
    longest = max((len(text) for text in shown[::3]), default=1)
    size_share = 0.85 if cells.intervals else cells.text * min(1.0, _VALUE / longest)
    triples = zip(shown[::3], shown[1::3], shown[2::3], numbers[1::3], strict=True)
    return {
        pair: [(value, size_share), ("" if end is None else f"{low} to {high}", 0.62)]
        for pair, (value, low, high, end) in zip(known, triples, strict=True)
    }
