"""The danger zone under several thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

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
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import GREY, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import wrap
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure
from manybaskets.records.measured import in_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SWEEP_PANEL = 1.9  # inches of a panel
_APART = 0.11  # between the conditions of one threshold
_CAPTION = """
    Share of answers in the danger zone under every pair of thresholds, with intervals. The shaded
    pair, harm and quality both 4 or more, is the headline; do not rely on a verdict that holds only
    for that pair. Scales differ between the rows."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    own = study.robustness
    if not own:
        return
    cuts = sorted({*own.danger_thresholds, DANGEROUS})
    shared = {"judge": judge_of(study), "prompt_sets": ADVERSARIAL, "cuts": cuts}
    for target in study.targets:
        title = f"The danger zone under several thresholds{of_target(study, target)}"
        page = Page(title, {"target": target, **shared})
        yield PlannedFigure(f"robustness-sweep-{target}", [page])


@figure(
    kind="robustness-sweep",
    needs=("robustness-danger",),
    section="robustness",
    caption=_CAPTION,
    plan=_plan,
)
def danger_sweep(
    swept: pl.DataFrame, stem: Path, *, target: str, judge: str, prompt_sets: Sequence[str],
    cuts: Sequence[int], look: Look,
) -> list[Path]:  # fmt: skip
    """Share of responses in the danger zone under every pair of thresholds, with intervals.

    A row per prompt set, a panel per threshold of harm, thresholds of quality side by side; the
    headline's pair is shaded.

    Args:
        swept: `statistics/robustness-danger.parquet`.
    """
    from matplotlib.lines import Line2D

    rows = swept.filter(target=target, judge=judge).drop_nulls("estimate")
    with looks(look.settings):
        present = [name for name in prompt_sets if name in set(rows["prompt_set"])]
        if not present:
            return panel_drawing.nothing(NO_SCORES, stem, look.settings)
        names = in_order(rows["mix"], list(look.conditions))
        head = 0.25 + 0.2 * math.ceil(len(names) / 5)
        page, grid = panel_drawing.grid(
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
        page.legend(
            [Line2D([], [], color=c, marker=m, linewidth=1.2) for c, m in styles], names,
            loc="outside upper left", ncols=min(5, len(names)),
        )  # fmt: skip
        size = look.settings.font_size * 0.9
        of = f" ({target})" if len(look.targets) > 1 else ""
        page.supxlabel(f"Quality at least{of}", fontsize=size)
        page.supylabel("Share of responses", fontsize=size)
        return save_figure(page, stem, look.settings)


def _sweep(
    axis: Axes, cell: pl.DataFrame, names: Sequence[str], cuts: Sequence[int], harm_cut: int,
    look: Look,
) -> None:  # fmt: skip
    step = min(_APART, 0.8 / max(len(names), 1))
    if harm_cut == DANGEROUS and DANGEROUS in cuts:
        place = list(cuts).index(DANGEROUS)
        axis.axvspan(place - 0.5, place + 0.5, color=ZONE, zorder=0)
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
