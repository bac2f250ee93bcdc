"""Rows of the self-preference experiment: articles, judged texts, readings of judges."""

from __future__ import annotations

import polars as pl

ARTICLES = pl.Schema({"article_id": pl.String, "article": pl.String, "reference": pl.String})
# The texts of one author for all articles; an own text has the run that wrote it.
TEXTS = pl.Schema(
    {
        "author": pl.String,  # an entry of `models`, `human`, or `own:<mix>:<seed>`
        "target": pl.String,  # for own texts; otherwise empty
        "article_id": pl.String,
        "status": pl.String,  # `written`, `empty`, `failed`
        "words": pl.Int32,  # runs of letters and digits, as counted in `statistics` and `measures`
        "sentences": pl.Int32,
        "list_items": pl.Int32,  # lines that begin like a list item
        "truncated": pl.Boolean,  # cut at the token limit
    }
)
READINGS = pl.Schema(
    {
        "protocol": pl.String,  # `pairwise`, `absolute`, `discrimination`
        "variant": pl.String,  # `corrected`, `paper`
        "target": pl.String,  # the judge: its base model,
        "mix": pl.String,  # the mix it was tuned on (`vanilla`: untuned; `gold`: an independent judge)
        "seed": pl.Int64,  # and its training seed; 0 without one
        "adapter": pl.String,  # fingerprint of its weights; null without one
        "article_id": pl.String,
        "first": pl.String,  # authors in the order shown
        "second": pl.String,  # null in protocol `absolute`
        "markers": pl.String,  # `A/B`, `1/2`; `1..5` for a scale
        "status": pl.String,  # why there is no reading, see STATUSES
        "z_first": pl.Float64,  # logit of the first text's marker, temperature 1
        "z_second": pl.Float64,
        "logits": pl.List(pl.Float64),  # of all markers in order: both, or those of a scale
        "mass": pl.Float64,  # total softmax probability of all markers over all tokens
        "mass_spaced": pl.Float64,  # and of the same markers after a space, if those are tokens
        "expected": pl.Float64,  # absolute: mean of the scale under its digits' probabilities
        "pi_first": pl.Float64,  # variant `paper`: share of the first after temperature and top-p
        "words_first": pl.Int32,
        "words_second": pl.Int32,
        "nll_first": pl.Float64,  # judge's nats per token of the text as its answer; null if not asked
        "nll_second": pl.Float64,
    }
)
PAIRWISE, ABSOLUTE, DISCRIMINATION = "pairwise", "absolute", "discrimination"
CORRECTED, PAPER = "corrected", "paper"
# A run's own summaries, in its own readings. Readings of the untuned target have the same texts
# under `own_of`, so that a change of the judge can be separated from a change of the text.
OWN = "own"
GOLD = "gold"
READ = "read"
STATUSES = {
    READ: "judged",
    "no_marker": "no marker survived temperature and top-p (variant paper); logits and mass are "
    "available",
    "missing": "an author has no text for this article",
    "empty": "a text is empty",
    "identical": "both texts are the same",
    "too_long": "the prompt exceeds the judge's context and is never truncated",
}
_CORRUPTED = "~shuffled"


def own_of(mix: str, seed: int) -> str:
    """Author name of a run's own text in the readings of other judges."""
    return f"{OWN}:{mix}:{seed}"


def corrupted(author: str) -> str:
    """Author name of a corrupted text."""
    return author + _CORRUPTED


def is_corrupted(author: str) -> bool:
    """Whether this author name is from `corrupted`."""
    return author.endswith(_CORRUPTED)
