"""Harm, refusals, the map of harm and quality, and the danger zone under several thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from manybaskets.experiments.robustness.figure_panels import (
    DANGEROUS,
    HEAD,
    MAP_COLUMNS,
    MAP_PANEL,
    SETS,
    SWEEP_PANEL,
    quantities,
)
from manybaskets.presentation.figures import intervals
from manybaskets.presentation.figures import panels as pieces
from manybaskets.presentation.figures.layout import wrap
from manybaskets.presentation.figures.style import FAINT, GREY, INK, Look, looks, save
from manybaskets.records.measured import in_order

_SCALE = range(1, 6)
_LARGEST = 0.46  # radius of the largest cell's circle, in steps of the scale
_ZONE = "#FBE9E0"
_APART = 0.11  # between the conditions of one threshold


def outcomes(
    summary: pl.DataFrame, stem: Path, *, panels: Sequence[Sequence[str]], look: Look
) -> list[Path]:
    """Outcomes of every condition with their intervals, a panel per outcome, judge and prompt set.

    Args:
        summary: `statistics/robustness.parquet`.
        panels: outcome, judge and prompt set, in order.
    """
    rows = summary.filter(pl.col("by") == "all").rename({"target": "model"})
    rows = rows.with_columns(
        measure=pl.concat_str("outcome", "judge", "prompt_set", separator="/"),
        prompt_set=pl.lit("test"),  # the title names the set
    )
    found = {"/".join((outcome, judge, on)): (outcome, judge, on) for outcome, judge, on in panels}
    shown = dict(zip(found, quantities(panels), strict=True))
    pairs = [(measure, "test") for measure in found]
    return intervals.conditions(rows, stem, panels=pairs, look=look, lookup=shown.__getitem__)


def harm_and_quality(
    grid: pl.DataFrame, stem: Path, *, target: str, prompt_set: str, judge: str,
    mixes: Sequence[str], look: Look,
) -> list[Path]:  # fmt: skip
    """How many responses have each score of harm and quality, a panel per condition.

    The area of a circle is the share of the condition's responses in the cell, on one scale for the
    whole figure; the square is the danger zone.

    Args:
        grid: `statistics/robustness-grid.parquet`.
        mixes: conditions of this page.
    """
    rows = grid.filter(target=target, prompt_set=prompt_set, judge=judge)
    with looks(look.settings):
        names = [name for name in mixes if name in set(rows["mix"])]
        if not rows["n"].sum() or not names:
            return pieces.nothing(
                "No response has a score of harm and of quality.", stem, look.settings
            )
        totals = dict(rows.group_by("mix").agg(pl.col("n").sum()).rows())
        largest = max(n / max(totals[mix], 1) for mix, n in rows.select("mix", "n").rows())
        columns = min(MAP_COLUMNS, len(names))
        figure, grid_axes = pieces.grid(
            math.ceil(len(names) / columns), columns, MAP_PANEL, look.settings, HEAD,
            sharex=True, sharey=True,
        )  # fmt: skip
        axes = [axis for line in grid_axes for axis in line]
        for axis, name in zip(axes, names, strict=False):
            cells = rows.filter(pl.col("mix") == name)
            _map(axis, cells, totals[name], largest, look.conditions[name][0])
            zone = (pl.col("harm") >= DANGEROUS) & (pl.col("quality") >= DANGEROUS)
            share = cells.filter(zone)["n"].sum() / max(totals[name], 1)
            axis.set_title(f"{wrap(name, 20)}\n{100 * share:.0f} % of {totals[name]}")
        pieces.drop(axes[len(names) :])
        for axis in axes[max(0, len(names) - columns) : len(names)]:
            axis.tick_params(labelbottom=True)
        size = look.settings.font_size * 0.9
        _head(figure, [target, SETS.get(prompt_set, prompt_set)], size)
        figure.supxlabel("Harm, 1 to 5", fontsize=size)
        figure.supylabel("Quality, 1 to 5", fontsize=size)
        return save(figure, stem, look.settings)


def _map(axis: Axes, cells: pl.DataFrame, total: int, largest: float, colour: str) -> None:
    from matplotlib.patches import Circle

    low = DANGEROUS - 0.5
    axis.add_patch(Rectangle((low, low), 2, 2, facecolor=_ZONE, edgecolor=INK, linewidth=0.8))
    for harm, quality, n in cells.select("harm", "quality", "n").sort("harm", "quality").rows():
        if n:
            radius = _LARGEST * math.sqrt(n / total / largest)
            axis.add_patch(Circle((harm, quality), radius, facecolor=colour, edgecolor="none"))
    axis.set(xlim=(0.4, 5.6), ylim=(0.4, 5.6), aspect="equal")
    axis.set_xticks(list(_SCALE))
    axis.set_yticks(list(_SCALE))
    axis.grid(color=FAINT)


def danger_sweep(
    swept: pl.DataFrame, stem: Path, *, target: str, judge: str, prompt_sets: Sequence[str],
    cuts: Sequence[int], look: Look,
) -> list[Path]:  # fmt: skip
    """Share of responses in the danger zone, under every pair of thresholds, with intervals.

    A row per prompt set, a panel per threshold of harm, thresholds of quality side by side; the
    headline's pair is shaded.

    Args:
        swept: `statistics/robustness-danger.parquet`.
    """
    rows = swept.filter(target=target, judge=judge).drop_nulls("estimate")
    with looks(look.settings):
        present = [name for name in prompt_sets if name in set(rows["prompt_set"])]
        if not present:
            return pieces.nothing(
                "No response has a score of harm and of quality.", stem, look.settings
            )
        names = in_order(rows["mix"], list(look.conditions))
        head = 0.25 + 0.2 * math.ceil(len(names) / 5)
        figure, grid = pieces.grid(
            len(present), len(cuts), SWEEP_PANEL, look.settings, head, sharex=True, sharey="row"
        )
        for prompt_set, line in zip(present, grid, strict=True):
            for harm_cut, axis in zip(cuts, line, strict=True):
                cell = rows.filter(prompt_set=prompt_set, harm_cut=harm_cut)
                _sweep(axis, cell, names, cuts, harm_cut, look)
                of = SETS.get(prompt_set, prompt_set)
                title = f"harm ≥ {harm_cut}" if len(present) == 1 else f"harm ≥ {harm_cut}, {of}"
                axis.set_title(wrap(title, 26))
            top = max(cell for cell in rows.filter(prompt_set=prompt_set)["high"])
            line[0].set_ylim(-0.03 * top, 1.05 * top)  # a marker at 0 stays whole
        styles = [look.conditions[name] for name in names]
        figure.legend(
            [Line2D([], [], color=c, marker=m, linewidth=1.2) for c, m in styles], names,
            loc="outside upper left", ncols=min(5, len(names)),
        )  # fmt: skip
        size = look.settings.font_size * 0.9
        of = f" ({target})" if len(look.targets) > 1 else ""
        figure.supxlabel(f"Quality at least{of}", fontsize=size)
        figure.supylabel("Share of responses", fontsize=size)
        return save(figure, stem, look.settings)


def _head(figure: Any, parts: Sequence[str], size: float) -> None:
    """What the whole figure is of."""
    figure.suptitle(", ".join(parts), fontsize=size, x=0.01, ha="left", color=INK)


def _sweep(
    axis: Axes, cell: pl.DataFrame, names: Sequence[str], cuts: Sequence[int], harm_cut: int,
    look: Look,
) -> None:  # fmt: skip
    step = min(_APART, 0.8 / max(len(names), 1))
    if harm_cut == DANGEROUS and DANGEROUS in cuts:
        place = list(cuts).index(DANGEROUS)
        axis.axvspan(place - 0.5, place + 0.5, color=_ZONE, zorder=0)
    found: dict[tuple[str, int], Mapping[str, Any]] = {
        (row["mix"], row["quality_cut"]): row for row in cell.to_dicts()
    }
    for number, name in enumerate(names):
        colour, marker = look.conditions[name]
        for place, cut in enumerate(cuts):
            row = found.get((name, cut))
            if row is None:
                continue
            at = place + step * (number - (len(names) - 1) / 2)
            axis.plot([at, at], [row["low"], row["high"]], color=colour, solid_capstyle="butt")
            axis.plot([at], [row["estimate"]], marker, color=colour, markersize=3.5, zorder=3)
    axis.set_xticks(range(len(cuts)), [str(cut) for cut in cuts])
    axis.set_xlim(-0.5, len(cuts) - 0.5)
    axis.grid(axis="y")
    axis.tick_params(axis="x", length=0)
    if cell.is_empty():
        axis.text(0.5, 0.5, "no value", transform=axis.transAxes, ha="center", va="center",
                  fontsize="small", color=GREY)  # fmt: skip
