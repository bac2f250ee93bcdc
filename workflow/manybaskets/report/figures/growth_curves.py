"""How the vocabulary grows with the number of words: Heaps' curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.names import TEST, TRAIN
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import Look, looks, save_figure
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure
from manybaskets.presentation.formatting import number, rounded_alike
from manybaskets.records.measured import in_order, whose

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOWEST = 3.1  # inches of a panel
_CAPTION = """
    How many distinct words the first so many words of the answers hold, averaged over all orders of
    the answers; both axes are logarithmic. A flat line means a vocabulary that is soon exhausted. All
    conditions end where the shortest one has no more words. Where answers are short, the same number
    of words covers the answers to more prompts, which by itself brings in more words. Lines are means
    over training seeds, bands reach from the lowest to the highest seed. The legend has K and β of
    Heaps' law, `types = K * words^β`, with the interval of β; both are fitted together, to the first
    half of the curve, and should be read together."""


def _plan(study: Study) -> Iterator[PlannedFigure]:
    if study.targets:
        page = Page("Growth of the vocabulary", {"prompt_set": TEST})
        yield PlannedFigure("growth", [page])
    if study.source_analysis:
        page = Page("Growth of the sources' vocabulary", {"prompt_set": TRAIN})
        yield PlannedFigure("growth-sources", [page], section="sources")


@figure(kind="growth", needs=("growth", "summary"), caption=_CAPTION, plan=_plan)
def growth(
    grown: pl.DataFrame, summary: pl.DataFrame, stem: Path, *, prompt_set: str, look: Look
) -> list[Path]:
    """Distinct words against words, log–log: a panel per target, a line per condition.

    The line is the mean over training seeds, a band reaches from the lowest to the highest of them.
    The legend holds K and β of Heaps' law with the interval of β, where both were measured.

    Args:
        grown: columns `model, mix, seed, prompt_set, tokens, types`.
        summary: the conditions' estimates.
        prompt_set: which answers; `train` are the sources'.
    """
    settings = look.settings
    grown = grown.filter(pl.col("prompt_set") == prompt_set)
    laws = _laws(summary.filter(pl.col("prompt_set") == prompt_set))
    with looks(settings):
        if not grown.height:
            return panel_drawing.nothing("Too few words for a curve.", stem, settings)
        styles = look.of_sources if whose(grown) == "sources" else look.conditions
        targets = in_order(grown["model"], list(look.targets))
        names = in_order(grown["mix"], list(styles))
        texts = {(target, name): _legend_text(name, laws.get((target, name), {}))
                 for target in targets for name in names}  # fmt: skip
        lines = max(
            sum(texts[target, name].count("\n") + 1.6 for name in names) for target in targets
        )
        height = max(_LOWEST, (lines * 1.25 + 3) * settings.font_size / 72)
        page, grid = panel_drawing.grid(len(targets), 1, height, settings)
        for target, (axis,) in zip(targets, grid, strict=True):
            cell = grown.filter(pl.col("model") == target)
            for place, name in enumerate(in_order(cell["mix"], names)):
                curve = cell.filter(pl.col("mix") == name)
                _curve(axis, curve, place, styles[name], texts[target, name])
            panel_drawing.scale(axis, cell["tokens"].to_list(), logarithmic=True)
            panel_drawing.scale(axis, cell["types"].to_list(), logarithmic=True, way="y")
            axis.set(xlabel="words", ylabel="distinct words")
            axis.grid()
            of = f": {target}" if len(targets) > 1 else ""
            axis.set_title(f"Distinct words among the first words written{of}")
            axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), labelspacing=0.7)
        return save_figure(page, stem, settings)


def _curve(axis: Axes, cell: pl.DataFrame, place: int, style: tuple[str, str], text: str) -> None:
    seeds = (
        cell.group_by("tokens")
        .agg(pl.col("types").mean(), low=pl.col("types").min(), high=pl.col("types").max())
        .sort("tokens")
    )
    colour, marker = style
    if (seeds["low"] < seeds["high"]).any():
        axis.fill_between(
            seeds["tokens"], seeds["low"], seeds["high"], facecolor=(colour, 0.15), edgecolor="none"
        )
    # Markers of different lines do not stand at the same places.
    every = max(1, seeds.height // 5)
    axis.plot(
        seeds["tokens"], seeds["types"], marker=marker, color=colour, markersize=4,
        markevery=(place % every, every), label=text,
    )  # fmt: skip


def _laws(summary: pl.DataFrame) -> dict[tuple[str, str], dict[str, Mapping[str, Any]]]:
    """Estimates of Heaps' law by target and condition, then by measure."""
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in summary.filter(pl.col("measure").str.starts_with("heaps_")).iter_rows(named=True):
        found.setdefault((row["model"], row["mix"]), {})[row["measure"]] = row
    return found


def _legend_text(name: str, law: Mapping[str, Mapping[str, Any]]) -> str:
    """Name, K and β with its interval, and a word where the law does not fit."""
    factor, exponent = law.get("heaps_k", {}), law.get("heaps_beta", {})
    if factor.get("estimate") is None or exponent.get("estimate") is None:
        return name
    value, low, high = (exponent[key] for key in ("estimate", "low", "high"))
    text = f"{name}\nK {number(factor['estimate'])}, β {number(value)}"
    if low is not None and high is not None:
        text += f" ({' to '.join(rounded_alike([low, high]))})"
    fits = law.get("heaps_fit_ok", {}).get("estimate")
    if fits is not None and math.isfinite(fits) and fits < 1:
        text += "\npoor fit: do not read K and β"
    return text
