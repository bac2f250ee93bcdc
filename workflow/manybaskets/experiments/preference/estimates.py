"""Bias estimates with intervals, tests of biases and between judges, and Holm over all tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference.biases import SPB, Series
from manybaskets.experiments.preference.roles import POINTS, PROBABILITY, Roles
from manybaskets.experiments.preference.schemas import ABSOLUTE, CORRECTED, GOLD
from manybaskets.names import VANILLA
from manybaskets.statistics.bootstrap import Mean, bca, difference_of, mean_of
from manybaskets.statistics.clusters import cluster_of, cluster_sums
from manybaskets.statistics.components import VarianceComponent, influences, t_p
from manybaskets.statistics.multiplicity import holm
from manybaskets.statistics.signs import sign_flip_p

NAMES = dict.fromkeys(
    ("target", "mix", "variant", "protocol", "self", "statistic", "unit"), pl.String
)
_NUMBERS = {
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "p": pl.Float64,  # of no bias; null where it is not tested
    "p_holm": pl.Float64,  # over all tests of the study, including comparisons
    "p_equivalent": pl.Float64,  # of a bias beyond the margin (two one-sided tests)
    "p_equivalent_holm": pl.Float64,
    "n_articles": pl.Int64,
    "n_excluded": pl.Int64,
    "n_seeds": pl.Int64,
    "seed_sd": pl.Float64,
    "by_seed": pl.List(pl.Float64),
    "flag": pl.String,  # too few training seeds
    "method": pl.String,
}
ESTIMATES = pl.Schema({**NAMES, **_NUMBERS, "note": pl.String})
PREFERENCE_COMPARISONS_SCHEMA = pl.Schema(
    {
        **NAMES,
        "against": pl.String,  # mix of the other judge
        "texts": pl.String,  # what was judged: whether the texts are the same for both
        **{
            name: kind
            for name, kind in _NUMBERS.items()
            if not name.startswith("p_equivalent") and name not in {"seed_sd", "by_seed"}
        },
    }
)
SAME, OWN_EACH, SAME_OWN = "same texts", "each judge's own text", "the run's own text, for both"
FEWEST_SEEDS = 3
_TESTED = {(SPB, PROBABILITY), (SPB, POINTS)}
_PATTERNS_PER_TEST = 100  # so that the smallest p, times the family size, is a fifth of .05


class Clusters:
    """Articles as clusters: articles with the same text count as one draw."""

    def __init__(self, articles: Sequence[str]) -> None:
        self._codes, self.sizes = _clusters(tuple(articles))

    def mean(self, values: np.ndarray, condition: tuple[str, ...]) -> Mean:
        """The mean of `values[seed, article]`, with the variance from a condition's training seeds."""
        return mean_of(cluster_sums(self._codes, values), self.sizes, condition)


@lru_cache(maxsize=256)
def _clusters(articles: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Codes and sizes of the articles' clusters; cached because many series share articles."""
    _, codes = np.unique(
        cluster_of(pl.Series(articles, dtype=pl.String)).to_numpy(), return_inverse=True
    )
    return codes, cluster_sums(codes, np.ones(len(articles)))


def kept(articles: Sequence[str], valid: np.ndarray) -> list[str]:
    """The articles that count."""
    return [name for name, counts in zip(articles, valid, strict=True) if counts]


def mean_of_series(series: Series) -> Mean | None:
    """A series' mean; None if no article counts."""
    valid = series.valid
    if not valid.any():
        return None
    clusters = Clusters(kept(series.articles, valid))
    return clusters.mean(series.values[:, valid], (series.target, series.mix))


def estimates(
    all_series: Sequence[Series], settings: Statistics, seed: int
) -> list[dict[str, Any]]:
    """One line per series, without tests (columns of `ESTIMATES`)."""
    means = [mean_of_series(series) for series in all_series]
    defined = [mean for mean in means if mean is not None]
    intervals = iter(bca(defined, settings.bootstrap_resamples, settings.confidence, seed))
    lines = []
    for series, mean in zip(all_series, means, strict=True):
        line = names_of(series) | {"note": series.note, "n_seeds": len(series.seeds)}
        line["flag"] = few_seeds(series.mix, len(series.seeds))
        line |= counted(series, series.valid)
        if mean is None:
            lines.append(line | {"method": "no article with a value in every seed"})
            continue
        line |= described(series.values[:, series.valid], mean, next(intervals))
        lines.append(line | {"method": _method(mean)})
    return lines


def names_of(series: Series) -> dict[str, Any]:
    """Key columns of a line."""
    return {
        "target": series.target,
        "mix": series.mix,
        "variant": series.variant,
        "protocol": series.protocol,
        "self": series.self_,
        "statistic": series.statistic,
        "unit": series.unit,
    }


def counted(series: Series, valid: np.ndarray) -> dict[str, int]:
    """Numbers of counted and excluded articles."""
    return {"n_articles": int(valid.sum()), "n_excluded": int((~valid).sum())}


def described(
    values: np.ndarray, mean: Mean, interval: tuple[float, float] | None
) -> dict[str, Any]:
    """Value, interval and spread over seeds."""
    low, high = interval or (None, None)
    by_seed = values.mean(axis=1)
    return {
        "value": mean.value,
        "low": low,
        "high": high,
        "seed_sd": float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None,
        "by_seed": by_seed.tolist(),
    }


def _method(mean: Mean) -> str:
    return f"BCa bootstrap over articles{' and seeds' if mean.seeds else ''}"


def few_seeds(mix: str, seeds: int) -> str | None:
    """Remark for too few trainings to generalise to a condition; empty for gold and vanilla."""
    if mix in (VANILLA, GOLD) or seeds >= FEWEST_SEEDS:
        return None
    return f"fewer than {FEWEST_SEEDS} training seeds"


def compare_judges(
    all_series: Sequence[Series],
    same_texts: Sequence[tuple[Series, Series]],
    roles: Roles,
    settings: Statistics,
    seed: int,
) -> tuple[list[dict[str, Any]], list[Mean | None]]:
    """Differences of SPB between judges of one target, on the articles that both have.

    Args:
        same_texts: pairs of `biases.same_text`; their difference is taken seed by seed.

    Returns:
        Lines of `PREFERENCE_COMPARISONS_SCHEMA` without tests, and the mean of each.
    """
    spb = {
        (s.target, s.variant, s.protocol, s.self_, s.mix): s
        for s in all_series
        if s.statistic == SPB and s.unit in (PROBABILITY, POINTS)
    }
    kinds = dict.fromkeys(key[:4] for key in spb)
    compared_pairs = []
    for kind in kinds:
        texts = SAME if kind[3] != "own" else OWN_EACH
        for one, other in roles.pairs:
            if (*kind, one) in spb and (*kind, other) in spb:
                compared_pairs.append((spb[*kind, one], spb[*kind, other], texts))
    compared_pairs += [(*pair, SAME_OWN) for pair in same_texts]
    lines, means = [], []
    for one, other, texts in compared_pairs:
        line, mean = _difference(one, other, texts)
        lines.append(line)
        means.append(mean)
    defined = [mean for mean in means if mean is not None]
    intervals = iter(bca(defined, settings.bootstrap_resamples, settings.confidence, seed))
    for line, mean in zip(lines, means, strict=True):
        if mean is None:
            line["method"] = "no article with a value for both judges in every seed"
            continue
        line["low"], line["high"] = next(intervals) or (None, None)
        line["method"] = f"paired {_method(mean)}"
    return lines, means


def _difference(one: Series, other: Series, texts: str) -> tuple[dict[str, Any], Mean | None]:
    shared = sorted(set(one.articles) & set(other.articles))
    first, second = (
        each.values[:, np.searchsorted(np.array(each.articles), np.array(shared))]
        for each in (one, other)
    )
    valid = ~np.isnan(first).any(axis=0) & ~np.isnan(second).any(axis=0)
    line = names_of(one) | {
        "against": other.mix,
        "texts": texts,
        "n_articles": int(valid.sum()),
        "n_excluded": int((~valid).sum()),
        "n_seeds": min(len(each.seeds) for each in (one, other) if each.mix != VANILLA),
    }
    line["flag"] = few_seeds(one.mix, line["n_seeds"])
    if not valid.any():
        return line, None
    clusters = Clusters(kept(shared, valid))
    if texts == SAME_OWN:
        mean = clusters.mean((first - second)[:, valid], (one.target, one.mix))
    else:
        mean = difference_of(
            clusters.mean(first[:, valid], (one.target, one.mix)),
            clusters.mean(second[:, valid], (other.target, other.mix)),
        )
    return line | {"value": mean.value}, mean


def test_all(
    lines: Sequence[dict[str, Any]],
    means: Sequence[Mean | None],
    compared: Sequence[dict[str, Any]],
    differences: Sequence[Mean | None],
    modelled: Sequence[dict[str, Any]],
    roles: Roles,
    settings: Statistics,
    seed: int,
) -> None:
    """Add p of every test and Holm's p over all of them, including comparisons and equivalence.

    Tested against 0, by sign flips over articles widened by training seeds: SPB of all judges, and
    every comparison. Tested for equivalence within the margin: SPB. The biases at equal quality
    (`modelled`) have their p already. The paper variant is not tested: its numbers are compared
    with the published ones. There are enough flips for the smallest p to be significant in a family
    of this size.
    """
    tested = [
        (line, mean)
        for line, mean in [*zip(lines, means, strict=True), *zip(compared, differences, strict=True)]
        if mean is not None and len(mean.sizes) > 1
        and (line["statistic"], line["unit"]) in _TESTED and line["variant"] == CORRECTED
    ]  # fmt: skip
    equivalent = [
        (line, mean)
        for line, mean in tested
        if line["statistic"] == SPB and "against" not in line and line["unit"] in roles.margins
    ]
    own = [
        (line, key)
        for line in modelled
        for key in ("p", "p_equivalent")
        if line.get(key) is not None
    ]
    size = len(tested) + len(equivalent) + len(own)
    flips = max(settings.sign_flips, _PATTERNS_PER_TEST * size)
    flipped = sign_flip_p([mean for _, mean in tested], flips, seed)
    for (line, _), p in zip(tested, flipped, strict=True):
        line["p"] = p
        line["method"] += f"; {flips} sign flips over articles"
    for line, mean in equivalent:
        line["p_equivalent"] = equivalence_p(mean, roles.margins[line["unit"]])
    tests = [(line, "p") for line, _ in tested] + [(line, "p_equivalent") for line, _ in equivalent]
    tests += own
    if tests:
        corrected = holm([line[key] for line, key in tests])
        for (line, key), p in zip(tests, corrected, strict=True):
            line[f"{key}_holm"] = float(p)


def equivalence_p(mean: Mean, margin: float) -> float:
    """p of the hypothesis that a mean is at or beyond ±margin: the larger of two one-sided tests.

    The variance is that over clusters plus that of the training seeds, each with its t.
    Source: Schuirmann 1987 (TOST).
    """
    clusters = len(mean.sizes)
    moved = influences(mean.sums, mean.sizes)
    components = [
        VarianceComponent(float((moved**2).sum()) * clusters / (clusters - 1), clusters - 1)
    ]
    if mean.seeds:
        components.append(VarianceComponent(mean.seeds.variance, mean.seeds.degrees))
    room = margin - abs(mean.value)
    if not any(component.variance > 0 for component in components):
        # Without spread there is no test; every article gives the same value.
        return 1 / (1 + clusters) if room > 0 else 1.0
    one_sided = t_p(room, components) / 2
    return one_sided if room > 0 else 1 - one_sided


def primary_unit(protocol: str) -> str:
    """Unit in which a protocol's SPB is tested."""
    return POINTS if protocol == ABSOLUTE else PROBABILITY
