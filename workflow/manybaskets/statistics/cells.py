"""Measured rows sorted into one cell per measure and condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from manybaskets.errors import UserError
from manybaskets.records.measured import EXCLUDED, LEFT_OUT, MEASURED, UNKNOWN, USED
from manybaskets.statistics.clusters import cluster_of
from manybaskets.statistics.incomplete import completed

CellKey = tuple[str, str, str, str]  # measure, model, mix, prompt set
KEY = ["measure", "model", "mix", "prompt_set"]


@dataclass
class PromptCell:
    """Values per prompt: `values[seed, prompt]`, NaN where excluded.

    `prompts` are sorted codes of the prompts, `clusters` the codes of their clusters.
    """

    seeds: list[int]
    prompts: np.ndarray
    clusters: np.ndarray
    values: np.ndarray

    @property
    def measured(self) -> np.ndarray:
        """Mask of prompts with a value in any seed."""
        return ~np.isnan(self.values).all(axis=0)

    def table(self) -> np.ndarray:
        """`[seed, measured prompt]`, completed (`incomplete.completed`); NaN for an empty seed."""
        values = self.values[:, self.measured]
        runs = ~np.isnan(values).all(axis=1)
        result = np.full(values.shape, np.nan)
        result[runs] = completed(values[runs])
        return result


@dataclass
class SetCell:
    """Set-level values: `full[seed]`, and values for estimating their variance over prompts.

    Either `draws[seed, draw]` on the half-samples `numbers`, or `left_out[seed, prompt]` without
    each of `prompts` (sorted codes, with the codes of their clusters). NaN if undefined. `used` and
    `excluded` are numbers of prompts, None if unknown; `unreadable` is the number of answers in
    languages that the measure does not know, of the seed with the most.
    """

    seeds: list[int]
    full: np.ndarray
    numbers: np.ndarray
    draws: np.ndarray
    prompts: np.ndarray
    clusters: np.ndarray
    left_out: np.ndarray
    used: int | None
    excluded: int | None
    unreadable: int = 0


def cells(rows: pl.DataFrame) -> dict[CellKey, PromptCell | SetCell]:
    """Sort rows of the schema `records.MEASURED` into cells; row order has no effect.

    Raises:
        UserError: wrong columns, or a duplicate row.
    """
    if rows.schema != MEASURED:
        raise UserError(
            what=f"the rows have the columns {dict(rows.schema)}",
            where="measured rows",
            expected=f"the columns {dict(MEASURED)}",
            remedy="delete the files of measured rows and rerun the same command",
        )
    key = [*KEY, "seed", "prompt_id", "draw"]
    doubled = rows.select(key).is_duplicated()
    if doubled.any():
        raise UserError(
            what=f"{int(doubled.sum())} rows have a duplicate key, for example "
            f"{rows.filter(doubled).sort(key).row(0, named=True)}",
            where="measured rows",
            expected="one value per measure, run, prompt set, prompt and draw",
            remedy="pass one file of measured rows per run, and each file once",
        )
    coded = rows.with_columns(
        code=pl.col("prompt_id").rank("dense").cast(pl.Int64),
        cluster=cluster_of(pl.col("prompt_id")).rank("dense").cast(pl.Int64),
    ).sort(key)
    groups = coded.partition_by(KEY, as_dict=True, maintain_order=True)
    return {name: _cell(group) for name, group in groups.items()}


def _cell(group: pl.DataFrame) -> PromptCell | SetCell:
    of_set = group.filter(pl.col("code").is_null())
    if not of_set.height:
        seeds, prompts, values = _matrix(group, "code")
        return PromptCell(seeds, prompts, _clusters(group, prompts), values)
    left_out = group.filter(pl.col("draw") == LEFT_OUT)
    seeds, draws, values = _matrix(of_set, "draw")
    by_draw = dict(zip(draws.tolist(), values.T, strict=True))
    missing = np.full(len(seeds), np.nan)
    full = by_draw.get(0, missing)
    named, prompts, without = _matrix(left_out, "code")
    whole = np.repeat(full[:, None], len(prompts), axis=1)
    whole[[seeds.index(seed) for seed in named]] = without
    return SetCell(
        seeds=seeds,
        full=full,
        numbers=draws[draws > 0],
        draws=values[:, draws > 0],
        prompts=prompts,
        clusters=_clusters(left_out, prompts),
        left_out=whole,
        used=_count(by_draw.get(USED), min),
        excluded=_count(by_draw.get(EXCLUDED), max),
        unreadable=int(np.nan_to_num(by_draw.get(UNKNOWN, missing)).max()),
    )


def _clusters(group: pl.DataFrame, prompts: np.ndarray) -> np.ndarray:
    codes, first = np.unique(group["code"].to_numpy(), return_index=True)
    return group["cluster"].to_numpy()[first][np.searchsorted(codes, prompts)]


def _matrix(group: pl.DataFrame, column: str) -> tuple[list[int], np.ndarray, np.ndarray]:
    seeds, row = np.unique(group["seed"].to_numpy(), return_inverse=True)
    names, place = np.unique(group[column].to_numpy(), return_inverse=True)
    values = np.full((len(seeds), len(names)), np.nan)
    values[row, place] = group["value"].to_numpy().astype(np.float64)
    return seeds.tolist(), names, values


def _count(values: np.ndarray | None, choose) -> int | None:
    return None if values is None or np.isnan(values).any() else int(choose(values))


def binary_measures(found: dict[CellKey, PromptCell | SetCell]) -> set[str]:
    """Per-prompt measures whose values are all 0 or 1 in all conditions."""
    by_measure: dict[str, list[np.ndarray]] = {}
    for key, cell in found.items():
        if isinstance(cell, PromptCell):
            by_measure.setdefault(key[0], []).append(cell.values[~np.isnan(cell.values)])
    return {
        name
        for name, values in by_measure.items()
        if sum(map(len, values)) and all(np.isin(each, (0.0, 1.0)).all() for each in values)
    }
