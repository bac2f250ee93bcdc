"""Families of paired comparisons: differences, intervals, tests, effect sizes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.statistics.bootstrap import Mean, Seeds, bca, difference_of
from manybaskets.statistics.cells import CellKey, PromptCell, SetCell, binary_measures, cells
from manybaskets.statistics.components import t_interval, t_p
from manybaskets.statistics.conditions import Conditions, conditions_of
from manybaskets.statistics.effects import effects
from manybaskets.statistics.families import Group, check_attainable, correct, groups, sizes
from manybaskets.statistics.power import detectable
from manybaskets.statistics.rates import newcombe
from manybaskets.statistics.sets import Spread, set_trainings_of, spread
from manybaskets.statistics.signs import sign_flip_p
from manybaskets.statistics.summary import limits, resampled_units
from manybaskets.statistics.trainings import exploratory, sides, trained_once

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
        "p_holm": pl.Float64,  # over all measures, models and mixes of the family
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
# Key and p of a swap test: see `manybaskets.measures.swap_tests`.
SWAP_KEY = ["measure", "model", "prompt_set", "mix", "baseline"]
_ORDER = ["family", "measure", "model", "prompt_set", "mix"]


@dataclass
class _Tested:
    """A per-prompt comparison before its interval and p are computed."""

    line: dict[str, Any]
    mix: Mean
    baseline: Mean
    binary: bool
    remark: str

    @property
    def turned(self) -> bool:
        """Whether the names are in reverse order; a − b is then computed from b − a."""
        return self.line["mix"] > self.line["baseline"]

    @property
    def difference(self) -> Mean:
        pair = (self.baseline, self.mix) if self.turned else (self.mix, self.baseline)
        return difference_of(*pair)


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
    of the study); p of a sign-flip test over the same; effect sizes (`effects.effects`). Set-level measures: differences on the same half-samples, or without the
    same prompt, and the seed variances of both give a t interval; p of a swap test if there is one,
    otherwise of a t test. A difference in units of its standard error is not an effect size, so
    set-level measures have none.

    Args:
        rows: of the schema `records.MEASURED`.
        families: comparisons by name; Holm's correction covers each family as a whole.
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
    family_groups = list(groups(cell_of, families))
    swapped = _swapped(swaps)
    _check(family_groups, cell_of, swapped, settings)
    binary = binary_measures(cell_of)
    lines: list[dict[str, Any]] = []
    tested: list[_Tested] = []
    conditions: dict[CellKey, Conditions] = {}
    for group in family_groups:
        if isinstance(cell_of[group.members[0]], PromptCell):
            key = group.key("")
            if key not in conditions:
                conditions[key] = conditions_of(cell_of, key)
            tested += _of_prompts(group, cell_of, conditions[key], group.measure in binary)
            lines += [each.line for each in tested[-len(group.mixes) :]]
        else:
            trained = set_trainings_of(cell_of, group.key(""))
            lines += [
                _of_set(group, mix, cell_of, trained, settings, swapped) for mix in group.mixes
            ]
    _test([each for each in tested if len(each.mix.sizes)], settings, seed)
    correct(lines, {name: family.primary for name, family in families.items()})
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
            line["detectable"] = detectable(components, number, settings.confidence)


def _swapped(swaps: pl.DataFrame | None) -> dict[tuple[str, ...], tuple[float, int]]:
    """p and number of swaps of each swap test."""
    if swaps is None:
        return {}
    return {
        tuple(row[key] for key in SWAP_KEY): (row["p"], row["swaps"])
        for row in swaps.iter_rows(named=True)
    }


def _check(
    family_groups: Collection[Group],
    cell_of: Mapping[CellKey, PromptCell | SetCell],
    swapped: Mapping[tuple[str, ...], tuple[float, int]],
    settings: Statistics,
) -> None:
    """Check that the random tests of every family can reach significance."""
    for family, size in sizes(family_groups).items():
        patterns = {}
        for group in family_groups:
            if group.family != family:
                continue
            if isinstance(cell_of[group.members[0]], PromptCell):
                patterns["statistics.sign_flips"] = settings.sign_flips
            for mix in group.mixes:
                names = group.names(mix)
                swap_result = swapped.get(tuple(names[key] for key in SWAP_KEY))
                if swap_result:
                    patterns["statistics.answer_swaps"] = swap_result[1]
        check_attainable(family, size, patterns, settings)


def _of_prompts(
    group: Group,
    cell_of: Mapping[CellKey, PromptCell | SetCell],
    conditions: Conditions,
    binary: bool,
) -> list[_Tested]:
    """Comparisons of a group, without interval and p."""
    nothing = Mean(np.zeros(0), np.zeros(0))
    tests = []
    for mix in group.mixes:
        first, second = conditions.pair(mix, group.baseline)
        runs = _runs(group, mix, cell_of)
        line: dict[str, Any] = group.names(mix) | {
            "n_prompts": len(first),
            "n_excluded": conditions.prompts - len(first),
            "n_missing": conditions.missing(mix, group.baseline),
        }
        line |= sides(group.model, runs)
        pair = [conditions.means.get(name, nothing) for name in (mix, group.baseline)]
        if len(first) and all(len(mean.sizes) for mean in pair):
            line |= effects(first - second)
        else:
            pair = [nothing, nothing]
            line["method"] = "no prompt with a value on both sides"
        tests.append(_Tested(line, *pair, binary, exploratory(trained_once(group.model, runs))))
    return tests


def _test(tested: list[_Tested], settings: Statistics, seed: int) -> None:
    """Add differences, intervals and p, all comparisons together."""
    means = [each.difference for each in tested]
    intervals = bca(means, settings.bootstrap_resamples, settings.confidence, seed)
    p_values = sign_flip_p(means, settings.sign_flips, seed)
    for each, mean, interval, p in zip(tested, means, intervals, p_values, strict=True):
        method = f"paired BCa bootstrap over {resampled_units(mean)}"
        line, ends = each.line, limits(interval)
        varies = interval is not None and interval[1] - interval[0] > 1e-12
        if each.binary and not varies:
            low, high = newcombe(each.mix, each.baseline, settings.confidence)
            ends = {"low": low, "high": high}
            method = "Newcombe on Wilson, because all differences are equal; prompts as n"
        elif each.turned and interval is not None:
            ends = {"low": -interval[1], "high": -interval[0]}
        if each.binary and ends["low"] is not None:
            # Widened for few trainings, an interval may exceed the range of a difference of shares.
            ends |= {"low": max(-1.0, ends["low"]), "high": min(1.0, ends["high"])}
        line["difference"] = -mean.value if each.turned else mean.value
        line["p"] = p
        line["components"] = mean.components if len(mean.sizes) > 1 else []
        over = "prompts and seeds" if mean.seeds else "prompts"
        line |= {"method": f"{method}; sign-flip test over {over}{each.remark}"} | ends


def _of_set(
    group: Group,
    mix_name: str,
    cell_of: Mapping[CellKey, PromptCell | SetCell],
    trained: Mapping[str, Seeds | None],
    settings: Statistics,
    swapped: Mapping[tuple[str, ...], tuple[float, int]],
) -> dict[str, Any]:
    mix, baseline = cell_of[group.key(mix_name)], cell_of[group.key(group.baseline)]
    names = group.names(mix_name)
    line: dict[str, Any] = (
        names
        | {
            "n_prompts": _both(mix.used, baseline.used, min),
            "n_excluded": _both(mix.excluded, baseline.excluded, max),
        }
        | sides(group.model, _runs(group, mix_name, cell_of))
    )
    if np.isnan(mix.full).any() or np.isnan(baseline.full).any():
        return line | {"method": "undefined on one of the sets"}
    difference = float(mix.full.mean() - baseline.full.mean())
    line["difference"] = difference
    remark = exploratory(trained_once(group.model, _runs(group, mix_name, cell_of)))
    seeds = [trained.get(name) for name in (mix_name, group.baseline)]
    interval = spread(mix, baseline, seeds)
    p, number = swapped.get(tuple(names[key] for key in SWAP_KEY), (None, 0))
    test = f"swap test ({number} swaps)"
    if interval.units < 2:
        what = f"no interval: no common half-samples or prompts; {test if p else 'no test'}"
        return line | {"p": p, "method": f"{what}{remark}"}
    low, high = t_interval(difference, interval.components, settings.confidence)
    if p is None:
        p, test = _t_test(difference, interval)
    line["components"] = interval.components
    method = f"{interval.method}, t interval; {test}{remark}"
    return line | {"low": low, "high": high, "p": p, "method": method}


def _t_test(difference: float, interval: Spread) -> tuple[float, str]:
    if interval.error > 1e-12 * max(abs(difference), 1e-300):
        return t_p(difference, interval.components), "t test"
    if difference == 0.0:
        return 1.0, "t test"
    # Without spread there is no test; every draw shows the difference.
    p = 1.0 / (1 + interval.units)
    return p, "every draw shows the same difference; p = 1 / (1 + draws)"


def _runs(
    group: Group, mix: str, cell_of: Mapping[CellKey, PromptCell | SetCell]
) -> dict[str, int]:
    """Number of runs of a mix and of its baseline."""
    return {name: len(cell_of[group.key(name)].seeds) for name in (mix, group.baseline)}


def _both(first: int | None, second: int | None, choose) -> int | None:
    return None if first is None or second is None else choose(first, second)
