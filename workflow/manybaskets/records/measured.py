"""Rows of measured values: schema, codes and order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

# Two rows without a prompt report how many prompts a set-level measure uses; `draw` holds the code.
USED = -1
EXCLUDED = -2
# Such a row holds a set-level measure's value on all prompts of the set except this one.
LEFT_OUT = -3
# Draws from this number on leave out groups of prompts: GROUPS draws without one group each, then
# GROUPS / 2 without two groups each (the first two, the next two, …), partition after partition.
GROUP_DRAWS = 10_000
GROUPS = 20
PARTITION_DRAWS = GROUPS + GROUPS // 2
# Such a row holds the number of answers in languages that a set-level measure does not know.
UNKNOWN = -4

MEASURED = pl.Schema(
    {
        "measure": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "seed": pl.Int64,
        "prompt_set": pl.String,
        "prompt_id": pl.String,  # null for a measure of a whole set
        "draw": pl.Int32,  # set-level measures: 0 all prompts; 1, 2, … resamples; -1, -2 prompts used, left out
        "value": pl.Float64,  # null if the prompt is excluded
    }
)

SOURCES = "sources"  # the model of rows that measure what sources answered


def in_order(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Existing names in the given order; names it does not list follow in their own order."""
    present = list(dict.fromkeys(names))
    return [n for n in wanted if n in present] + [n for n in present if n not in wanted]


def in_config_order(
    frame: pl.DataFrame,
    measures: Sequence[str],
    targets: Sequence[str],
    mixes: Sequence[str],
    sources: Sequence[str] = (),
) -> pl.DataFrame:
    """Rows in config order, untuned targets first; tables and figures keep this order.

    Comparison families keep their order; source rows follow run rows.
    """
    orders = {
        "measure": measures,
        "model": [*targets, SOURCES],
        "mix": ["vanilla", *mixes, *sources],
    }
    places = {
        name: {value: place for place, value in enumerate(in_order(frame[name], order))}
        for name, order in orders.items()
    }
    families = frame["family"].to_list() if "family" in frame.columns else [""] * frame.height
    family_places = {name: place for place, name in enumerate(dict.fromkeys(families))}
    keys = [
        (family_places[family], places["measure"][measure], prompt_set, places["model"][model],
         places["mix"][mix])
        for family, (measure, prompt_set, model, mix) in zip(
            families, frame.select("measure", "prompt_set", "model", "mix").iter_rows(), strict=True
        )
    ]  # fmt: skip
    return frame[sorted(range(frame.height), key=keys.__getitem__)]


def whose(frame: pl.DataFrame) -> str:
    """`sources` (answers to the training prompts) or `runs`, per row."""
    return SOURCES if frame.height and (frame["model"] == SOURCES).all() else "runs"


def of_runs(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows for answers of runs."""
    return frame.filter(pl.col("model") != SOURCES)


def of_sources(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows for the sources' answers to the training prompts; `mix` is the source's name."""
    return frame.filter(pl.col("model") == SOURCES)
