"""Shared parts of the experiment's figures: judges, authors and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from manybaskets.config.evaluation import Figures
from manybaskets.config.preference_judging import PreferenceJudging
from manybaskets.config.study import Study
from manybaskets.experiments.preference.roles import Roles
from manybaskets.experiments.preference.schemas import (
    ABSOLUTE,
    CORRECTED,
    DISCRIMINATION,
    PAIRWISE,
    PAPER,
)
from manybaskets.presentation.figures import panel_grid
from manybaskets.presentation.figures.figure_style import GREY, INK, Look
from manybaskets.presentation.figures.registry import Page, PlannedFigure
from manybaskets.records.measured import in_order

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

Ways = Sequence[Sequence[str]]  # pairs of variant and protocol
TITLES = {
    (CORRECTED, PAIRWISE): "Pairs",
    (CORRECTED, ABSOLUTE): "Scores",
    (PAPER, PAIRWISE): "Pairs, as published",
    (PAPER, ABSOLUTE): "Scores, as published",
}
UNITS = {PAIRWISE: "probability of being preferred", ABSOLUTE: "mean score, points"}
BIAS_UNITS = {PAIRWISE: "probability", ABSOLUTE: "points"}
GOLD, OWN = "gold", "own"
HEAD = 0.45  # inches for a legend
NOTHING_READ = "No judge read anything for this figure."


@dataclass(frozen=True)
class Scope:
    """Scope that determines the figures' pages.

    Attributes:
        ways: pairs of variant and protocol in which judges are asked, the published ones last.
        asked: pairs of variant and set of markers of all comparisons.
        golds: number of gold judges.
        discriminating: whether judges are shown corrupted texts.
    """

    roles: Roles
    ways: Ways
    asked: Ways
    golds: int
    discriminating: bool
    settings: Figures

    @classmethod
    def of(cls, study: Study) -> Scope:
        """The scope of a study with the section `preference`."""
        judging = study.preference.judging
        return cls(
            Roles.of(study),
            ways_of(judging),
            marker_sets_of(judging),
            len(study.preference.gold_judges),
            DISCRIMINATION in judging.protocols,
            study.figures,
        )


Plan = Callable[[Scope], Iterable[PlannedFigure]]


def with_preference(plan: Plan) -> Callable[[Study], Iterable[PlannedFigure]]:
    """A plan from the scope of a study; empty without the section `preference`."""
    return lambda study: plan(Scope.of(study)) if study.preference else []


def ways_of(judging: PreferenceJudging) -> list[list[str]]:
    """Pairs of variant and protocol in which judges are asked, the published ones last."""
    variants = [CORRECTED, *([PAPER] if judging.published_form else [])]
    protocols = [name for name in (PAIRWISE, ABSOLUTE) if name in judging.protocols]
    return [[variant, protocol] for variant in variants for protocol in protocols]


def marker_sets_of(judging: PreferenceJudging) -> list[list[str]]:
    """Pairs of variant and set of markers of all comparisons."""
    if PAIRWISE not in judging.protocols:
        return []
    asked = [[CORRECTED, "/".join(markers)] for markers in judging.markers]
    return [
        *asked,
        *([[PAPER, "/".join(judging.published_form.markers)]] if judging.published_form else []),
    ]


def paged_by_target(
    scope: Scope, name: str, title: str, key: str, items: Ways, height: float, **options: Any
) -> PlannedFigure:
    """A figure with separate pages for every target.

    Args:
        key: option with the items of a page.
        height: inches per item.
    """
    room = scope.settings.height - HEAD
    chunks = panel_grid.pages([list(each) for each in items], max(1, int(room / height)))
    pages = [
        Page(title_of(scope, title, target), {"target": target, key: chunk, **options})
        for target in scope.roles.selves
        for chunk in chunks
    ]
    return PlannedFigure(name, pages)


def title_of(scope: Scope, title: str, target: str) -> str:
    """A title that names the target if there are several."""
    return f"{title}: {target}" if len(scope.roles.selves) > 1 else title


def rows_height(rows: int, settings: Figures) -> float:
    """Inches of a panel by its number of rows."""
    return (2.1 * rows + 5) * settings.font_size / 72


def rows_of_judges(frame: pl.DataFrame, target: str, way: Sequence[str]) -> pl.DataFrame:
    """Rows of a target's judges and of the gold judges, asked in one way."""
    return frame.filter(
        (pl.col("target") == target) | (pl.col("mix") == GOLD),
        pl.col("variant") == way[0],
        pl.col("protocol") == way[1],
    )


def means_of(rows: pl.DataFrame, target: str) -> pl.DataFrame:
    """Means of authors in the panel of a target."""
    is_mean = pl.col("opponent").is_null() & pl.col("value").is_not_null()
    return rows.filter(is_mean, pl.col("panel") == target)


def sorted_rows(rows: pl.DataFrame, look: Look) -> list[dict[str, Any]]:
    """Rows in config order, for a consistent drawing order."""
    order = in_order(rows["mix"].sort(), list(look.conditions))
    return sorted(rows.rows(named=True), key=lambda row: (order.index(row["mix"]), row["self"]))


def judges_of(rows: pl.DataFrame, look: Look) -> list[tuple[str, str]]:
    """Judges of some rows in the order of the config, gold judges last: pairs of target and mix."""
    judges = list(dict.fromkeys(rows.select("target", "mix").iter_rows()))
    mixes = in_order([mix for _, mix in judges], [*look.conditions, GOLD])
    return sorted(judges, key=lambda judge: (judge[1] == GOLD, mixes.index(judge[1])))


def judge_name(judge: tuple[str, str]) -> str:
    """Label of a judge in figures."""
    return f"{judge[0]} ({GOLD})" if judge[1] == GOLD else judge[1]


def judge_style(judge: tuple[str, str], look: Look) -> tuple[str, str]:
    """Colour and marker of a judge."""
    return (GREY, "*") if judge[1] == GOLD else look.conditions.get(judge[1], (INK, "o"))


def authors_of(rows: pl.DataFrame, authors: Sequence[str]) -> list[str]:
    """Authors of some rows in this order, the runs' own texts last."""
    return in_order(rows["author"].sort(), [*authors, OWN])


def marker_of(marker: str, **more: Any) -> Line2D:
    """An entry of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], marker=marker, linestyle="", **{"color": INK, **more})
