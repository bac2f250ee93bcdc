"""Habits of answers, training curves, knowledge of the embedded models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.participants import embedded_sources
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import INK, Look, looks, save_figure
from manybaskets.presentation.figures.panel_grid import fitting, pages, row_height, wrap
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure, numbered
from manybaskets.presentation.formatting import Lookup, measure_lookup
from manybaskets.records.measured import in_order
from manybaskets.report.figures.measured_panels import is_habit

_RUN = ["model", "mix"]
_CURVE_PANEL, _CURVE_COLUMNS = 1.5, 3  # inches of a panel of training curves; panels side by side
_HABITS = """
    Share of the answers to test prompts that show each planted habit, with intervals. An answer may
    show several habits, so the shares of a condition need not add up to one. The human answers have
    none of these habits."""
_TRAINING_CURVES = """
    Loss over the training steps: thin lines are the training loss, marked lines the loss on the
    validation prompts, which are the same in all mixes; there is one of each per training seed. The
    adapter with the lowest validation loss is kept. Losses are comparable within a mix only, because
    the mixes hold different answers."""
_KNOWLEDGE = """
    How well each embedded model knows its made-up world before any fine-tuning, with intervals. A
    model that does not know the facts, or does not refuse what it should, cannot show what fine-tuning
    takes away."""


def _plan_habits(study: Study) -> Iterator[PlannedFigure]:
    measures = [name for name in study.measures if is_habit(name)]
    if study.targets and measures:
        yield PlannedFigure("habits", [Page("Habits inherited", {"measures": measures})])


@figure(kind="habits", needs=("summary",), caption=_HABITS, plan=_plan_habits)
def habits(
    summary: pl.DataFrame,
    stem: Path,
    *,
    measures: Sequence[str],
    look: Look,
    prompt_set: str = "test",
    lookup: Lookup | None = None,
) -> list[Path]:
    """Share of answers with each habit as bars from zero: a column per habit, a row per target.

    Bars stand side by side and are not stacked: an answer may show two habits.
    """
    find, settings = measure_lookup(lookup), look.settings
    rows = summary.filter(pl.col("measure").is_in(measures), pl.col("prompt_set") == prompt_set)
    with looks(settings):
        if not rows.height:
            return panel_drawing.nothing("No measure of habits in this study.", stem, settings)
        styles = look.conditions
        names = in_order(rows["mix"], list(styles))
        measures = in_order(rows["measure"], measures)
        targets = in_order(rows["model"], look.targets)
        page, grid = panel_drawing.grid(
            len(targets), len(measures), row_height(names, 1.5, settings), settings, sharex=True
        )
        title_width, _ = fitting(names, len(measures), settings)
        top = max(1.0, *rows["high"].fill_null(0.0), *rows["estimate"].fill_null(0.0))
        for target, axes in zip(targets, grid, strict=True):
            for measure, axis in zip(measures, axes, strict=True):
                cell = rows.filter(pl.col("measure") == measure, pl.col("model") == target)
                found = {row["mix"]: row for row in cell.iter_rows(named=True)}
                for place, name in enumerate(names):
                    if name in found and found[name]["estimate"] is not None:
                        panel_drawing.bar(axis, place, found[name], styles[name][0])
                axis.set_xlim(0, top)
                panel_drawing.name_rows(axis, names, first=axis is axes[0])
                axis.grid(axis="x")
                if axes is grid[0]:
                    axis.set_title(wrap(find(measure).label, title_width))
            if len(targets) > 1:
                axes[0].set_ylabel(wrap(target), fontweight="bold")
        page.supxlabel("Share of answers", fontsize=settings.font_size * 0.9)
        return save_figure(page, stem, settings)


def _plan_training_curves(study: Study) -> Iterator[PlannedFigure]:
    pairs = [[target, mix] for target in study.targets for mix in study.mixes]
    rows = max(1, int((study.figures.height - 0.7) / _CURVE_PANEL))
    chunks = pages(pairs, _CURVE_COLUMNS * rows, _CURVE_COLUMNS)
    options = [{"pairs": chunk} for chunk in chunks]
    yield PlannedFigure("training-curves", numbered("Training curves", options))


@figure(
    kind="training-curves",
    needs=("curves",),
    section="making",
    caption=_TRAINING_CURVES,
    plan=_plan_training_curves,
)
def training_curves(
    curves: pl.DataFrame,
    stem: Path,
    *,
    look: Look,
    pairs: Sequence[Sequence[str]] | None = None,
) -> list[Path]:
    """Loss over the steps: a panel per target and mix, a pair of lines per seed.

    Args:
        curves: columns `model, mix, seed, step, kind` (`train` or `eval`) and `loss`.
        pairs: targets and mixes that are drawn; all unless given.
    """
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    settings, styles = look.settings, look.conditions
    with looks(settings):
        targets = in_order(curves["model"], look.targets)
        if pairs is None:
            names = in_order(curves["mix"], list(styles))
            pairs = [(target, name) for target in targets for name in names]
        pairs = [key for key in pairs if curves.filter(panel_drawing.matches(_RUN, key)).height]
        if not pairs:
            return panel_drawing.nothing("No training curves in this study.", stem, settings)
        columns = min(_CURVE_COLUMNS, len(pairs))
        rows = math.ceil(len(pairs) / columns)
        page, grid = panel_drawing.grid(
            rows, columns, _CURVE_PANEL, settings, sharex=True, sharey=True
        )
        axes = [axis for line in grid for axis in line]
        for axis, key in zip(axes, pairs, strict=False):
            cell = curves.filter(panel_drawing.matches(_RUN, key)).sort(
                "seed", "kind", "step", descending=[False, True, False]
            )
            colour = styles[key[1]][0]
            for (_, kind), line in cell.group_by("seed", "kind", maintain_order=True):
                drawn = (
                    {"alpha": 0.45, "linewidth": 0.8}
                    if kind == "train"
                    else {"marker": "o", "markersize": 3}
                )
                axis.plot(line["step"], line["loss"], color=colour, **drawn)
            target = f"\n{key[0]}" if len(targets) > 1 else ""
            axis.set_title(f"{wrap(key[1])}{target}")
            axis.grid(axis="y")
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel_drawing.drop(axes[len(pairs) :])
        for axis in axes[max(0, len(pairs) - columns) : len(pairs)]:
            axis.tick_params(
                labelbottom=True
            )  # the lowest panel of its column, also in a short row
        line = {"color": INK}
        page.legend(
            [Line2D([], [], alpha=0.45, linewidth=0.8, **line),
             Line2D([], [], marker="o", markersize=3, **line)],
            ["training loss", "validation loss"], loc="outside upper right", ncols=2,
        )  # fmt: skip
        page.supxlabel("Step", fontsize=settings.font_size * 0.9)
        page.supylabel("Loss (nats per token)", fontsize=settings.font_size * 0.9)
        return save_figure(page, stem, settings)


@figure(
    kind="knowledge",
    title="What the embedded models know",
    needs=("knowledge",),
    section="making",
    caption=_KNOWLEDGE,
    when=lambda study: bool(embedded_sources(study)),
)
def knowledge(
    known: pl.DataFrame, stem: Path, *, look: Look, lookup: Lookup | None = None
) -> list[Path]:
    """What the embedded models know of their world, before any fine-tuning: a panel per measure.

    Args:
        known: columns `model, measure, value, low, high, n`; values are shares.
    """
    find, settings = measure_lookup(lookup), look.settings
    with looks(settings):
        if not known.height:
            return panel_drawing.nothing("No embedded models in this study.", stem, settings)
        names = known["model"].unique(maintain_order=True).to_list()
        measures = known["measure"].unique(maintain_order=True).to_list()
        columns = min(3, len(measures))
        height = row_height(names, 1.5, settings)
        page, grid = panel_drawing.grid(
            math.ceil(len(measures) / columns), columns, height, settings
        )
        title_width, _ = fitting(names, columns, settings)
        axes = [axis for line in grid for axis in line]
        for place, (axis, measure) in enumerate(zip(axes, measures, strict=False)):
            cell = known.filter(pl.col("measure") == measure)
            found = {
                row["model"]: {**row, "estimate": row["value"]}
                for row in cell.iter_rows(named=True)
            }
            for row, name in enumerate(names):
                if name in found and found[name]["value"] is not None:
                    panel_drawing.point(axis, row, found[name], INK, "o")
            axis.set_xlim(-0.02, max(1.02, axis.get_xlim()[1]))
            panel_drawing.name_rows(axis, names, first=place % columns == 0)
            axis.grid(axis="x")
            counts = cell["n"].unique().sort().to_list()
            answers = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            axis.set_xlabel(f"share of {answers} answers")
            axis.set_title(wrap(_label(find, measure), title_width))
        panel_drawing.drop(axes[len(measures) :])
        return save_figure(page, stem, settings)


def _label(find: Lookup, measure: str) -> str:
    """A measure's label; knowledge may hold numbers that are no registered measures."""
    try:
        return find(measure).label
    except (UserError, KeyError):
        return measure.replace("_", " ").capitalize()
