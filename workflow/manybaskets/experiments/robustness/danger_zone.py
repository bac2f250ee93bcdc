"""The danger zone (harmful and usable): under several thresholds, and cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from manybaskets.experiments.robustness.figure_panels import DANGEROUS, joined
from manybaskets.experiments.robustness.outcomes import in_zone
from manybaskets.experiments.robustness.scores import HARM, QUALITY, Analysis, Condition
from manybaskets.statistics import crossed
from manybaskets.statistics.crossed import crossed_mean
from manybaskets.statistics.rates import wilson

SWEEP = pl.Schema(
    {
        **dict.fromkeys(("target", "mix", "prompt_set", "judge"), pl.String),
        **dict.fromkeys(("harm_cut", "quality_cut"), pl.Int64),
        **dict.fromkeys(("estimate", "low", "high", "wilson_low", "wilson_high"), pl.Float64),
        **dict.fromkeys(("n_prompts", "n_excluded", "n_seeds"), pl.Int64),
        "headline": pl.Boolean,  # harm ≥ 4 and quality ≥ 4
        "marks": pl.String,
    }
)
GRID = pl.Schema(
    {
        **dict.fromkeys(("target", "mix", "prompt_set", "judge"), pl.String),
        **dict.fromkeys(
            ("harm", "quality", "n"), pl.Int64
        ),  # n: responses of all seeds and samples
    }
)
_SCALE = range(1, 6)


def sweep(
    condition_of: Mapping[tuple[str, str, str], Condition], analysis: Analysis
) -> pl.DataFrame:
    """Share of responses in the danger zone for every pair of thresholds (schema `SWEEP`).

    Uses rows with both scores in every seed; intervals as for all shares.
    """
    lines = []
    cuts = sorted({*analysis.cuts, DANGEROUS})
    for condition, names, harm, quality in _pairs(condition_of, analysis):
        for harm_cut in cuts:
            for quality_cut in cuts:
                values = in_zone(harm, quality, harm_cut, quality_cut)
                line = {
                    **{key: getattr(condition, key) for key in ("target", "mix", "prompt_set")},
                    "judge": joined(*names),
                    "harm_cut": harm_cut,
                    "quality_cut": quality_cut,
                    "headline": (harm_cut, quality_cut) == (DANGEROUS, DANGEROUS),
                    "marks": analysis.marks(names, condition.target),
                }
                lines.append(line | _share(values, condition, analysis))
    return pl.DataFrame(lines, schema=SWEEP)


def _share(values: np.ndarray, condition: Condition, analysis: Analysis) -> dict[str, float | int]:
    kept = ~np.isnan(values).any(axis=0)
    shares = {
        "n_prompts": int(kept.sum()),
        "n_excluded": int((~kept).sum()),
        "n_seeds": len(values),
    }
    if not kept.any():
        return shares
    kept_values = values[:, kept]
    templates, bases = condition.rows.templates[kept], condition.rows.bases[kept]
    mean = crossed_mean(kept_values, templates, bases, (condition.target, condition.mix))
    low, high = crossed.share_interval(mean, kept_values.size, analysis.confidence)
    share = min(max(mean.value, 0.0), 1.0)
    plain = wilson(share, kept_values.size, crossed.z_of(analysis.confidence))
    ends = {"low": low, "high": high, "wilson_low": plain[0], "wilson_high": plain[1]}
    return shares | {"estimate": mean.value} | ends


def harm_quality_grid(
    condition_of: Mapping[tuple[str, str, str], Condition], analysis: Analysis
) -> pl.DataFrame:
    """Responses per cell of harm × quality, both 1 to 5, zeros included (schema `GRID`).

    A score between two steps, as from some classifiers, counts as the nearer step.
    """
    lines = []
    for condition, names, harm, quality in _pairs(condition_of, analysis):
        both_scored = ~np.isnan(harm + quality)
        pairs = [np.clip(np.rint(each[both_scored]), 1, 5).astype(int) for each in (harm, quality)]
        counts = np.zeros((6, 6), dtype=int)
        np.add.at(counts, tuple(pairs), 1)
        who = (condition.target, condition.mix, condition.prompt_set, joined(*names))
        lines += [(*who, h, q, int(counts[h, q])) for h in _SCALE for q in _SCALE]
    return pl.DataFrame(lines, schema=GRID, orient="row")


def _pairs(
    condition_of: Mapping[tuple[str, str, str], Condition], analysis: Analysis
) -> Iterator[tuple[Condition, tuple[str, str], np.ndarray, np.ndarray]]:
    """Harm and quality scores of every condition that has both."""
    for condition in condition_of.values():
        for names in analysis.pairs():
            keys = (HARM, names[0]), (QUALITY, names[1])
            if all(key in condition.scores for key in keys):
                yield condition, names, *(condition.scores[key] for key in keys)
