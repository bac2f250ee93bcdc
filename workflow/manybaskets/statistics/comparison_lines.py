"""Lines of comparisons: differences with their intervals and tests, before any correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from manybaskets.config.evaluation import Statistics
from manybaskets.statistics.averages import (
    Averages,
    average_seeds,
    cells_with_averages,
    conditions_with_averages,
)
from manybaskets.statistics.bootstrap import Mean, Seeds, bca, difference_of
from manybaskets.statistics.cells import CellKey, PromptCell, SetCell, binary_measures
from manybaskets.statistics.components import t_interval, t_p
from manybaskets.statistics.conditions import Conditions, pooled_conditions
from manybaskets.statistics.effects import effects
from manybaskets.statistics.families import Group
from manybaskets.statistics.rates import newcombe
from manybaskets.statistics.sets import Spread, set_trainings_of, spread
from manybaskets.statistics.signs import sign_flip_p
from manybaskets.statistics.summary import limits, resampled_units
from manybaskets.statistics.trainings import exploratory, sides, trained_once

# Key and p of a swap test: see `manybaskets.measures.swap_tests`.
SWAP_KEY = ["measure", "model", "prompt_set", "mix", "baseline"]


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


def compared_lines(
    cell_of: Mapping[CellKey, PromptCell | SetCell],
    family_groups: Iterable[Group],
    settings: Statistics,
    seed: int,
    swapped: Mapping[tuple[str, ...], tuple[float, int]] | None = None,
    averages: Averages | None = None,
) -> list[dict[str, Any]]:
    """Comparisons as in `comparison.compare`, without what depends on the size of their families.

    Args:
        cell_of: as `cells` gives them.
        family_groups: the compared conditions.
        swapped: p and number of swaps by `SWAP_KEY`.
        averages: averages of mixes, which groups may name like mixes.

    Returns:
        Rows of `COMPARISONS_SCHEMA`, without corrected p and detectable difference; with
        `components`, those of the difference's variance, if it has an interval.
    """
    found, averages = cells_with_averages(cell_of, averages or {}), averages or {}
    binary = binary_measures(cell_of)
    lines: list[dict[str, Any]] = []
    tested: list[_Tested] = []
    conditions: dict[CellKey, Conditions] = {}
    trainings: dict[CellKey, dict[str, Seeds | None]] = {}
    for group in family_groups:
        key = group.key("")
        if isinstance(found[group.members[0]], PromptCell):
            if key not in conditions:
                whole = pooled_conditions(cell_of, key)
                conditions[key] = conditions_with_averages(whole, averages)
            tested += _of_prompts(group, found, conditions[key], group.measure in binary)
            lines += [each.line for each in tested[-len(group.mixes) :]]
            continue
        if key not in trainings:
            own = set_trainings_of(cell_of, key)
            trainings[key] = own | {
                name: average_seeds(own, shares) for name, shares in averages.items()
            }
        lines += [
            _of_set(group, mix, found, trainings[key], settings, swapped or {})
            for mix in group.mixes
        ]
    _test([each for each in tested if len(each.mix.sizes)], settings, seed)
    return lines


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
