"""The published omnibus and unpaired tests, named after what they compute.

They treat answers to the same prompts as independent samples; the project's own comparisons are
paired (`manybaskets.statistics`). Undefined tests give None.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def kruskal_wallis(samples: Sequence[np.ndarray]) -> dict[str, float]:
    """Kruskal–Wallis H and its p over two samples or more.

    For two samples this is what the published study prints as "Mann-Whitney U" of own-output
    perplexities.
    """
    from scipy.stats import kruskal

    if not _testable(samples) or len(np.unique(np.concatenate(samples))) < 2:
        return {}
    found = kruskal(*samples)
    return {"kruskal_H": float(found.statistic), "kruskal_p": float(found.pvalue)}


def mann_whitney(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Mann–Whitney U of the first and of the second sample, and their two-sided p."""
    from scipy.stats import mannwhitneyu

    if not _testable([first, second]):
        return {}
    found = mannwhitneyu(first, second, alternative="two-sided")
    u = float(found.statistic)
    second = float(len(first) * len(second)) - u
    p = float(found.pvalue)
    return {"mannwhitney_U": u, "mannwhitney_U_of_second": second, "mannwhitney_p": p}


def levene(samples: Sequence[np.ndarray]) -> dict[str, float]:
    """Levene's W with deviations from the medians (Brown–Forsythe), and its p."""
    from scipy.stats import levene as levene_test

    if not _testable(samples):
        return {}
    deviations = [np.abs(each - np.median(each)) for each in samples]
    if all(np.ptp(each) == 0 for each in deviations):
        return {}
    found = levene_test(*samples, center="median")
    return {"levene_W": float(found.statistic), "levene_p": float(found.pvalue)}


def _testable(samples: Sequence[np.ndarray]) -> bool:
    return len(samples) > 1 and all(len(each) for each in samples)
