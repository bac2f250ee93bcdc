"""Measured rows, families and settings for the tests of the statistics."""

from __future__ import annotations

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.measures import EXCLUDED, USED
from manybaskets.records.measured import MEASURED

QUICK = Statistics(bootstrap_resamples=400, sign_flips=499, half_samples=20)
USUAL = Statistics(bootstrap_resamples=2000, sign_flips=9999, half_samples=100)


def prompt_rows(
    values: np.ndarray, mix: str, measure: str = "m", model: str = "tiny", ids=None, seeds=None
) -> pl.DataFrame:
    """Rows of the schema `MEASURED` from `values[seed, prompt]`; NaN becomes null."""
    values = np.atleast_2d(values).astype(np.float64)
    seeds = list(seeds or range(1, len(values) + 1))
    ids = ids or [f"p{place:04d}" for place in range(values.shape[1])]
    rows = len(seeds) * len(ids)
    columns = {
        "measure": [measure] * rows,
        "model": [model] * rows,
        "mix": [mix] * rows,
        "seed": np.repeat(seeds, len(ids)),
        "prompt_set": ["test"] * rows,
        "prompt_id": list(ids) * len(seeds),
        "draw": [0] * rows,
        "value": values.ravel(),
    }
    return pl.DataFrame(columns, schema=MEASURED).with_columns(pl.col("value").fill_nan(None))


def set_rows(
    full, draws, mix: str, used: int = 50, excluded: int = 2, model: str = "tiny"
) -> pl.DataFrame:
    """Rows of a set measure: `full[seed]`, `draws[seed, draw]`."""
    found = []
    for seed, (value, line) in enumerate(zip(full, draws, strict=True), start=1):
        entries = [(0, value), (USED, used), (EXCLUDED, excluded), *enumerate(line, start=1)]
        found += [("s", model, mix, seed, "test", None, d, float(v)) for d, v in entries]
    return pl.DataFrame(found, schema=MEASURED, orient="row").with_columns(
        pl.col("value").fill_nan(None)
    )


def family(*mixes: str, measures=("m",), baseline: str = "base") -> dict[str, Comparison]:
    """One family, named `main`."""
    return {"main": Comparison(baseline=baseline, conditions=list(mixes), measures=list(measures))}


def only(frame: pl.DataFrame) -> dict:
    """The one row of a table."""
    assert frame.height == 1
    return frame.row(0, named=True)
