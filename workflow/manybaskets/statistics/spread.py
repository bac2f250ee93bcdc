"""Values behind the estimates: per training seed, and their distribution over prompts."""

from __future__ import annotations

import numpy as np
import polars as pl

from manybaskets.statistics.cells import PromptCell, cells

SEEDS = pl.Schema(
    {
        "measure": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "prompt_set": pl.String,
        "seed": pl.Int64,
        "value": pl.Float64,  # null where undefined
    }
)
DISTRIBUTIONS = pl.Schema(
    {
        "measure": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "prompt_set": pl.String,
        "quantile": pl.Float64,
        "value": pl.Float64,
    }
)
_QUANTILES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)


def seed_values(rows: pl.DataFrame) -> pl.DataFrame:
    """The value of every training seed; their mean is the estimate.

    For per-prompt measures, the mean over the prompts with a value in any seed; a missing value
    removes itself and not its prompt.

    Args:
        rows: of the schema `records.MEASURED`.

    Returns:
        Schema `SEEDS`, sorted.
    """
    lines = []
    for key, cell in sorted(cells(rows).items(), key=lambda item: item[0]):
        if not isinstance(cell, PromptCell):
            values = cell.full
        elif cell.measured.any():
            values = cell.table().mean(axis=1)
        else:
            values = np.full(len(cell.seeds), np.nan)
        lines += [(*key, seed, float(v)) for seed, v in zip(cell.seeds, values, strict=True)]
    frame = pl.DataFrame(lines, schema=SEEDS, orient="row")
    return frame.with_columns(pl.col("value").fill_nan(None))


def prompt_quantiles(rows: pl.DataFrame) -> pl.DataFrame:
    """Quantiles of per-prompt measures over the answers of all seeds (linear interpolation).

    Args:
        rows: of the schema `records.MEASURED`.

    Returns:
        Schema `DISTRIBUTIONS`, sorted; no rows for set-level measures or without values.
    """
    lines = []
    for key, cell in sorted(cells(rows).items(), key=lambda item: item[0]):
        if isinstance(cell, PromptCell) and cell.measured.any():
            values = np.nanquantile(cell.values, _QUANTILES)
            lines += [(*key, q, float(v)) for q, v in zip(_QUANTILES, values, strict=True)]
    return pl.DataFrame(lines, schema=DISTRIBUTIONS, orient="row")
