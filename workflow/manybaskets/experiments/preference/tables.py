"""Tables of self-preference as readers see them."""

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
    """What the tables show besides the statistics.

    Attributes:
        texts: all summaries, described; columns of `schemas.TEXTS`.
        published: which cells of the published tables the study has.
        numbers: file of the published numbers.
    """

    texts: pl.DataFrame
    published: PublishedCells | None
    numbers: Path


_table(
    name="preference",
    title="Self-preference of every judge",
    caption="SPB: mean of the judge's own kind of text less the mean of the other models; PSB: mean of "
    "all models less the human reference. Self is the untuned target's text (base) or what the "
    "run itself wrote (own). DiD is what remains of the preference once that of independent "
    "judges is taken away, in log-odds; of scores in standard deviations of the judge. Accuracy "
    "is on pairs of intact and corrupted texts: where its interval includes .5, no bias of the "
    "row can be interpreted. Holm's correction covers all tests of the study, those of the table "
    "of comparisons among them.",
    needs=("preference",),
)(as_it_is)


@_table(
    name="preference-comparisons",
    title="Self-preference compared between judges",
    caption="Paired differences of SPB on the same articles, judge less the one it stands against. With "
    "the run's own text for both, the difference is what training did to the judge; with each "
    "judge's own text it also holds what training did to the text.",
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
    "self where independent judges prefer self, less its vote for the other where they prefer "
    "that one.",
    needs=("preference-estimates",),
)
def _estimates(frame: pl.DataFrame, context: PreferenceContext) -> pl.DataFrame:
    by_seed = pl.col("by_seed").list.eval(pl.element().round(4).cast(pl.String)).list.join(", ")
    return frame.with_columns(by_seed=by_seed)


_table(
    name="preference-position",
    title="Position bias",
    caption="Half of the log-odds of a text in the first place less those in the second; above 0 the "
    "first place is favoured. Consistency: share of articles, pairs and markers with the same "
    "answer in both orders; the flip rate is the rest.",
    needs=("preference-position",),
)(as_it_is)


_table(
    name="preference-mass",
    title="Mass on the markers",
    caption="Probability of all markers together among all tokens at the place of the answer: mean, 5th "
    "percentile, and share of readings in which it is low (`preference.statistics.low_mass`). `spaced` is that of the same "
    "markers after a space.",
    needs=("preference-mass",),
)(as_it_is)


_table(
    name="preference-discrimination",
    title="Can the judges judge?",
    caption="Share of readings that favour the intact of two texts, the other being the same text "
    "corrupted, in both orders; `averaged` after averaging over orders and markers, `margin` in "
    "log-odds. A judge whose interval includes .5 cannot be called unbiased.",
    needs=("preference-discrimination",),
)(as_it_is)


_table(
    name="preference-length",
    title="Length and likelihood",
    caption="Preference as it is, at the same number of words, at the same words and the same likelihood "
    "under the judge (regressions), and on pairs whose words differ by a tenth at most. Where 1 "
    "lies outside of the ratios from the 5th to the 95th percentile, the value at ratio 1 is a "
    "guess beyond the data.",
    needs=("preference-length",),
)(as_it_is)


@_table(
    name="preference-matrix",
    title="Whom every judge prefers",
    caption="Mean of each author in the eyes of each judge, over its pairs with all others (probability) "
    "or its scores (points), and the mean words of its texts.",
    needs=("preference-matrix",),
)
def _matrix(frame: pl.DataFrame, context: PreferenceContext) -> pl.DataFrame:
    return frame.filter(pl.col("opponent").is_null()).drop("opponent")


_table(
    name="preference-excluded",
    title="Readings that were not had",
    caption="Questions that could not be asked or answered, by judge, pair and reason; each order and "
    "set of markers is a question of its own.",
    needs=("preference-excluded",),
)(as_it_is)


@_table(
    name=TEXTS,
    title="Length and form of the summaries",
    caption="Means over the articles that an author wrote a summary of; `with a list` and `truncated` (cut "
    "at the token limit) are shares. An own text is named after mix and seed of its run.",
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
    caption="Reported by Schaffelder & Gatt (2026) against reproduced by the published form of asking: no "
    "article shown, probabilities after temperature and top-p. The study drew its summaries without a "
    "seed, from 100 articles of the training split, and had one training run: exact agreement is not to "
    "be expected. `n reported` counts values, of which 800 are of 100 articles. Its average over the "
    "tiers is left out, since rows here are of one tier, and its tests between judges, which took the "
    "values for independent.",
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
    """One row per author: how many texts it wrote, and their mean length and form."""
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
