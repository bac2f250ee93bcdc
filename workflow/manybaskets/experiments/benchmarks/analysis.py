"""All statistics of the experiment on benchmarks, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.benchmarks import (
    designs,
    item_preferences,
    published_numbers,
    score_estimates,
    student_agreement,
)
from manybaskets.experiments.benchmarks.score_book import COMPARED, ScoreBook
from manybaskets.experiments.benchmarks.settings import Benchmarks

SCORES, AVERAGES = "benchmark-scores", "benchmark-averages"
SELECTIONS, DIFFERENCES = "benchmark-selections", "benchmark-differences"
AGREEMENT, RATES = "benchmark-agreement", "benchmark-agreement-rates"
PREFERENCES = "benchmark-preferences"
GRID, FAMILIES = "benchmark-grid", "benchmark-families"
SCALING, TRENDS, BLENDS = "benchmark-scaling", "benchmark-trends", "benchmark-blends"
SETTINGS = "benchmark-settings"
PUBLISHED, ORDERS = "published-benchmarks", "published-benchmark-orders"
_NAMES = ("model", "baseline", "benchmark", "average", "score", "equals")  # columns with labels


def statistics_of(section: Benchmarks) -> list[str]:
    """Names of the statistics that a study has."""
    having = {
        SCORES: True,
        SETTINGS: True,
        AVERAGES: bool(section.averages),
        SELECTIONS: bool(section.selections),
        DIFFERENCES: any(each.baseline for each in section.selections.values()),
        AGREEMENT: bool(section.agreement),
        RATES: bool(section.agreement),
        PREFERENCES: bool(section.preferences),
        GRID: bool(section.grids),
        FAMILIES: any(grid.same_family for grid in section.grids.values()),
        SCALING: bool(section.scaling),
        TRENDS: bool(section.scaling),
        BLENDS: bool(section.blends),
        PUBLISHED: section.published is not None,
        ORDERS: section.published is not None,
    }
    return [name for name, has in having.items() if has]


def compute_statistics(
    books: Mapping[str, ScoreBook], settings: Statistics, seed: int, published: Path | None
) -> dict[str, pl.DataFrame]:
    """The statistics of `statistics_of` by name, with the labels of models and benchmarks.

    Args:
        books: scores by result set.
        settings: confidence and numbers of resamples.
        published: file of published numbers; None if the study compares none.
    """
    section = next(iter(books.values())).section
    confidence = settings.confidence
    frames = {
        SCORES: score_estimates.score_table(books, settings, seed),
        AVERAGES: score_estimates.average_table(books, confidence),
        SETTINGS: settings_table(books),
    }
    frames[SELECTIONS] = selection_table(section, frames[SCORES], frames[AVERAGES])
    wanted = statistics_of(section)
    if DIFFERENCES in wanted:
        frames[DIFFERENCES] = score_estimates.difference_table(books, settings, seed)
    if AGREEMENT in wanted:
        frames[AGREEMENT] = student_agreement.agreement_table(books)
        frames[RATES] = student_agreement.agreement_rates(frames[AGREEMENT], confidence)
    if PREFERENCES in wanted:
        frames[PREFERENCES] = item_preferences.preference_table(books, confidence)
    if GRID in wanted:
        frames[GRID] = designs.grid_table(books, confidence)
        frames[FAMILIES] = designs.family_table(frames[GRID], confidence)
    if SCALING in wanted:
        frames[SCALING] = designs.scaling_table(books, confidence)
        frames[TRENDS] = designs.trend_table(frames[SCALING], confidence)
    if BLENDS in wanted:
        frames[BLENDS] = designs.blend_table(books, confidence)
    if PUBLISHED in wanted:
        numbers = published_numbers.load_published(published)
        frames[PUBLISHED] = published_numbers.published_table(books, numbers)
        frames[ORDERS] = published_numbers.order_table(frames[PUBLISHED])
    return {name: labelled(frames[name], section) for name in wanted}


def selection_table(
    section: Benchmarks, scores: pl.DataFrame, averages: pl.DataFrame
) -> pl.DataFrame:
    """Scores and averages of every selection, in its order: a row per model and benchmark."""
    components = []
    whole = pl.concat(
        [
            scores.select("results", "model", "benchmark", "score", "low", "high", "maximum"),
            averages.select("results", "model", benchmark="average", score="value", low="low",
                            high="high", maximum=pl.lit(1.0)),
        ]
    )  # fmt: skip
    for name, selection in section.selections.items():
        order = pl.DataFrame({"model": selection.models})
        own = whole.filter(results=section.results_of(selection.results))
        found = order.join(own, on="model", how="inner", maintain_order="left_right")
        components.append(found.select(pl.lit(name).alias("selection"), pl.exclude("results")))
    return pl.concat(components) if components else whole.clear()


def settings_table(books: Mapping[str, ScoreBook]) -> pl.DataFrame:
    """What every benchmark was measured with, by result set."""
    rows = []
    for name, book in books.items():
        for benchmark in book.benchmarks():
            known = book.settings_of(benchmark)
            shown = {key: _text(known.get(key)) for key in COMPARED}
            models = sum(book.get(model, benchmark) is not None for model in book.models())
            rows.append({"results": name, "benchmark": benchmark, **shown, "n_models": models})
    types = dict.fromkeys(("results", "benchmark", *COMPARED), pl.String)
    return pl.DataFrame(rows, schema=types | {"n_models": pl.Int64})


def labelled(frame: pl.DataFrame, section: Benchmarks) -> pl.DataFrame:
    """A frame with the labels of models, benchmarks and averages in place of their keys."""
    labels = {name: section.label(name) for name in (*section.models, *section.tasks)}
    columns = [
        pl.col(name).replace(labels)
        for name, kind in frame.schema.items()
        if name in _NAMES and kind == pl.String
    ]
    return frame.with_columns(columns)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)
