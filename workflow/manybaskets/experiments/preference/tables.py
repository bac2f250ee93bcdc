"""Tables of self-preference for readers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.config.study import Study
from manybaskets.experiments.preference.published_numbers import (
    compare_preference,
    load_preference,
)
from manybaskets.presentation.tables import as_it_is, table

PUBLISHED, TEXTS, RULE = "published-preference", "preference-texts", "preference_tables"
_DROPPED = {"self", "statistic"}  # of comparisons, whose texts and measure other columns name
_table = partial(table, section="preference", rule=RULE, when=lambda study: bool(study.preference))


@dataclass(frozen=True)
class PreferenceContext:
    """Inputs of the tables in addition to the statistics.

    Attributes:
        texts: descriptions of all summaries; columns of `schemas.TEXTS`.
        published: cells of the published tables that the study has.
        numbers: file of the published numbers.
    """

    texts: pl.DataFrame
    published: PublishedCells | None
    numbers: Path


_table(
    name="preference",
    title="Self-preference of every judge",
    caption="SPB: mean of self minus the mean of the other models; PSB: mean of all models minus "
    "the human reference. Self is the untuned target's text (base) or the run's own text (own). "
    "Bias is the preference for self at equal quality and length, in standard deviations of the "
    "judge's log-odds over the quality of texts; change is the same as a change of the unit. Sharpness "
    "is relative to the independent judges. DiD is the preference minus that of independent judges "
    "in log-odds (standard deviations of the judge for scores), whatever the judges' sharpness. "
    "Accuracy is on pairs of intact and corrupted texts: if "
    "its interval includes .5, no bias in the row can be interpreted. Holm's correction covers "
    "all tests of the study, including the comparisons table.",
    needs=("preference",),
)(as_it_is)


@_table(
    name="preference-comparisons",
    title="Self-preference compared between judges",
    caption="Paired differences of SPB on the same articles, judge minus comparison judge. With "
    "the run's own text for both, the difference is the effect of training on the judge; with "
    "each judge's own text it also includes the effect of training on the text.",
    needs=("preference-comparisons",),
)
def _comparisons(frame: pl.DataFrame, context: PreferenceContext) -> pl.DataFrame:
    first = ["target", "variant", "protocol", "texts", "unit", "mix", "against"]
    return frame.select(*first, *(c for c in frame.columns if c not in _DROPPED | set(first)))


@_table(
    name="preference-estimates",
    title="Every estimate of self-preference",
    caption="Self against taught families: opponents whose texts are in the judge's training mix; "
    "held-out families made no training data. The equal-opportunity gap is the judge's vote for "
    "self where independent judges prefer self, minus its vote for the other where they prefer "
    "the other.",
    needs=("preference-estimates",),
)
def _estimates(frame: pl.DataFrame, context: PreferenceContext) -> pl.DataFrame:
    by_seed = pl.col("by_seed").list.eval(pl.element().round(4).cast(pl.String)).list.join(", ")
    return frame.with_columns(by_seed=by_seed)


_table(
    name="preference-equal-quality",
    title="Self-preference at equal quality and length",
    caption="A model of all judges: quality of each text as independent judges see it, a sharpness "
    "(slope) per judge, and length. Value: the bias for self in the judge's log-odds; in sds: in "
    "standard deviations of its log-odds over the quality of texts of one author; change: of the "
    "probability to be preferred, at the judge's position bias, or of the score. Raw is the "
    "preference over the other models, and by quality and by length are parts of it. Sharpness is "
    "relative to the independent judges, from the flattest to the steepest possible slope; the "
    "interval of the bias covers both. A limit says why quality and self cannot be separated.",
    needs=("preference-equal-quality",),
)(as_it_is)


_table(
    name="preference-position",
    title="Position bias",
    caption="Half of the log-odds of a text in the first position minus those in the second; "
    "above 0 the first position is favoured. Consistency: share of articles, pairs and markers "
    "with the same answer in both orders; the flip rate is the rest.",
    needs=("preference-position",),
)(as_it_is)


_table(
    name="preference-mass",
    title="Mass on the markers",
    caption="Total probability of all markers at the answer's first token: mean, 5th percentile, "
    "and share of readings in which it is low (`preference.statistics.low_mass`). `spaced` is the "
    "same for markers after a space.",
    needs=("preference-mass",),
)(as_it_is)


_table(
    name="preference-discrimination",
    title="Can the judges judge?",
    caption="Share of readings that favour an intact text over its corrupted copy, in both "
    "orders; `averaged` after averaging over orders and markers, `margin` in log-odds. A judge "
    "whose interval includes .5 cannot be called unbiased.",
    needs=("preference-discrimination",),
)(as_it_is)


_table(
    name="preference-length",
    title="Length and likelihood",
    caption="Raw preference, at equal length, at equal length and likelihood under the judge "
    "(regressions), and on pairs whose lengths differ by at most a tenth. If 1 is outside of the "
    "5th to 95th percentile of word ratios, the value at ratio 1 is an extrapolation.",
    needs=("preference-length",),
)(as_it_is)


@_table(
    name="preference-matrix",
    title="Preferences of every judge",
    caption="Mean of each author by each judge, over its pairs with all others (probability) or "
    "its scores (points), and the mean words of its texts.",
    needs=("preference-matrix",),
)
def _matrix(frame: pl.DataFrame, context: PreferenceContext) -> pl.DataFrame:
    return frame.filter(pl.col("opponent").is_null()).drop("opponent")


_table(
    name="preference-excluded",
    title="Missing readings",
    caption="Questions that could not be asked or answered, by judge, pair and reason; each order "
    "and marker set is a separate question.",
    needs=("preference-excluded",),
)(as_it_is)


@_table(
    name=TEXTS,
    title="Length and form of the summaries",
    caption="Means over the articles that an author summarised; `with a list` and `truncated` (at "
    "the token limit) are shares. Own texts are named after mix and seed of their run.",
    needs=(),
)
def _forms(context: PreferenceContext) -> pl.DataFrame:
    return forms_of(context.texts)


def _has_published_cells(study: Study) -> bool:
    cells = study.published_cells
    if not study.preference or not cells:
        return False
    return bool(cells.targets and cells.conditions and study.preference.judging.published_form)


@table(
    name=PUBLISHED,
    title="Self-preference as published",
    caption="Numbers reported by Schaffelder & Gatt (2026) and reproduced with the published form "
    "of asking: no article shown, probabilities after temperature and top-p. The study sampled "
    "its summaries without a seed, from 100 articles of the training split, with one training "
    "run: exact agreement is not expected. `n reported` counts values, 800 for 100 articles. "
    "Omitted are the average over tiers, because rows here are for one tier, and the tests "
    "between judges, which treated the values as independent.",
    needs=("preference", "preference-matrix"),
    section="preference",
    rule=RULE,
    when=_has_published_cells,
)
def _published(
    judged: pl.DataFrame, matrix: pl.DataFrame, context: PreferenceContext
) -> pl.DataFrame:
    frames = {"preference": judged, "preference-matrix": matrix}
    return compare_preference(load_preference(context.numbers), frames, context.published)


def forms_of(texts: pl.DataFrame) -> pl.DataFrame:
    """One row per author: number of texts, and their mean length and form."""
    written = pl.col("status") == "written"
    mean = {
        "words": pl.col("words"),
        "sentences": pl.col("sentences"),
        "with a list": pl.col("list_items") > 0,
        "truncated": pl.col("truncated"),
    }
    return texts.group_by("target", "author", maintain_order=True).agg(
        written.sum().cast(pl.Int64).alias("written"),
        (pl.col("status") == "empty").sum().cast(pl.Int64).alias("empty"),
        (pl.col("status") == "failed").sum().cast(pl.Int64).alias("failed"),
        *(each.filter(written).mean().alias(name) for name, each in mean.items()),
    )
