"""Tables of self-preference as readers see them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from manybaskets.presentation.page import Table

TITLES = {
    "preference": (
        "Self-preference of every judge",
        "SPB: mean of the judge's own kind of text less the mean of the other models; PSB: mean of "
        "all models less the human reference. Self is the untuned target's text (base) or what the "
        "run itself wrote (own). DiD is what remains of the preference once that of independent "
        "judges is taken away, in log-odds; of scores in standard deviations of the judge. Accuracy "
        "is on pairs of intact and corrupted texts: where its interval includes .5, no bias of the "
        "row can be interpreted. Holm's correction covers all tests of the study, those of the table "
        "of comparisons among them.",
    ),
    "preference-comparisons": (
        "Self-preference compared between judges",
        "Paired differences of SPB on the same articles, judge less the one it stands against. With "
        "the run's own text for both, the difference is what training did to the judge; with each "
        "judge's own text it also holds what training did to the text.",
    ),
    "preference-estimates": (
        "Every estimate of self-preference",
        "Self against taught families: opponents whose texts are in the judge's training mix; "
        "held-out families made no training data. The equal-opportunity gap is the judge's vote for "
        "self where independent judges prefer self, less its vote for the other where they prefer "
        "that one.",
    ),
    "preference-position": (
        "Position bias",
        "Half of the log-odds of a text in the first place less those in the second; above 0 the "
        "first place is favoured. Consistency: share of articles, pairs and markers with the same "
        "answer in both orders; the flip rate is the rest.",
    ),
    "preference-mass": (
        "Mass on the markers",
        "Probability of all markers together among all tokens at the place of the answer: mean, 5th "
        "percentile, and share of readings in which it is low (`preference.statistics.low_mass`). `spaced` is that of the same "
        "markers after a space.",
    ),
    "preference-discrimination": (
        "Can the judges judge?",
        "Share of readings that favour the intact of two texts, the other being the same text "
        "corrupted, in both orders; `averaged` after averaging over orders and markers, `margin` in "
        "log-odds. A judge whose interval includes .5 cannot be called unbiased.",
    ),
    "preference-length": (
        "Length and likelihood",
        "Preference as it is, at the same number of words, at the same words and the same likelihood "
        "under the judge (regressions), and on pairs whose words differ by a tenth at most. Where 1 "
        "lies outside of the ratios from the 5th to the 95th percentile, the value at ratio 1 is a "
        "guess beyond the data.",
    ),
    "preference-matrix": (
        "Whom every judge prefers",
        "Mean of each author in the eyes of each judge, over its pairs with all others (probability) "
        "or its scores (points), and the mean words of its texts.",
    ),
    "preference-excluded": (
        "Readings that were not had",
        "Questions that could not be asked or answered, by judge, pair and reason; each order and "
        "set of markers is a question of its own.",
    ),
}  # fmt: skip
_DROPPED = {"self", "statistic"}  # of comparisons, whose texts and measure are told otherwise


def preference_tables(frames: Mapping[str, pl.DataFrame]) -> dict[str, Table]:
    """Tables by file name.

    Args:
        frames: result of `results.preference_statistics`; those not given are left out.
    """
    return {
        name: Table(title, _shown(name, frames[name]), caption)
        for name, (title, caption) in TITLES.items()
        if name in frames
    }


def _shown(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    if name == "preference-comparisons":
        first = ["target", "variant", "protocol", "texts", "unit", "mix", "against"]
        return frame.select(*first, *(c for c in frame.columns if c not in _DROPPED | set(first)))
    if name == "preference-estimates":
        by_seed = pl.col("by_seed").list.eval(pl.element().round(4).cast(pl.String)).list.join(", ")
        return frame.with_columns(by_seed=by_seed)
    if name == "preference-matrix":
        return frame.filter(pl.col("opponent").is_null()).drop("opponent")
    return frame
