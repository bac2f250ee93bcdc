"""Bootstrap, sign flips and half-samples: the arithmetic of intervals and tests."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from manybaskets.records import row_seed

_SIGNS_AT_ONCE = 1000


@lru_cache(maxsize=8)
def prompt_weights(prompts: int, resamples: int, seed: int) -> np.ndarray:
    """How often each prompt is drawn in each resample: `[resample, prompt]`.

    They depend on the number of prompts only, so that all conditions share their resamples.
    """
    rng = np.random.default_rng(row_seed(seed, "prompts", prompts))
    weights = rng.multinomial(prompts, np.full(prompts, 1.0 / prompts), size=resamples)
    return weights.astype(np.float64)


def seed_weights(seeds: int, resamples: int, seed: int, condition: tuple[str, ...]) -> np.ndarray:
    """How often each training seed is drawn: `[resample, seed]`, independent between conditions."""
    if seeds == 1:
        return np.ones((resamples, 1))
    rng = np.random.default_rng(row_seed(seed, "seeds", seeds, list(condition)))
    weights = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=resamples)
    return weights.astype(np.float64)


def bootstrap_means(values: np.ndarray, over_prompts: np.ndarray, over_seeds: np.ndarray):
    """Means of `values[seed, prompt]` in every resample of prompts and of seeds.

    Resampling S seeds reproduces only (S − 1) / S of their variance, which is a third too little
    for three seeds; their deviations from the mean are widened to make up for it.
    """
    seeds, prompts = values.shape
    centre = values.mean(axis=0)
    widened = centre + (values - centre) * np.sqrt(seeds / max(seeds - 1, 1))
    return np.einsum("rs,rs->r", over_seeds, over_prompts @ widened.T) / (seeds * prompts)


def interval(resampled: np.ndarray, confidence: float) -> tuple[float, float]:
    """Percentile interval of a bootstrap distribution."""
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def sign_flip_p(differences: list[np.ndarray], permutations: int, seed: int) -> list[float]:
    """Two-sided p of paired sign-flip permutation tests of mean 0.

    p = (1 + count) / (1 + permutations); `count` are the random sign patterns whose absolute sum
    reaches the observed one. All tests on the same number of prompts share their patterns.
    Source: Phipson & Smyth 2010 for the +1.
    """
    p = [1.0] * len(differences)
    for size in sorted({len(each) for each in differences} - {0}):
        places = [place for place, each in enumerate(differences) if len(each) == size]
        table = np.stack([differences[place] for place in places], axis=1)
        # Sums that are equal but for rounding must count as equal.
        observed = np.abs(table.sum(axis=0)) - 1e-12 * np.abs(table).sum(axis=0)
        rng = np.random.default_rng(row_seed(seed, "signs", size))
        count = np.zeros(len(places), dtype=np.int64)
        for start in range(0, permutations, _SIGNS_AT_ONCE):
            patterns = min(_SIGNS_AT_ONCE, permutations - start)
            signs = rng.integers(0, 2, size=(patterns, size), dtype=np.int8) * 2.0 - 1.0
            count += (np.abs(signs @ table) >= observed).sum(axis=0)
        for place, reached in zip(places, count, strict=True):
            p[place] = (1 + int(reached)) / (1 + permutations)
    return p


def wilson(share: float, prompts: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share of `prompts` prompts. Source: Wilson 1927."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(share * prompts, prompts, alpha=1 - confidence, method="wilson")
    return max(0.0, float(low)), min(1.0, float(high))


def newcombe(share: float, baseline: float, prompts: int, confidence: float) -> tuple[float, float]:
    """Interval of a difference of two shares from their Wilson intervals.

    The two are taken as independent, which is the wider choice for pairs that agree.
    Source: Newcombe 1998, Statistics in Medicine 17(8), method 10.
    """
    low, high = wilson(share, prompts, confidence)
    base_low, base_high = wilson(baseline, prompts, confidence)
    difference = share - baseline
    return (
        float(difference - np.hypot(share - low, base_high - baseline)),
        float(difference + np.hypot(high - share, baseline - base_low)),
    )


def variance(values: np.ndarray) -> float:
    """Sample variance (n − 1); 0 for fewer than two values."""
    return float(np.var(values, ddof=1)) if len(values) > 1 else 0.0


def freedom(parts: list[tuple[float, int]]) -> float:
    """Degrees of freedom of a sum of variances (each with its own). Source: Satterthwaite 1946."""
    total = sum(part for part, _ in parts)
    below = sum(part**2 / max(degrees, 1) for part, degrees in parts)
    return total**2 / below if below > 0 else float("inf")


def t_interval(
    estimate: float, error: float, degrees: float, confidence: float
) -> tuple[float, float]:
    """Two-sided interval from a standard error; normal where the degrees are infinite."""
    from scipy.stats import t

    half = error * float(t.ppf((1 + confidence) / 2, degrees))
    return estimate - half, estimate + half


def t_p(estimate: float, error: float, degrees: float) -> float:
    """Two-sided p of an estimate and its standard error."""
    from scipy.stats import t

    return float(2 * t.sf(abs(estimate) / error, degrees))
