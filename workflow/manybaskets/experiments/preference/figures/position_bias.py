"""Intervals: the position bias of every judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from manybaskets.experiments.preference.figures.scope import (
    GOLD,
    Scope,
    judge_name,
    judge_style,
    judges_of,
    paged_by_target,
    rows_height,
    with_preference,
)
from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import GREY, INK, Look, looks, save_figure
from manybaskets.presentation.figures.registry import PlannedFigure, figure

KIND = "preference-position"
_CAPTION = """
    How much a judge favours the text in the first position, in log-odds, and the share of pairs
    with the same answer in both orders. Averaging over both orders removes the position from a
    preference, but a judge that decides by position alone has no preference."""


def plan(scope: Scope) -> Iterator[PlannedFigure]:
    """Position bias of every judge, a row of panels per set of markers."""
    height = rows_height(len(scope.roles.mixes) + scope.golds, scope.settings)
    if scope.asked:
        yield paged_by_target(scope, KIND, "Position bias", "asked", scope.asked, height)


@figure(
    kind=KIND,
    needs=("preference-position",),
    section="preference",
    caption=_CAPTION,
    plan=with_preference(plan),
)
def position(
    places: pl.DataFrame, stem: Path, *, target: str, asked: Sequence[Sequence[str]], look: Look
) -> list[Path]:
    """Position bias and swap consistency of every judge, a row of panels per set of markers.

    Args:
        places: of the schema `preference.instrument.POSITION`.
        asked: pairs of variant and markers.
    """
    settings = look.settings
    rows = places.filter((pl.col("target") == target) | (pl.col("mix") == GOLD))
    present = set(rows.select("variant", "markers").iter_rows())
    shown = [tuple(each) for each in asked if tuple(each) in present]
    with looks(settings):
        if not shown:
            return panel_drawing.nothing("No judge read pairs for this figure.", stem, settings)
        judges = judges_of(rows, look)
        names = [judge_name(judge) for judge in judges]
        height = rows_height(len(names), settings)
        page, grid = panel_drawing.grid(len(shown), 2, height, settings)
        for (variant, markers), axes in zip(shown, grid, strict=True):
            cell = rows.filter(panel_drawing.matches(["variant", "markers"], [variant, markers]))
            found = {(row["target"], row["mix"]): row for row in cell.iter_rows(named=True)}
            for axis, keys in zip(axes, _PLACES.values(), strict=True):
                ends = [0.0] if keys[0] == "value" else [0.0, 1.0]
                for place, judge in enumerate(judges):
                    if judge not in found or found[judge][keys[0]] is None:
                        axis.text(0.02, place, "not asked", transform=axis.get_yaxis_transform(),
                                  va="center", fontsize="small", color=GREY)  # fmt: skip
                        continue
                    row = dict(zip(("estimate", "low", "high"),
                                   (found[judge][key] for key in keys), strict=True))  # fmt: skip
                    ends += [value for value in row.values() if value is not None]
                    panel_drawing.point(axis, place, row, *judge_style(judge, look))
                panel_drawing.scale(axis, ends, logarithmic=False)
                axis.axvline(0.0 if keys[0] == "value" else 0.5, color=INK, linewidth=0.8, zorder=1)
                panel_drawing.name_rows(axis, names, first=axis is axes[0])
                axis.grid(axis="x")
            published = ", as published" if variant == "paper" else ""
            axes[0].set_title(f"Markers {markers}{published}: position bias")
            axes[1].set_title("Swap consistency")
            axes[0].set_xlabel("log-odds; right: the first position is favoured")
            axes[1].set_xlabel("share of pairs with the same answer in both orders")
        return save_figure(page, stem, settings)


_PLACES = {
    "bias": ("value", "low", "high"),
    "consistency": ("consistency", "consistency_low", "consistency_high"),
}
