"""Draw the study's stages: dependencies, finished jobs and jobs to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from manybaskets.config.evaluation import Figures
from manybaskets.plan.making import Plan, StagePlan
from manybaskets.plan.table import hours_of_stage
from manybaskets.presentation.figures.figure_style import (
    BLUE,
    FAINT,
    INK,
    looks,
    new_figure,
    save_figure,
)

_WIDTH, _HEIGHT, _GAP, _ROOM = 3.4, 0.6, 0.32, 0.7  # inches; room for arcs around other stages


def draw_plan(plan: Plan, stem: Path, settings: Figures) -> list[Path]:
    """Draw the stages from top to bottom, each below its inputs, with the finished share.

    Args:
        stem: path of the files without suffix.

    Returns:
        The written files: SVG and PNG.
    """
    rows = {stage.stage: -row * (_HEIGHT + _GAP) for row, stage in enumerate(plan.stages)}
    height = len(rows) * (_HEIGHT + _GAP)
    with looks(settings):
        figure = new_figure(_WIDTH + _ROOM, height + 0.4)
        axes = figure.add_subplot()
        axes.set(xlim=(-0.05, _WIDTH + _ROOM), ylim=(_HEIGHT - height + 0.1, _HEIGHT + 0.4))
        axes.set_axis_off()
        axes.text(0, _HEIGHT + 0.2, f"{plan.study}: jobs by stage", va="center", color=INK)
        names = list(rows)
        for before, after in _direct(plan.links):
            _arrow(axes, rows[before], rows[after], names.index(after) - names.index(before))
        for stage in plan.stages:
            _box(axes, rows[stage.stage], stage)
        return save_figure(figure, stem, settings)


def _direct(links: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Links without those implied by longer paths, for readability."""
    after: dict[str, set[str]] = {}
    for first, second in links:
        after.setdefault(first, set()).add(second)

    def reached(start: str, seen: set[str]) -> set[str]:
        for name in after.get(start, ()):
            if name not in seen:
                seen.add(name)
                reached(name, seen)
        return seen

    direct = []
    for first, second in links:
        around = (reached(other, {other}) for other in after[first] - {second})
        if not any(second in names and first not in names for names in around):
            direct.append((first, second))
    return direct


def _arrow(axes, start: float, end: float, rows: int) -> None:
    """Draw straight down to the next box, and around boxes in between to others."""
    looks_of_arrow = {
        "arrowstyle": "-|>",
        "color": INK,
        "linewidth": 0.8,
        "shrinkA": 0,
        "shrinkB": 0,
    }
    if rows == 1:
        points = ((_WIDTH / 2, start), (_WIDTH / 2, end + _HEIGHT))
    else:
        points = ((_WIDTH, start + _HEIGHT / 2), (_WIDTH, end + 0.65 * _HEIGHT))
        # Longer arcs are flatter, so that all arcs fit into the room.
        bend = min(0.35, 0.85 / abs(start - end))
        looks_of_arrow["connectionstyle"] = f"arc3,rad={-bend if start > end else bend:.3f}"
    axes.annotate("", xy=points[1], xytext=points[0], arrowprops=looks_of_arrow, zorder=1)


def _box(axes, y: float, stage: StagePlan) -> None:
    from matplotlib.patches import Rectangle

    jobs = stage.done + stage.to_run
    share = stage.done / jobs if jobs else 0.0
    bars = (
        (_WIDTH, _HEIGHT, {"facecolor": "white", "edgecolor": INK, "linewidth": 0.8}),
        (_WIDTH, 0.1, {"facecolor": FAINT}),
        (share * _WIDTH, 0.1, {"facecolor": BLUE}),
    )
    for layer, (width, height, style) in enumerate(bars):
        axes.add_patch(Rectangle((0, y), width, height, zorder=2 + layer, **style))
    style = {"va": "center", "color": INK, "zorder": 6}
    axes.text(0.12, y + 0.36, stage.stage, weight="bold", **style)
    said = f"{stage.done} done, {stage.to_run} to run"
    if stage.to_run:
        said += f"\n{hours_of_stage(stage)}"
    axes.text(_WIDTH - 0.12, y + 0.35, said, ha="right", fontsize="small", **style)
