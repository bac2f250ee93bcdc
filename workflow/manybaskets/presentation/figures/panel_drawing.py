"""Pieces of figures: points with intervals, axes, names of rows, and grids of panels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.config.evaluation import Figures
from manybaskets.presentation.figures.figure_style import FAINT, GREY, INK, new_figure, save_figure
from manybaskets.presentation.figures.panel_grid import Arrangement, row_names, wrap
from manybaskets.presentation.formatting import shown_unit
from manybaskets.records.measured import in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALPHA = 0.05  # Holm-adjusted; below it a difference is drawn filled
WIDE = 8  # a larger ratio of the ends needs a logarithmic axis


class Places:
    """Where rows stand in a panel: conditions from top to bottom, each target in a block of its own.

    Args:
        frame: columns `model` and `mix`.
        conditions, targets: in the wanted order.
    """

    def __init__(
        self, frame: pl.DataFrame, conditions: Sequence[str], targets: Sequence[str]
    ) -> None:
        self.conditions = in_order(frame["mix"], list(conditions))
        self.targets = in_order(frame["model"], list(targets))
        self.names = row_names(self.conditions, self.targets)
        heads = len(self.targets) > 1
        block = len(self.conditions) + heads
        self.heads = [block * index for index in range(len(self.targets))] if heads else []
        self._place = {
            (target, mix): block * i + heads + j
            for i, target in enumerate(self.targets)
            for j, mix in enumerate(self.conditions)
        }

    def of(self, row: Mapping[str, Any]) -> int:
        """Place of a row of the frame."""
        return self._place[row["model"], row["mix"]]

    def sorted(self, cell: pl.DataFrame) -> list[dict[str, Any]]:
        """Rows of a part of the frame from top to bottom, so that the order drawn is always one."""
        return sorted(cell.iter_rows(named=True), key=self.of)

    def label(self, axis: Axes, shown: bool) -> None:
        """Write the names; only the first panel of a row carries them."""
        name_rows(axis, self.names, shown)
        for head in self.heads:
            if head:
                axis.axhline(head - 0.5, color=FAINT, linewidth=0.8, zorder=0)
            axis.get_yticklabels()[head].set_fontweight("bold")


def scale(axes: Axes, ends: Sequence[float], logarithmic: bool, way: str = "x") -> None:
    """Limits with room at both ends, and few enough ticks that their labels never touch.

    Args:
        ends: the numbers that have to be inside.
        way: `x` or `y`.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    axis = axes.xaxis if way == "x" else axes.yaxis
    limits = axes.set_xlim if way == "x" else axes.set_ylim
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if not logarithmic or low <= 0:
        margin = 0.07 * (high - low) or 0.05 * abs(high) or 0.5
        limits(low - margin, high + margin)
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        return
    margin = max((high / low) ** 0.07, 1.005)
    axes.set(**{f"{way}scale": "log"})
    limits(low / margin, high * margin)
    if high / low > WIDE:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        factors = (1,) if high / low > 1000 else (1, 3)
        step = max(1, len(powers) // 5)
        ticks = [factor * 10.0**power for power in powers[::step] for factor in factors]
    else:
        ticks = list(MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high))
    axis.set_major_locator(FixedLocator([t for t in ticks if low / margin <= t <= high * margin]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))


def point(
    axis: Axes, place: float, row: Mapping[str, Any], colour: str, marker: str, filled: bool = True
) -> None:
    """An estimate with its interval, lying on a row."""
    if row["low"] is not None and row["high"] is not None:
        axis.plot([row["low"], row["high"]], [place, place], color=colour, solid_capstyle="butt")
    face = colour if filled else "white"
    axis.plot([row["estimate"]], [place], marker, color=colour, markerfacecolor=face, zorder=3)


def bar(axis: Axes, place: int, row: Mapping[str, Any], colour: str) -> None:
    """An estimate as a bar from zero, with its interval."""
    axis.barh(place, row["estimate"], height=0.62, color=colour)
    if row["low"] is not None and row["high"] is not None:
        for colour, width in (("white", 2.2), (INK, 1.0)):  # a white edge, to be seen on dark bars
            axis.plot(
                [row["low"], row["high"]], [place, place], color=colour, linewidth=width,
                solid_capstyle="butt",
            )  # fmt: skip


def grid(
    rows: int, columns: int, height: float, settings: Figures, head: float = 0.0, **shared: bool
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of equal panels, each of this height in inches, with room for a legend (`head`)."""
    figure = new_figure(settings.width, rows * height + head)
    axes = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, [list(line) for line in axes]


def multiples(
    count: int, arrangement: Arrangement, settings: Figures, head: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels that wrap into rows."""
    rows = max(1, math.ceil(count / arrangement.columns))
    figure, lines = grid(rows, arrangement.columns, arrangement.height, settings, head)
    axes = [axis for line in lines for axis in line]
    drop(axes[count:])
    return figure, axes[:count]


def without_values(axis: Axes, say: bool = True) -> None:
    """A panel without any value has no scale; it says so unless its rows do."""
    axis.set_xticks([])
    if say:
        axis.text(0.5, 0.5, "no value", transform=axis.transAxes, ha="center", va="center",
                  fontsize="small", color=GREY)  # fmt: skip


def name_rows(axis: Axes, names: Sequence[str], first: bool) -> None:
    """Names from top to bottom; only the first panel of a row carries them."""
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(
        range(len(names)), [wrap(name) for name in names] if first else [""] * len(names)
    )
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def unit(measure: Any, compared: bool = False) -> str:
    """Unit of an axis; an arrow points to the more diverse or better side."""
    text = "ratio" if compared and measure.transform == "exp" else shown_unit(measure)
    # The space does not break, so that the arrow stays with its unit.
    return {"higher": f"{text}\u00a0→", "lower": f"←\u00a0{text}"}.get(measure.direction, text)


def matches(columns: Sequence[str], values: Sequence[str]) -> pl.Expr:
    """Rows with these values in these columns."""
    return pl.all_horizontal(
        pl.col(column) == value for column, value in zip(columns, values, strict=True)
    )


def drop(axes: Sequence[Axes]) -> None:
    """Take away panels that are not needed."""
    for axis in axes:
        axis.remove()


def nothing(sentence: str, stem: Path, settings: Figures) -> list[Path]:
    """A figure that says why it is empty, so that a rule's outputs exist in every study."""
    figure = new_figure(settings.width, 0.6)
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=INK)
    return save_figure(figure, stem, settings)
