"""Rows of measured values: their schema, their codes and their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

# Two rows without a prompt tell on how many prompts a set measure rests; their place is `draw`.
USED = -1
EXCLUDED = -2
# In such a row stands the value of a set measure on all prompts of the set but this one.
LEFT_OUT = -3

MEASURED = pl.Schema(
    {
        "measure": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "seed": pl.Int64,
        "prompt_set": pl.String,
        "prompt_id": pl.String,  # null for a measure of a whole set
        "draw": pl.Int32,  # set measures: 0 all prompts; 1, 2, … half-samples; -1, -2 prompts used, left out
        "value": pl.Float64,  # null where the prompt is excluded
    }
)

SOURCES = "sources"  # the model of rows that measure what sources answered


def in_order(names: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Names that occur, in the wanted order; those it does not list follow as they came."""
    present = list(dict.fromkeys(names))
    return [n for n in wanted if n in present] + [n for n in present if n not in wanted]


def in_config_order(
    frame: pl.DataFrame,
    measures: Sequence[str],
    targets: Sequence[str],
    mixes: Sequence[str],
    sources: Sequence[str] = (),
) -> pl.DataFrame:
    """Rows in the order of the config, the untuned targets first; tables and figures keep it.

    The families of comparisons stay as they come; rows of sources follow those of runs.
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
    """Whether rows are of `sources` (their answers to the training prompts) or of `runs`."""
    return SOURCES if frame.height and (frame["model"] == SOURCES).all() else "runs"


def of_runs(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the runs' answers."""
    return frame.filter(pl.col("model") != SOURCES)


def of_sources(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the sources' answers to the training prompts; `mix` names the source."""
    return frame.filter(pl.col("model") == SOURCES)
