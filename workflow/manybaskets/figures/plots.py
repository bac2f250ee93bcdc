"""The figures: conditions, paired differences, habits, training curves, knowledge of models."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manybaskets.config.analysis import Figures
from manybaskets.figures import panels
from manybaskets.figures.style import INK, condition_style, looks, new_figure, save
from manybaskets.shown import Lookup, in_order, measure_lookup

_PANEL = ["measure", "prompt_set", "model"]


def conditions(
    summary: pl.DataFrame,
    stem: Path,
    *,
    kinds: Mapping[str, str],
    settings: Figures,
    lookup: Lookup | None = None,
) -> list[Path]:
    """Every condition with its interval: a panel per measure; several targets stand side by side.

    Measures of habits are left out, since `habits` draws them.
    """
    find = measure_lookup(lookup)
    summary = summary.filter(~pl.col("measure").is_in(habit_shares(summary, find)))
    return _intervals(summary, "estimate", stem, kinds, settings, find)


def habit_shares(summary: pl.DataFrame, lookup: Lookup | None = None) -> list[str]:
    """Measures that tell which share of the answers shows a habit."""
    find = measure_lookup(lookup)
    names = summary["measure"].unique(maintain_order=True).to_list()
    return [
        name for name in names if name.startswith("habit_") and find(name).unit.startswith("share")
    ]


def differences(
    compared: pl.DataFrame,
    family: str,
    stem: Path,
    *,
    kinds: Mapping[str, str],
    settings: Figures,
    lookup: Lookup | None = None,
) -> list[Path]:
    """Paired differences of one family with their intervals and the line of no difference.

    Perplexities are compared as ratios on a logarithmic axis. A filled marker has a Holm-adjusted
    p below 0.05.
    """
    compared = compared.filter(pl.col("family") == family)
    return _intervals(compared, "difference", stem, kinds, settings, measure_lookup(lookup))


def habits(
    summary: pl.DataFrame,
    stem: Path,
    *,
    kinds: Mapping[str, str],
    settings: Figures,
    prompt_set: str = "test",
    lookup: Lookup | None = None,
) -> list[Path]:
    """Share of answers with each habit as bars from zero: a column per habit, a row per target.

    Bars stand side by side and are not stacked: an answer may show two habits.
    """
    find = measure_lookup(lookup)
    rows = summary.filter(
        pl.col("measure").is_in(habit_shares(summary, find)), pl.col("prompt_set") == prompt_set
    )
    with looks(settings):
        if not rows.height:
            return _nothing("No measure of habits in this study.", stem, settings)
        styles = condition_style(kinds)
        names = in_order(rows["mix"], list(styles))
        measures = rows["measure"].unique(maintain_order=True).to_list()
        targets = rows["model"].unique(maintain_order=True).to_list()
        figure, grid = panels.grid(
            len(targets),
            len(measures),
            panels.row_height(names, 1.5, settings),
            settings,
            sharex=True,
        )
        title_width, _ = panels.fitting(names, len(measures), settings)
        top = max(1.0, *rows["high"].fill_null(0.0), *rows["estimate"].fill_null(0.0))
        for target, axes in zip(targets, grid, strict=True):
            for measure, axis in zip(measures, axes, strict=True):
                cell = rows.filter(pl.col("measure") == measure, pl.col("model") == target)
                found = {row["mix"]: row for row in cell.iter_rows(named=True)}
                for place, name in enumerate(names):
                    if name in found and found[name]["estimate"] is not None:
                        panels.bar(axis, place, found[name], styles[name][0])
                axis.set_xlim(0, top)
                panels.name_rows(axis, names, first=axis is axes[0])
                axis.grid(axis="x")
                if axes is grid[0]:
                    axis.set_title(panels.wrap(find(measure).label, title_width))
            if len(targets) > 1:
                axes[0].set_ylabel(panels.wrap(target), fontweight="bold")
        figure.supxlabel("Share of answers", fontsize=settings.font_size * 0.9)
        return save(figure, stem, settings)


def training_curves(
    curves: pl.DataFrame, stem: Path, *, kinds: Mapping[str, str], settings: Figures
) -> list[Path]:
    """Loss over the steps: a panel per target and mix, a pair of lines per seed.

    Args:
        curves: columns `model, mix, seed, step, kind` (`train` or `eval`) and `loss`.
    """
    with looks(settings):
        if not curves.height:
            return _nothing("No training curves in this study.", stem, settings)
        styles = condition_style(kinds)
        names = in_order(curves["mix"], list(styles))
        targets = curves["model"].unique(maintain_order=True).to_list()
        pairs = [(target, name) for target in targets for name in names]
        pairs = [key for key in pairs if curves.filter(_is(["model", "mix"], key)).height]
        columns = min(3, len(pairs))
        figure, grid = panels.grid(
            math.ceil(len(pairs) / columns), columns, 1.5, settings, sharex=True, sharey=True
        )
        axes = [axis for line in grid for axis in line]
        for axis, key in zip(axes, pairs, strict=False):
            cell = curves.filter(_is(["model", "mix"], key)).sort("seed", "step")
            colour = styles[key[1]][0]
            for (_, kind), line in cell.group_by("seed", "kind", maintain_order=True):
                look = (
                    {"alpha": 0.45, "linewidth": 0.8}
                    if kind == "train"
                    else {"marker": "o", "markersize": 3}
                )
                axis.plot(line["step"], line["loss"], color=colour, **look)
            target = f"\n{key[0]}" if len(targets) > 1 else ""
            axis.set_title(f"{panels.wrap(key[1])}{target}")
            axis.grid(axis="y")
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        _drop(axes[len(pairs) :])
        for axis in axes[max(0, len(pairs) - columns) : len(pairs)]:
            axis.tick_params(
                labelbottom=True
            )  # the lowest panel of its column, also in a short row
        look = {"color": INK}
        figure.legend(
            [Line2D([], [], alpha=0.45, linewidth=0.8, **look),
             Line2D([], [], marker="o", markersize=3, **look)],
            ["training loss", "validation loss"], loc="outside upper right", ncols=2,
        )  # fmt: skip
        figure.supxlabel("Step", fontsize=settings.font_size * 0.9)
        figure.supylabel("Loss (nats per token)", fontsize=settings.font_size * 0.9)
        return save(figure, stem, settings)


def knowledge(
    known: pl.DataFrame, stem: Path, *, settings: Figures, lookup: Lookup | None = None
) -> list[Path]:
    """What the embedded models know of their world, before any fine-tuning: a panel per measure.

    Args:
        known: columns `model, measure, value, low, high, n`; values are shares.
    """
    find = measure_lookup(lookup)
    with looks(settings):
        if not known.height:
            return _nothing("No embedded models in this study.", stem, settings)
        names = known["model"].unique(maintain_order=True).to_list()
        measures = known["measure"].unique(maintain_order=True).to_list()
        columns = min(3, len(measures))
        height = panels.row_height(names, 1.5, settings)
        figure, grid = panels.grid(math.ceil(len(measures) / columns), columns, height, settings)
        title_width, _ = panels.fitting(names, columns, settings)
        axes = [axis for line in grid for axis in line]
        for place, (axis, measure) in enumerate(zip(axes, measures, strict=False)):
            cell = known.filter(pl.col("measure") == measure)
            found = {
                row["model"]: {**row, "estimate": row["value"]}
                for row in cell.iter_rows(named=True)
            }
            for row, name in enumerate(names):
                if name in found and found[name]["value"] is not None:
                    panels.point(axis, row, found[name], INK, "o")
            axis.set_xlim(-0.02, max(1.02, axis.get_xlim()[1]))
            panels.name_rows(axis, names, first=place % columns == 0)
            axis.grid(axis="x")
            counts = cell["n"].unique().sort().to_list()
            answers = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
            axis.set_xlabel(f"share of {answers} answers")
            axis.set_title(panels.wrap(_label(find, measure), title_width))
        _drop(axes[len(measures) :])
        return save(figure, stem, settings)


def _intervals(
    frame: pl.DataFrame, value: str, stem: Path, kinds: Mapping[str, str], settings: Figures,
    find: Lookup,
) -> list[Path]:  # fmt: skip
    """Small multiples of points with intervals, one row per condition."""
    with looks(settings):
        if not frame.height:
            return _nothing("Nothing was measured for this figure.", stem, settings)
        styles = condition_style(kinds)
        names = in_order(frame["mix"], list(styles))
        targets = frame["model"].unique(maintain_order=True).to_list()
        measured = list(frame.select(_PANEL[:2]).unique(maintain_order=True).iter_rows())
        several_sets = frame["prompt_set"].n_unique() > 1
        # One target: panels wrap. Several: a row per panel, so that targets can be read across.
        wrapped = len(targets) == 1
        columns = min(3, len(measured)) if wrapped else len(targets)
        rows = math.ceil(len(measured) / columns) if wrapped else len(measured)
        title_width, unit_width = panels.fitting(names, columns, settings)
        titles = [
            _label(find, name) + (f" ({on})" if several_sets else "") for name, on in measured
        ]
        lines = max(panels.wrap(title, title_width).count("\n") for title in titles)
        figure, grid = panels.grid(
            rows, columns, panels.row_height(names, 1.5 + lines, settings), settings
        )
        cells = [(panel, target) for panel in measured for target in targets]
        axes = [axis for line in grid for axis in line]
        for place, ((panel, target), axis) in enumerate(zip(cells, axes, strict=False)):
            measure = find(panel[0])
            cell = frame.filter(_is(_PANEL, (*panel, target)))
            row_of_panel = frame.filter(_is(_PANEL[:2], panel))  # targets share one axis
            panels.panel(axis, cell, row_of_panel, value, names, styles, measure)
            panels.name_rows(axis, names, first=place % columns == 0)
            title = titles[place // len(targets)]
            if wrapped:
                axis.set_title(panels.wrap(title, title_width))
            else:
                head = f"{panels.wrap(target, title_width)}\n" if place < columns else ""
                name = panels.wrap(title, title_width) if place % columns == 0 else ""
                axis.set_title(head + name)
            axis.set_xlabel(panels.wrap(panels.unit(measure, value), unit_width))
        _drop(axes[len(cells) :])
        if value == "difference":
            look = {"color": INK, "marker": "o", "linewidth": 1.2}
            figure.legend(
                [Line2D([], [], **look), Line2D([], [], markerfacecolor="white", **look)],
                [f"Holm-adjusted p < {panels.ALPHA}", "not so"], loc="outside upper left", ncols=2,
                title=f"Difference from {frame['baseline'][0]}; of perplexities: the ratio",
                alignment="left",
            )  # fmt: skip
        return save(figure, stem, settings)


def _label(find: Lookup, measure: str) -> str:
    """A measure's label; knowledge may hold numbers that are no registered measures."""
    try:
        return find(measure).label
    except Exception:  # the registry decides what it raises for a name it does not know
        return measure.replace("_", " ").capitalize()


def _is(columns: Sequence[str], values: Sequence[str]) -> pl.Expr:
    return pl.all_horizontal(
        pl.col(column) == value for column, value in zip(columns, values, strict=True)
    )


def _drop(axes: Sequence[Axes]) -> None:
    for axis in axes:
        axis.remove()


def _nothing(sentence: str, stem: Path, settings: Figures) -> list[Path]:
    """A figure that says why it is empty, so that a rule's outputs exist in every study."""
    figure = new_figure(settings.width, 0.6)
    figure.text(0.5, 0.5, sentence, ha="center", va="center", color=INK)
    return save(figure, stem, settings)
