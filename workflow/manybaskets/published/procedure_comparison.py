"""Compare a published procedure's value with the project's own value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import polars as pl

from manybaskets.presentation.formatting import Lookup, measure_lookup, transformed
from manybaskets.published.procedure_rows import (
    HEAPS,
    HUMAN_TEXT,
    OWN_OUTPUT,
    SELF_BLEU,
    SEMANTIC,
    TRAINING_DATA,
)
from manybaskets.published.splitting import UNTRAINED
from manybaskets.records.measured import SOURCES

LABELS = {
    HUMAN_TEXT: "Perplexity of human text",
    OWN_OUTPUT: "Perplexity of own outputs",
    SELF_BLEU: "Lexical diversity (100 − self-BLEU-3)",
    "self_bleu3": "Self-BLEU-3",
    HEAPS: "Heaps' law",
    SEMANTIC: "Semantic diversity",
}


@dataclass(frozen=True)
class Counterpart:
    """The project's measures that correspond to a published statistic.

    Args:
        measures: the first of them that a study has is used.
        complement: whether the published scale is 100 minus the measure's.
        differs: how the published procedure differs.
    """

    measures: tuple[str, ...]
    differs: str
    complement: bool = False


_RAW = "arithmetic mean, sensitive to single rows; end token included"
_CLEAN = "each condition loses different prompts to its own fences; end token included"
_GLUED = "answers concatenated without a separator, one order, unequal lengths, fit in linear space"
COUNTERPARTS = {
    (HUMAN_TEXT, "raw", "mean"): Counterpart(("human_nll",), _RAW),
    (HUMAN_TEXT, "iqr_clean", "mean"): Counterpart(("human_nll",), _CLEAN),
    (OWN_OUTPUT, "raw", "mean"): Counterpart(("own_nll",), _RAW),
    (OWN_OUTPUT, "iqr_clean", "mean"): Counterpart(("own_nll",), _CLEAN),
    (SELF_BLEU, "individual", "mean"): Counterpart(
        ("sentence_within",),
        "a sample; short sentences and answers with one sentence left out, different prompts each "
        "time",
        complement=True,
    ),
    (SELF_BLEU, "aggregated", "score"): Counterpart(
        ("sentence_between", "self_bleu"),
        "100 sampled answers, different prompts in each condition; sentences of the same answer "
        "count",
        complement=True,
    ),
    (HEAPS, "linear_fit", "K"): Counterpart(("heaps_k",), _GLUED),
    (HEAPS, "linear_fit", "beta"): Counterpart(("heaps_beta",), _GLUED),
    (SEMANTIC, "sentence_pairs", "mean"): Counterpart(
        ("semantic_sentences", "semantic_between"),
        "a sample of sentences; pairs assumed independent",
    ),
}


class OwnValues:
    """The project's own estimates, on the scale of the published values.

    Args:
        summary: of the schema `statistics.summary.SUMMARY`.
    """

    def __init__(self, summary: pl.DataFrame, lookup: Lookup | None = None) -> None:
        keys = ("measure", "model", "mix", "prompt_set")
        self._rows = {tuple(row[key] for key in keys): row for row in summary.to_dicts()}
        self._lookup = measure_lookup(lookup)

    def beside(
        self, metric: str, variant: str, statistic: str, target: str, condition: str
    ) -> dict[str, Any]:
        """`own` (the measure's label), `value`, `low`, `high`; nulls if there is none.

        Args:
            variant: without the splitter's suffix.
            target, condition: as in the table of the procedures.
        """
        nothing = {"own": None, "value": None, "low": None, "high": None}
        base, _, part = variant.partition(":")
        counterpart = COUNTERPARTS.get((metric, base, statistic))
        # The vocabulary of one part of a source differs from that of all its answers.
        if counterpart is None or (part and metric == HEAPS):
            return nothing
        model, prompts = (SOURCES, "train") if target == TRAINING_DATA else (target, "test")
        for measure in counterpart.measures:
            row = self._rows.get((measure, model, condition, prompts))
            if row is not None and row["estimate"] is not None:
                return self._shown(row, counterpart)
        return nothing

    def _shown(self, row: dict[str, Any], counterpart: Counterpart) -> dict[str, Any]:
        measure = self._lookup(row["measure"])
        shown = [transformed(row[key], measure.transform) for key in ("estimate", "low", "high")]
        label = measure.label
        if counterpart.complement:
            value, high, low = (None if each is None else 100.0 - each for each in shown)
            shown, label = [value, low, high], f"100 − {label}"
        return dict(zip(("own", "value", "low", "high"), [label, *shown], strict=True))


def paper_variants(
    paper: pl.DataFrame, summary: pl.DataFrame, lookup: Lookup | None = None
) -> pl.DataFrame:
    """One row per procedure and condition: central value and the project's value with interval.

    Args:
        paper: of the schema `paper.table.PAPER`.
        summary: of the schema `statistics.summary.SUMMARY`.
    """
    own = OwnValues(summary, lookup)
    rows = []
    for row in paper.to_dicts():
        variant = row["variant"].removesuffix(UNTRAINED)
        counterpart = COUNTERPARTS.get((row["metric"], variant.split(":")[0], row["statistic"]))
        if counterpart is None:
            continue
        where = (row["metric"], variant, row["statistic"], row["target"], row["condition"])
        label = LABELS[row["metric"]]
        rows.append(
            {
                "metric": f"{label}: {row['statistic']}" if row["metric"] == HEAPS else label,
                "variant": f"paper: {row['variant']}",
                "model": row["target"],
                "mix": row["condition"],
                "paper": row["value"],
                "n": row["n"],
                **own.beside(*where),
                "differs": counterpart.differs,
            }
        )
    return pl.DataFrame(rows, schema=_VARIANTS)


_VARIANTS = pl.Schema(
    {
        "metric": pl.String,
        "variant": pl.String,
        "model": pl.String,
        "mix": pl.String,
        "paper": pl.Float64,
        "n": pl.Int64,
        "own": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "differs": pl.String,
    }
)


def finite(value: float | None) -> bool:
    """Whether there is a comparable value."""
    return value is not None and math.isfinite(value)
