"""Effect sizes of paired differences: how large, not how certain."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-12
_TRIMMED = 0.1  # of the differences, at each end


def effects(differences: np.ndarray) -> dict[str, float | None]:
    """Effect sizes of one difference per prompt (several seeds: the mean over them).

    Returns:
        effect: d_z = mean / sd; null without variation.
        rank_biserial: (R₊ − R₋) / (R₊ + R₋), sums of the ranks of absolute differences without
            zeros; −1 to 1, null if all are 0. Source: Kerby 2014.
        share_above: share of prompts with a difference above 0.
        trimmed: mean without the tenth of the prompts at each end.
    """
    from scipy.stats import rankdata, trim_mean

    largest = float(np.abs(differences).max(initial=0.0))
    if largest == 0.0:
        return {"effect": None, "rank_biserial": None, "share_above": 0.0, "trimmed": 0.0}
    # Equal differences may differ by rounding: they are ties without spread.
    even = np.round(differences / largest, 11)
    deviation = float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0
    moved = even[even != 0]
    ranks = rankdata(np.abs(moved))
    return {
        "effect": float(differences.mean()) / deviation
        if deviation > _ROUNDING * largest
        else None,
        "rank_biserial": float((ranks * np.sign(moved)).sum() / ranks.sum()),
        "share_above": float((even > 0).mean()),
        "trimmed": float(trim_mean(differences, _TRIMMED)),
    }
