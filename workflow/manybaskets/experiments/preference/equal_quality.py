"""The bias for self at equal quality and length, with intervals, tests, and what limits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from manybaskets.experiments.preference.biases import BASE, Asked, asked_of
from manybaskets.experiments.preference.estimates import NAMES, Clusters, few_seeds
from manybaskets.experiments.preference.quality_model import (
    NO_AGREEMENT,
    NotSeparable,
    common_scale,
)
from manybaskets.experiments.preference.readings import JudgeReadings
from manybaskets.experiments.preference.roles import LOG_ODDS, POINTS, PROBABILITY, Roles
from manybaskets.experiments.preference.schemas import ABSOLUTE, CORRECTED, GOLD, own_of
from manybaskets.experiments.preference.shared_texts import Texts, texts_in_common
from manybaskets.statistics.bootstrap import Mean
from manybaskets.statistics.components import (
    VarianceComponent,
    influences,
    t_interval,
    t_p,
)

EQUAL_QUALITY = pl.Schema(
    {
        **{name: kind for name, kind in NAMES.items() if name != "statistic"},
        # δ in the judge's log-odds, its interval, and the same in its own spread over quality.
        **dict.fromkeys(("value", "low", "high"), pl.Float64),
        **dict.fromkeys(("in_sds", "in_sds_low", "in_sds_high"), pl.Float64),
        # Change of the preference probability, or of the score in points, in `change_unit`.
        **dict.fromkeys(("change", "change_low", "change_high"), pl.Float64),
        "change_unit": pl.String,
        **dict.fromkeys(("p", "p_holm", "p_equivalent", "p_equivalent_holm"), pl.Float64),
        # Parts of the preference for self over the other models, in log-odds.
        **dict.fromkeys(("raw", "by_quality", "by_length"), pl.Float64),
        **dict.fromkeys(("at_equal_length", "at_equal_length_low", "at_equal_length_high"),
                        pl.Float64),
        # Relative to the gold judges, from the flattest to the steepest slope that is possible.
        **dict.fromkeys(("sharpness", "sharpness_low", "sharpness_high"), pl.Float64),
        "golds": pl.String,
        "gold_sd": pl.Float64,  # of the gold judges' tastes for an author; null for one
        **dict.fromkeys(("n_golds", "n_articles", "n_excluded", "n_seeds"), pl.Int64),
        "flag": pl.String,
        "limit": pl.String,  # why quality and self cannot be separated
        "method": pl.String,
    }
)  # fmt: skip
SHARPNESS_UNKNOWN = "the result depends on how sharp the judge is"
TOO_DIFFERENT = "the judges' sharpness differs too much"
ONE_GOLD = "the judge, or the only independent judge, has a taste for the text"
FEW_TEXTS = "too few texts that all judges read"
GREATEST_RATIO = 10.0  # of sharpness; beyond, log-odds of one judge are at the ends of their range
_FARTHEST = 60.0  # log-odds
_METHOD = "judge-specific slope on shared quality, length taken out; t over articles"


@dataclass(frozen=True)
class Estimate:
    """An estimate with the components of its variance."""

    value: float
    components: list[VarianceComponent]
    clusters: int

    @classmethod
    def of(cls, mean: Mean, more: Sequence[VarianceComponent] = ()) -> Estimate:
        """A mean over articles; components of its seeds and `more` are added."""
        clusters = len(mean.sizes)
        moved = influences(mean.sums, mean.sizes)
        variance = float((moved**2).sum()) * clusters / max(clusters - 1, 1)
        components = [VarianceComponent(variance, max(clusters - 1, 1)), *more]
        if mean.seeds:
            components.append(VarianceComponent(mean.seeds.variance, mean.seeds.degrees))
        return cls(mean.value, components, clusters)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Two-sided interval."""
        return t_interval(self.value, self.components, confidence)

    def p(self, expected: float = 0.0) -> float:
        """Two-sided p of a value."""
        away = self.value - expected
        if not any(component.variance > 0 for component in self.components):
            # Without spread there is no test; every article gives the same value.
            return 1.0 if away == 0 else 1 / (1 + self.clusters)
        return t_p(away, self.components)

    def p_within(self, low: float, high: float) -> float:
        """The larger p of two one-sided tests that the value is not within two bounds."""
        one_sided = [self.p(bound) / 2 for bound in (low, high)]
        return max(
            p if inside else 1 - p
            for p, inside in zip(one_sided, (self.value > low, self.value < high), strict=True)
        )


def equal_quality(
    judge_readings: Sequence[JudgeReadings],
    golds: Mapping[str, Sequence[JudgeReadings]],
    places: Mapping[tuple[str, str], Sequence[float]],
    roles: Roles,
    confidence: float,
) -> list[dict[str, Any]]:
    """One line per judge, protocol and self that gold judges read (columns of `EQUAL_QUALITY`).

    Args:
        golds: by protocol, the independent judges that can judge.
        places: by target and mix, the position bias with each set of markers.
    """
    lines = []
    for judge in judge_readings:
        if judge.mix == GOLD or judge.variant != CORRECTED:
            continue
        for asked in asked_of(judge, roles):
            texts_by = [asked.author] * len(judge.seeds)
            if asked.label != BASE:
                texts_by = [own_of(judge.mix, seed) for seed in judge.seeds]
            independent = [
                gold for gold in golds[judge.protocol]
                if gold.target not in (judge.target, asked.author)
                and gold.has(*texts_by, *asked.others, asked.human)
            ]  # fmt: skip
            if not independent:
                continue
            absolute = judge.protocol == ABSOLUTE
            line = {
                "target": judge.target,
                "mix": judge.mix,
                "variant": judge.variant,
                "protocol": judge.protocol,
                "self": asked.label,
                "unit": LOG_ODDS,
                "change_unit": POINTS if absolute else PROBABILITY,
                "golds": ", ".join(gold.target for gold in independent),
                "n_golds": len(independent),
                "n_seeds": len(judge.seeds),
                "flag": few_seeds(judge.mix, len(judge.seeds)),
                "method": _METHOD,
            }
            texts = texts_in_common(judge, asked, texts_by, independent, roles.scale)
            if texts is None:
                lines.append(line | {"limit": FEW_TEXTS})
                continue
            change = (
                _points(texts, roles.scale)
                if absolute
                else _probability(places.get((judge.target, judge.mix), ()))
            )
            margin = roles.margins.get(line["change_unit"])
            lines.append(line | _estimated(judge, asked, texts, change, margin, confidence))
    return lines


def _estimated(
    judge: JudgeReadings,
    asked: Asked,
    texts: Texts,
    change: Callable[[float], float],
    margin: float | None,
    confidence: float,
) -> dict[str, Any]:
    """Numbers of a line, or what limits them."""
    cells: dict[str, Any] = {"n_articles": len(texts.articles), "n_excluded": texts.n_excluded}
    names = list(texts.golds)
    try:
        whole = common_scale(texts, names)
        each = [common_scale(texts, [name]) for name in names] if len(names) > 1 else []
    except NotSeparable as reason:
        return cells | {"limit": str(reason)}
    clusters = Clusters(texts.articles)

    def mean(values: np.ndarray) -> Mean:
        return clusters.mean(values, (judge.target, judge.mix))

    between = _between([one.expected.mean(axis=0) for one in each])
    more = []
    if between is not None:
        # δ is a text's value minus the mean of the other models'.
        variance = between.variance * (1 + 1 / len(texts.models))
        more = [VarianceComponent(variance / len(names), between.degrees)]
    bounds = [Estimate.of(mean(values), more) for values in (whole.flat, whole.steep)]
    equal = Estimate.of(mean(whole.equal))
    slopes = [Estimate.of(mean(one)) for one in (whole.sharpness_flat, whole.sharpness_steep)]
    cells |= _sharpness(slopes, confidence)
    cells |= {"gold_sd": float(np.sqrt(between.variance)) if between else None}
    raw = float(whole.raw.mean())
    by_length = float(whole.by_length.mean())
    cells |= {"raw": raw, "by_length": by_length}
    cells |= dict(zip(("at_equal_length", "at_equal_length_low", "at_equal_length_high"),
                      (equal.value, *equal.interval(confidence)), strict=True))  # fmt: skip
    if cells["sharpness_low"] <= 0:
        return cells | {"limit": NO_AGREEMENT}
    if max(cells["sharpness"], 1 / cells["sharpness"]) > GREATEST_RATIO:
        return cells | {"limit": TOO_DIFFERENT}
    value = float(np.mean([bound.value for bound in bounds]))
    ends = [_solve(change, sign * margin) if margin else None for sign in (-1, 1)]
    alone = equal if len(names) == 1 else None
    low, high, p, limit = _bounded(bounds, alone, ends, confidence)
    spread = float(whole.spread.mean())
    cells |= {"value": value, "low": low, "high": high, "p": p, "limit": limit,
              "by_quality": raw - by_length - value}  # fmt: skip
    for key, number in (("", value), ("_low", low), ("_high", high)):
        cells[f"in_sds{key}"] = number / spread
        cells[f"change{key}"] = change(number)
    if None not in ends:
        cells["p_equivalent"] = max(bound.p_within(*ends) for bound in bounds)
    return cells


def _between(expected: Sequence[np.ndarray]) -> VarianceComponent | None:
    """Variance of the gold judges' tastes for an author; None for one gold judge.

    The interaction of gold judges and authors, pooled over authors, without what chance in articles
    adds to it: with two gold judges, one author alone would leave it a single degree of freedom.

    Args:
        expected: by gold judge, `[article, text]`, on the scale of the judge.
    """
    if len(expected) < 2:
        return None
    likings = np.stack(expected)
    likings = likings - likings.mean(axis=2, keepdims=True)
    likings = likings - likings.mean(axis=0)
    golds, articles, authors = likings.shape
    chance = likings.var(axis=1, ddof=1).sum() / articles
    degrees = (golds - 1) * (authors - 1)
    found = float((likings.mean(axis=1) ** 2).sum() - chance) / degrees
    return VarianceComponent(max(0.0, found), degrees)


def _sharpness(slopes: Sequence[Estimate], confidence: float) -> dict[str, float]:
    ends = [slope.interval(confidence) for slope in slopes]
    flat, steep = (max(slope.value, 1e-9) for slope in slopes)
    return {
        "sharpness": float(np.sqrt(flat * steep)),
        "sharpness_low": min(low for low, _ in ends),
        "sharpness_high": max(high for _, high in ends),
    }


def _bounded(
    bounds: Sequence[Estimate],
    equal: Estimate | None,
    ends: Sequence[float | None],
    confidence: float,
) -> tuple[float, float, float, str | None]:
    """Interval, p and limit of δ between its bounds.

    The interval covers those of both bounds, and p is the larger one. A single gold judge cannot
    show whether it is the one with a taste for the text: then the preference must also be there
    without its opinion, at equal length (`equal`). If it is not, the interval covers both readings.
    There is no limit to a bias within the margin, whose `ends` are in log-odds.
    """
    intervals = [bound.interval(confidence) for bound in bounds]
    low, high = min(each[0] for each in intervals), max(each[1] for each in intervals)
    p = _same_sign(bounds if equal is None else [*bounds, equal])
    if None not in ends and ends[0] < low and high < ends[1]:
        return low, high, p, None
    outside = [each[0] > 0 or each[1] < 0 for each in intervals]
    apart = abs(bounds[0].value - bounds[1].value)
    half = max(each[1] - each[0] for each in intervals) / 2
    if (any(outside) and apart > half and not all(outside)) or (all(outside) and low < 0 < high):
        return low, high, p, SHARPNESS_UNKNOWN
    if equal is None or not all(outside):
        return low, high, p, None
    theirs = equal.interval(confidence)
    if min(end * bounds[0].value for end in theirs) > 0:
        return low, high, p, None
    return min(low, theirs[0]), max(high, theirs[1]), p, ONE_GOLD


def _same_sign(estimates: Sequence[Estimate]) -> float:
    """p of all estimates differing from 0 in one direction: the largest, or 1."""
    if len({np.sign(each.value) for each in estimates}) > 1:
        return 1.0
    return max(each.p() for each in estimates)


def _probability(places: Sequence[float]) -> Callable[[float], float]:
    """Change of the probability to be preferred, at a judge's position bias, by a bias in log-odds."""
    at = np.array([sign * place for place in places or (0.0,) for sign in (1, -1)])

    def change(bias: float) -> float:
        return float((1 / (1 + np.exp(-(bias + at)))).mean() - 0.5)

    return change


def _points(texts: Texts, scale: Sequence[float]) -> Callable[[float], float]:
    """Change of the score by a bias in log-odds of the scale: self's score, with it and without."""
    own = texts.judge.values[:, :, 0]
    low, high = scale

    def change(bias: float) -> float:
        with_it, without = (1 / (1 + np.exp(-each)) for each in (own, own - bias))
        return float((high - low) * (with_it - without).mean())

    return change


def _solve(change: Callable[[float], float], aim: float) -> float | None:
    """The bias with a given change; None if no bias has it."""
    from scipy.optimize import brentq

    if not change(-_FARTHEST) < aim < change(_FARTHEST):
        return None
    return float(brentq(lambda bias: change(bias) - aim, -_FARTHEST, _FARTHEST))
