"""Loss curves of all training runs, as one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl


def losses_of_runs(adapters: Sequence[tuple[tuple[str, str, int], Path]]) -> pl.DataFrame:
    """Losses of all runs from their manifests: model, mix, seed, step, kind (train, eval), loss.

    Training losses also have the learning rate and gradient norm if known.

    Args:
        adapters: pairs of (target, mix, seed) and adapter folder.
    """
    columns = {
        "model": pl.String,
        "mix": pl.String,
        "seed": pl.Int64,
        "step": pl.Int64,
        "kind": pl.String,
        "loss": pl.Float64,
        "learning_rate": pl.Float64,
        "grad_norm": pl.Float64,
    }
    rows = [
        (*run, point["step"], point["kind"], point["loss"], *map(point.get, list(columns)[-2:]))
        for run, folder in adapters
        for point in json.loads((folder / "manifest.json").read_text())["curve"]
    ]
    return pl.DataFrame(rows, schema=columns, orient="row")
