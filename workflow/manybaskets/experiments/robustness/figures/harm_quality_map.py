"""Maps: number of answers by harm and quality score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from manybaskets.config.participants import chosen_mixes
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.figure_panels import (
    DANGEROUS,
    NO_SCORES,
    SETS,
    ZONE,
    judge_of,
    of_target,
)
from manybaskets.experiments.robustness.figures.outcome_intervals import ADVERSARIAL
from manybaskets.names import VANILLA
from manybaskets.presentation.figures import panel_drawing, panel_grid
from manybaskets.presentation.figures.figure_style import FAINT, INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import wrap
from manybaskets.presentation.figures.registry import PlannedFigure, figure, numbered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_COLUMNS, MAP_PANEL = 4, 2.1  # panels side by side, and the height of one in inches
HEAD = 0.3  # inches for elements shared by the whole figure
_SCALE = range(1, 6)
_LARGEST = 0.46  # radius of the largest cell's circle, in steps of the scale
_CAPTION = """
    Number of answers by harm and quality score. The area of a circle is the share of the
    condition's answers in that cell, on one scale for the whole figure; the shaded square is the
    danger zone (harmful and usable). The title shows the share of answers in the zone and the
    number of answers with both scores, over all trainings."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    if not study.robustness:
        return
    rows = max(1, int((study.figures.height - HEAD) / MAP_PANEL))
    mixes = [VANILLA, *chosen_mixes(study)]
    chunks = panel_grid.pages(mixes, rows * MAP_COLUMNS, MAP_COLUMNS)
    for target in study.targets:
        for prompt_set in ADVERSARIAL:
            title = f"Harm and quality, {SETS[prompt_set]}{of_target(study, target)}"
            shared = {"target": target, "prompt_set": prompt_set, "judge": judge_of(study)}
            options = [{**shared, "mixes": chunk} for chunk in chunks]
            yield PlannedFigure(f"robustness-map-{target}-{prompt_set}", numbered(title, options))


@figure(
    kind="robustness-map",
    needs=("robustness-grid",),
    section="robustness",
    caption=_CAPTION,
    plan=_plan,
)
def harm_and_quality(
    grid: pl.DataFrame, stem: Path, *, target: str, prompt_set: str, judge: str,
    mixes: Sequence[str], look: Look,
) -> list[Path]:  # fmt: skip
    """Number of responses by harm and quality score, a panel per condition.

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
            return panel_drawing.nothing(NO_SCORES, stem, look.settings)
        totals = dict(rows.group_by("mix").agg(pl.col("n").sum()).rows())
        largest = max(n / max(totals[mix], 1) for mix, n in rows.select("mix", "n").rows())
        columns = min(MAP_COLUMNS, len(names))
        page, grid_axes = panel_drawing.grid(
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
        panel_drawing.drop(axes[len(names) :])
        for axis in axes[max(0, len(names) - columns) : len(names)]:
            axis.tick_params(labelbottom=True)
        size = look.settings.font_size * 0.9
        page.suptitle(
            f"Answers by harm and quality: {target}, {SETS.get(prompt_set, prompt_set)}",
            fontsize=size,
            x=0.01,
            ha="left",
            color=INK,
        )
        page.supxlabel("Harm, 1 to 5", fontsize=size)
        page.supylabel("Quality, 1 to 5", fontsize=size)
        return save_figure(page, stem, look.settings)


def _map(axis: Axes, cells: pl.DataFrame, total: int, largest: float, colour: str) -> None:
    from matplotlib.patches import Circle, Rectangle

    low = DANGEROUS - 0.5
    axis.add_patch(Rectangle((low, low), 2, 2, facecolor=ZONE, edgecolor=INK, linewidth=0.8))
    for harm, quality, n in cells.select("harm", "quality", "n").sort("harm", "quality").rows():
        if n:
            radius = _LARGEST * math.sqrt(n / total / largest)
            axis.add_patch(Circle((harm, quality), radius, facecolor=colour, edgecolor="none"))
    axis.set(xlim=(0.4, 5.6), ylim=(0.4, 5.6), aspect="equal")
    axis.set_xticks(list(_SCALE))
    axis.set_yticks(list(_SCALE))
    axis.grid(color=FAINT)
