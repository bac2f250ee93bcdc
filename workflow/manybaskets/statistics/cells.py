"""Measured rows, sorted into one cell per measure and condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from manybaskets.errors import UserError
from manybaskets.measures.registry import EXCLUDED, USED
from manybaskets.records import MEASURED

Key = tuple[str, str, str, str]  # measure, model, mix, prompt set
_KEY = ["measure", "model", "mix", "prompt_set"]


@dataclass
class PromptCell:
    """Values per prompt: `values[seed, prompt]`, NaN where excluded; `prompts` are sorted codes."""

    seeds: list[int]
    prompts: np.ndarray
    values: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Which prompts have a value in every seed."""
        return ~np.isnan(self.values).any(axis=0)

    def at(self, prompts: np.ndarray) -> np.ndarray:
        """Values of some of the prompts, by their codes."""
        return self.values[:, np.searchsorted(self.prompts, prompts)]


@dataclass
class SetCell:
    """Values of a set: `full[seed]`, `draws[draw]`; numbers of prompts, None if unknown.

    A draw's value is the mean over seeds: their half-samples are the same prompts. It is NaN where
    any seed has none.
    """

    seeds: list[int]
    full: np.ndarray
    numbers: np.ndarray
    draws: np.ndarray
    used: int | None
    excluded: int | None


def cells(rows: pl.DataFrame) -> dict[Key, PromptCell | SetCell]:
    """Sort rows of the schema `records.MEASURED` into cells; their order means nothing.

    Raises:
        UserError: wrong columns, or a row that is there twice.
    """
    if rows.schema != MEASURED:
        raise UserError(
            what=f"columns are {dict(rows.schema)}",
            where="measured rows",
            expected=f"the columns {dict(MEASURED)}",
            remedy="compute the measures again",
        )
    key = [*_KEY, "seed", "prompt_id", "draw"]
    doubled = rows.select(key).is_duplicated()
    if doubled.any():
        raise UserError(
            what=f"{int(doubled.sum())} rows share their key with another: "
            f"{rows.filter(doubled).row(0, named=True)}",
            where="measured rows",
            expected="one value per measure, run, prompt set, prompt and draw",
            remedy="give every run one file of measured rows, and give each file once",
        )
    coded = rows.with_columns(code=pl.col("prompt_id").rank("dense").cast(pl.Int64)).sort(key)
    groups = coded.partition_by(_KEY, as_dict=True, maintain_order=True)
    return {name: _cell(group) for name, group in groups.items()}


def _cell(group: pl.DataFrame) -> PromptCell | SetCell:
    per_prompt = group.filter(pl.col("code").is_not_null())
    if per_prompt.height:
        seeds, prompts, values = _matrix(per_prompt, "code")
        return PromptCell(seeds, prompts, values)
    seeds, draws, values = _matrix(group, "draw")
    by_draw = dict(zip(draws.tolist(), values.T, strict=True))
    missing = np.full(len(seeds), np.nan)
    return SetCell(
        seeds=seeds,
        full=by_draw.get(0, missing),
        numbers=draws[draws > 0],
        draws=values[:, draws > 0].mean(axis=0),
        used=_count(by_draw.get(USED), min),
        excluded=_count(by_draw.get(EXCLUDED), max),
    )


def _matrix(group: pl.DataFrame, column: str) -> tuple[list[int], np.ndarray, np.ndarray]:
    seeds, row = np.unique(group["seed"].to_numpy(), return_inverse=True)
    names, place = np.unique(group[column].to_numpy(), return_inverse=True)
    values = np.full((len(seeds), len(names)), np.nan)
    values[row, place] = group["value"].to_numpy().astype(np.float64)
    return seeds.tolist(), names, values


def _count(values: np.ndarray | None, choose) -> int | None:
    return None if values is None or np.isnan(values).any() else int(choose(values))


def is_binary(found: list[PromptCell]) -> bool:
    """Whether all values of a measure, in all its conditions, are 0 or 1."""
    values = np.concatenate([cell.values.ravel() for cell in found])
    values = values[~np.isnan(values)]
    return len(values) > 0 and bool(np.isin(values, (0.0, 1.0)).all())
