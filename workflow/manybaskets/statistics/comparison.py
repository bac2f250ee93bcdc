"""Families of paired comparisons: differences, intervals, tests, effect sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.statistics.cells import CellKey, PromptCell, SetCell, cells
from manybaskets.statistics.comparison_lines import SWAP_KEY, compared_lines
from manybaskets.statistics.families import (
    CORRECTIONS,
    Group,
    check_attainable,
    correct,
    first_step_factor,
    first_tests,
    groups,
)
from manybaskets.statistics.power import detectable

COMPARISONS_SCHEMA = pl.Schema(
    {
        "family": pl.String,
        "measure": pl.String,
        "model": pl.String,
        "prompt_set": pl.String,
        "mix": pl.String,
        "baseline": pl.String,
        "difference": pl.Float64,  # mix − baseline
        "low": pl.Float64,
        "high": pl.Float64,
        "p": pl.Float64,
        "p_holm": pl.Float64,  # corrected over all measures, models and mixes of the family
        "correction": pl.String,  # by whom: of `families.CORRECTIONS`
        "detectable": pl.Float64,  # smallest difference found in 80 % of such studies
        "effect": pl.Float64,  # d_z; this and the next three null for set-level measures
        "rank_biserial": pl.Float64,
        "share_above": pl.Float64,  # share of prompts on which the mix is above the baseline
        "trimmed": pl.Float64,  # mean difference without a tenth of the prompts at each end
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
        "n_missing": pl.Int64,  # values of single runs, on the prompts that count
        "n_seeds": pl.Int64,  # of the side with fewer trainings; untuned models have none
        "trainings": pl.String,  # of both sides, such as `3 and 1`; empty for sources
        "confirmatory": pl.Boolean,  # false if a side was trained once: not in Holm's family
        "method": pl.String,
    }
)
_ORDER = ["family", "measure", "model", "prompt_set", "mix"]


def compare(
    rows: pl.DataFrame,
    families: Mapping[str, Comparison],
    settings: Statistics,
    seed: int,
    swaps: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Compare mixes with their baselines, paired by prompts; rows in any order.

    Per-prompt measures: mean of the paired differences, in which a missing value removes itself and
    not its prompt (`incomplete.completed`); BCa bootstrap interval over clusters (the same for
    both) and seeds (independent: different trainings, with a variance moderated over all conditions
    of the study); p of a sign-flip test over the same; effect sizes (`effects.effects`). Set-level
    measures: differences on the same half-samples, or without the same prompts, and the seed
    variances of both give a t interval; p of a swap test if there is one, otherwise of a t test. A
    difference in units of its standard error is not an effect size, so set-level measures have
    none.

    Args:
        rows: of the schema `records.MEASURED`.
        families: comparisons by name; a correction covers each family as a whole.
        settings: confidence, numbers of resamples and sign flips.
        seed: for resampling.
        swaps: results of the swap tests, with the schema `swap_tests.SWAPPED`.

    Returns:
        One row per family, measure, model and mix, sorted by these (schema `COMPARISONS_SCHEMA`).

    Raises:
        UserError: a condition of a family was not measured, or a family is too large for the
            numbers of sign flips or swaps.
    """
    cell_of = cells(rows)
    swapped = _swapped(swaps)
    family_groups = list(groups(cell_of, families))
    _check(families, family_groups, cell_of, swapped, settings)
    lines = compared_lines(cell_of, family_groups, settings, seed, swapped)
    correct(lines, families)
    for line in lines:
        line["correction"] = CORRECTIONS[families[line["family"]].correction]
    _add_detectable(lines, families, settings)
    return pl.DataFrame(lines, schema=COMPARISONS_SCHEMA).sort(_ORDER)


def _add_detectable(
    lines: list[dict[str, Any]], families: Mapping[str, Comparison], settings: Statistics
) -> None:
    """Add the smallest difference that each confirmatory comparison finds with 80 % power."""
    tests: dict[str, int] = {}
    for line in lines:
        primary = families[line["family"]].primary
        if line.get("p_holm") is not None and (not primary or line["measure"] in primary):
            tests[line["family"]] = tests.get(line["family"], 0) + 1
    for line in lines:
        components = line.pop("components", None)
        if line.get("p_holm") is not None and components:
            number = tests.get(line["family"], 1)
            factor = first_step_factor(number, families[line["family"]].correction)
            line["detectable"] = detectable(components, factor, settings.confidence)


def _swapped(swaps: pl.DataFrame | None) -> dict[tuple[str, ...], tuple[float, int]]:
    """p and number of swaps of each swap test."""
    if swaps is None:
        return {}
    return {
        tuple(row[key] for key in SWAP_KEY): (row["p"], row["swaps"])
        for row in swaps.iter_rows(named=True)
    }


def _check(
    families: Mapping[str, Comparison],
    family_groups: Collection[Group],
    cell_of: Mapping[CellKey, PromptCell | SetCell],
    swapped: Mapping[tuple[str, ...], tuple[float, int]],
    settings: Statistics,
) -> None:
    """Check that the random tests of every family can reach significance."""
    for name, family in families.items():
        members = [group for group in family_groups if group.family == name]
        patterns = {}
        for group in members:
            if isinstance(cell_of[group.members[0]], PromptCell):
                patterns["statistics.sign_flips"] = settings.sign_flips
            for mix in group.mixes:
                names = group.names(mix)
                swap_result = swapped.get(tuple(names[key] for key in SWAP_KEY))
                if swap_result:
                    patterns["statistics.answer_swaps"] = swap_result[1]
        size = first_tests(family, len({group.model for group in members}))
        check_attainable(name, size, patterns, settings, family.correction)
