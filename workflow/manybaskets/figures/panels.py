"""Pieces of figures: points with intervals, axes, names, and the room that they need."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from manybaskets.config.analysis import Figures
from manybaskets.figures.style import INK, new_figure
from manybaskets.shown import shown_unit, transformed

ALPHA = 0.05  # Holm-adjusted; below it a difference is drawn filled
_WIDE = 8  # a larger ratio of the ends needs a logarithmic axis
_LABEL_WIDTH = 24  # characters; longer names are broken
# Widths of a mean character of DejaVu Sans, in units of the font size, with some to spare.
_BOLD, _PLAIN = 0.70, 0.56


def panel(
    axis: Axes, cell: pl.DataFrame, shared: pl.DataFrame, value: str, names: Sequence[str],
    styles: Mapping[str, tuple[str, str]], measure: Any,
) -> None:  # fmt: skip
    """Points and intervals of one measure, on the scale that readers see."""
    forest = value == "difference"
    exponential = measure.transform == "exp"
    for row in cell.iter_rows(named=True):
        if row[value] is None:
            continue
        keys = {"estimate": value, "low": "low", "high": "high"}
        shown = {key: transformed(row[name], measure.transform) for key, name in keys.items()}
        colour, marker = styles.get(row["mix"], (INK, "o"))
        p = row.get("p_holm")
        filled = not forest or (p is not None and p < ALPHA)
        point(axis, names.index(row["mix"]), shown, colour, marker, filled)
    alike = 1.0 if exponential else 0.0
    ends = [v for key in (value, "low", "high") for v in shared[key].to_list() if v is not None]
    ends = [transformed(v, measure.transform) for v in ends] + [alike] * forest
    ends = [v for v in ends if math.isfinite(v)]
    # The untuned model's perplexity may be far off; it must not flatten the others.
    wide = exponential and ends and min(ends) > 0 and max(ends) > _WIDE * min(ends)
    scale(axis, ends, logarithmic=(exponential and forest) or bool(wide))
    axis.grid(axis="x")
    if forest:
        axis.axvline(alike, color=INK, linewidth=0.8, zorder=1)


def scale(axis: Axes, ends: list[float], logarithmic: bool) -> None:
    """Limits with room at both ends, and few enough ticks that their labels never touch."""
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if logarithmic and low > 0:
        margin = max((high / low) ** 0.07, 1.005)
        axis.set_xscale("log")
        axis.set_xlim(low / margin, high * margin)
        if high / low > _WIDE:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            steps = (1,) if high / low > 1000 else (1, 3)
            ticks = [step * 10.0**power for power in powers for step in steps]
        else:
            ticks = list(MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high))
        axis.xaxis.set_major_locator(
            FixedLocator([t for t in ticks if low / margin <= t <= high * margin])
        )
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
        return
    margin = 0.07 * (high - low) or 0.05 * abs(high) or 0.5
    axis.set_xlim(low - margin, high + margin)
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))


def point(
    axis: Axes, place: int, row: Mapping[str, Any], colour: str, marker: str, filled: bool = True
) -> None:
    if row["low"] is not None and row["high"] is not None:
        axis.plot([row["low"], row["high"]], [place, place], color=colour, solid_capstyle="butt")
    face = colour if filled else "white"
    axis.plot([row["estimate"]], [place], marker, color=colour, markerfacecolor=face, zorder=3)


def bar(axis: Axes, place: int, row: Mapping[str, Any], colour: str) -> None:
    axis.barh(place, row["estimate"], height=0.62, color=colour)
    if row["low"] is not None and row["high"] is not None:
        for colour, width in (("white", 2.2), (INK, 1.0)):  # a white edge, to be seen on dark bars
            axis.plot(
                [row["low"], row["high"]], [place, place], color=colour, linewidth=width,
                solid_capstyle="butt",
            )  # fmt: skip


def grid(
    rows: int, columns: int, row_height: float, settings: Figures, **shared: bool
) -> tuple[Figure, list[list[Axes]]]:
    figure = new_figure(settings.width, rows * row_height)
    grid = figure.subplots(rows, columns, squeeze=False, **shared)
    return figure, [list(line) for line in grid]


def row_height(names: Sequence[str], wrapped: float, settings: Figures) -> float:
    """Height of a panel in inches: its rows, its ticks, and the lines of title and unit."""
    line = settings.font_size / 72
    highest = max((wrap(name).count("\n") for name in names), default=0)
    return len(names) * line * (1.45 + highest) + line * (4.5 + wrapped)


def name_rows(axis: Axes, names: Sequence[str], first: bool) -> None:
    """Conditions from top to bottom; only the first panel of a row carries their names."""
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_yticks(
        range(len(names)), [wrap(name) for name in names] if first else [""] * len(names)
    )
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def unit(measure: Any, value: str) -> str:
    """Unit of an axis; an arrow points to the more diverse or better side."""
    text = shown_unit(measure)
    if value == "difference" and measure.transform == "exp":
        text = "ratio"
    # The space does not break, so that the arrow stays with its unit.
    return {"higher": f"{text}\u00a0→", "lower": f"←\u00a0{text}"}.get(measure.direction, text)


def wrap(text: str, width: int = _LABEL_WIDTH) -> str:
    return "\n".join(textwrap.wrap(text, width)) or text


def fitting(names: Sequence[str], columns: int, settings: Figures) -> tuple[int, int]:
    """How many characters of a title and of an axis label fit over a panel beside these names."""
    size = settings.font_size / 72
    longest = max((len(line) for name in names for line in wrap(name).split("\n")), default=0)
    panel = (settings.width - longest * _PLAIN * size * 0.9) / columns - size
    return max(8, int(panel / size / _BOLD)), max(8, int(panel / size / 0.9 / _PLAIN))
