"""Families of paired comparisons: differences, intervals, tests, effect sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.analysis import Comparison, Statistics
from manybaskets.errors import UserError
from manybaskets.statistics import resampling
from manybaskets.statistics.cells import Key, PromptCell, SetCell, cells
from manybaskets.statistics.summary import binary_measures

COMPARED = pl.Schema(
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
        "p_holm": pl.Float64,  # over all measures, models and mixes of the family
        "effect": pl.Float64,  # d_z; null for set measures and where nothing varies
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
        "n_seeds": pl.Int64,  # the larger of both; `vanilla` has but one run
        "method": pl.String,
    }
)
_ORDER = ["family", "measure", "model", "prompt_set", "mix"]


def compare(
    rows: pl.DataFrame, families: Mapping[str, Comparison], settings: Statistics, seed: int
) -> pl.DataFrame:
    """Compare mixes with their baselines on matched prompts; rows in any order.

    A measure per prompt: mean of the differences on prompts with a value in both conditions and
    every seed; bootstrap over prompts (the same for both) and seeds (independent: they are other
    trainings); p of a sign-flip test over prompts, given these training runs; effect d_z = mean of
    the differences / their sd. A measure of a set: differences on the same half-samples,
    SE² = their variance + both seed variances / seeds, t interval and p.

    Args:
        rows: of the schema `records.MEASURED`.
        families: comparisons by name; Holm's correction covers each as a whole.
        settings: confidence, numbers of resamples and permutations.
        seed: of the resampling.

    Returns:
        One row per family, measure, model and mix, sorted by these (schema `COMPARED`).

    Raises:
        UserError: a condition of a family was not measured.
    """
    found = cells(rows)
    binary = binary_measures(found)
    lines: list[dict[str, Any]] = []
    differences: list[np.ndarray] = []
    tested: list[dict[str, Any]] = []
    for family, comparison in families.items():
        for name, mix_key, baseline_key in _pairs(found, family, comparison):
            mix, baseline = found[mix_key], found[baseline_key]
            if isinstance(mix, PromptCell):
                line, paired = _of_prompts(
                    mix, baseline, mix_key, baseline_key, mix_key[0] in binary, settings, seed
                )
                if len(paired):
                    tested.append(line)
                    differences.append(paired)
            else:
                line = _of_set(mix, baseline, settings)
            line |= name
            lines.append(line)
    for line, p in zip(
        tested, resampling.sign_flip_p(differences, settings.permutations, seed), strict=True
    ):
        line["p"] = p
    _correct(lines)
    return pl.DataFrame(lines, schema=COMPARED).sort(_ORDER)


def _pairs(found: Mapping[Key, PromptCell | SetCell], family: str, comparison: Comparison):
    """The comparisons of a family: their names, and the keys of both cells."""
    prompt_set, baseline = comparison.prompt_set, comparison.baseline
    for measure in comparison.measures:
        models = sorted({key[1] for key in found if key[0] == measure and key[3] == prompt_set})
        conditions = [
            (measure, model, mix, prompt_set)
            for model in models
            for mix in [baseline, *comparison.mixes]
        ]
        missing = [key for key in conditions if key not in found]
        if missing or not models:
            what = ", ".join("/".join(key[1:3]) for key in missing[:5]) or "any model"
            raise UserError(
                what=f"{measure!r} was not measured on the prompt set {prompt_set!r} for {what}",
                where=f"comparisons.{family}",
                expected="a value for every mix and for the baseline of the family",
                remedy="compare a measure that applies to this prompt set, or compute it first",
            )
        for model in models:
            for mix in comparison.mixes:
                name = {
                    "family": family,
                    "measure": measure,
                    "model": model,
                    "prompt_set": prompt_set,
                    "mix": mix,
                    "baseline": baseline,
                }
                yield (
                    name,
                    (measure, model, mix, prompt_set),
                    (measure, model, baseline, prompt_set),
                )


def _of_prompts(
    mix: PromptCell,
    baseline: PromptCell,
    mix_key: Key,
    baseline_key: Key,
    binary: bool,
    settings: Statistics,
    seed: int,
) -> tuple[dict[str, Any], np.ndarray]:
    """A line without its p, and the paired differences that the p comes from."""
    matched = np.intersect1d(
        mix.prompts[mix.valid], baseline.prompts[baseline.valid], assume_unique=True
    )
    total = len(np.union1d(mix.prompts, baseline.prompts))
    n_seeds = _seeds(mix, baseline)
    line = {"n_prompts": len(matched), "n_excluded": total - len(matched), "n_seeds": n_seeds}
    if not len(matched):
        return line | {"method": "no matched prompts"}, matched.astype(np.float64)
    values, base_values = mix.at(matched), baseline.at(matched)
    paired = values.mean(axis=0) - base_values.mean(axis=0)
    over_prompts = resampling.prompt_weights(len(matched), settings.resamples, seed)
    resampled = _resampled(values, mix_key, over_prompts, settings, seed) - _resampled(
        base_values, baseline_key, over_prompts, settings, seed
    )
    low, high = resampling.interval(resampled, settings.confidence)
    seeds = "prompts and seeds" if len(mix.seeds) > 1 or len(baseline.seeds) > 1 else "prompts"
    method = f"paired bootstrap over {seeds}"
    if binary and np.ptp(resampled) < 1e-12:
        low, high = resampling.newcombe(
            float(values.mean()), float(base_values.mean()), len(matched), settings.confidence
        )
        method = "Newcombe on Wilson, all differences being alike; prompts as n"
    deviation = float(np.std(paired, ddof=1)) if len(paired) > 1 else 0.0
    difference = float(paired.mean())
    # Equal differences differ by rounding alone; a ratio to that would be a huge number.
    varies = deviation > 1e-12 * max(1e-300, float(np.abs(paired).max()))
    line |= {
        "difference": difference,
        "low": low,
        "high": high,
        "effect": difference / deviation if varies else None,
        "method": f"{method}; sign-flip test over prompts{_one_run(n_seeds)}",
    }
    return line, paired


def _resampled(
    values: np.ndarray, key: Key, over_prompts: np.ndarray, settings: Statistics, seed: int
) -> np.ndarray:
    over_seeds = resampling.seed_weights(len(values), settings.resamples, seed, key[1:3])
    return resampling.bootstrap_means(values, over_prompts, over_seeds)


def _of_set(mix: SetCell, baseline: SetCell, settings: Statistics) -> dict[str, Any]:
    n_seeds = _seeds(mix, baseline)
    line: dict[str, Any] = {
        "n_prompts": _both(mix.used, baseline.used, min),
        "n_excluded": _both(mix.excluded, baseline.excluded, max),
        "n_seeds": n_seeds,
    }
    if np.isnan(mix.full).any() or np.isnan(baseline.full).any():
        return line | {"method": "undefined on one of the sets"}
    difference = float(mix.full.mean() - baseline.full.mean())
    line["difference"] = difference
    draws = _common_draws(mix, baseline)
    if len(draws) < 2:
        return line | {"method": "no common half-samples, hence no interval and no test"}
    parts = [
        (resampling.variance(draws), len(draws) - 1),
        (resampling.variance(mix.full) / len(mix.seeds), len(mix.seeds) - 1),
        (resampling.variance(baseline.full) / len(baseline.seeds), len(baseline.seeds) - 1),
    ]
    error = float(np.sqrt(sum(part for part, _ in parts)))
    degrees = resampling.freedom(parts)
    low, high = resampling.t_interval(difference, error, degrees, settings.confidence)
    method = f"half-samples of prompts, t interval and t test{_one_run(n_seeds)}"
    if error > 1e-12 * max(abs(difference), 1e-300):
        p = resampling.t_p(difference, error, degrees)
    elif difference == 0.0:
        p = 1.0
    else:
        # No spread gives no test; all that is known is that every draw shows the difference.
        p = 1.0 / (1 + len(draws))
        method = "every half-sample shows the same difference; p = 1 / (1 + draws)"
    return line | {"low": low, "high": high, "p": p, "method": method}


def _common_draws(mix: SetCell, baseline: SetCell) -> np.ndarray:
    """Differences on the half-samples on which both are defined."""
    _, first, second = np.intersect1d(
        mix.numbers, baseline.numbers, assume_unique=True, return_indices=True
    )
    draws = mix.draws[first] - baseline.draws[second]
    return draws[~np.isnan(draws)]


def _correct(lines: list[dict[str, Any]]) -> None:
    """Add Holm's p within each family; comparisons without a p do not count."""
    from statsmodels.stats.multitest import multipletests

    for family in {line["family"] for line in lines}:
        tested = [x for x in lines if x["family"] == family and x.get("p") is not None]
        if tested:
            corrected = multipletests([line["p"] for line in tested], method="holm")[1]
            for line, p in zip(tested, corrected, strict=True):
                line["p_holm"] = float(p)


def _seeds(mix: PromptCell | SetCell, baseline: PromptCell | SetCell) -> int:
    """Training seeds behind a comparison; one run of `vanilla` is no lack of them."""
    return max(len(mix.seeds), len(baseline.seeds))


def _one_run(n_seeds: int) -> str:
    return "" if n_seeds > 1 else "; one training run"


def _both(first: int | None, second: int | None, choose) -> int | None:
    return None if first is None or second is None else choose(first, second)
