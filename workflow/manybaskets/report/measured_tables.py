"""Tables: measured numbers in the form that a reader sees, on the scale that readers see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from manybaskets.errors import UserError
from manybaskets.presentation.formatting import Lookup, measure_lookup, shown_unit, transformed
from manybaskets.presentation.table_forms import display, latex, note, table_markdown, write_all
from manybaskets.records.measured import of_sources
from manybaskets.statistics.verdict import verdict

__all__ = ["comparison_rows", "comparisons_of_sources", "condition_rows", "conditions_of_sources", "display",
           "exclusions", "latex", "table_markdown", "note", "write_all"]  # fmt: skip

_WORDS, _TOKENS, _TRUNCATED = "response_words", "response_tokens", "truncated"
_CONDITION = ("model", "mix", "prompt_set")
NO_ANSWER = "no valid answer"
NO_VALUE = "no value"
NOT_MATCHED = "no value, or no valid answer in another condition"

_CONDITIONS = pl.Schema(
    {
        **dict.fromkeys(("measure", "label", "unit", "prompt_set", "model", "mix"), pl.String),
        **dict.fromkeys(("value", "median", "low", "high"), pl.Float64),
        **dict.fromkeys(("n_prompts", "n_excluded", "n_seeds"), pl.Int64),
        **dict.fromkeys(
            ("seed_sd", "mean_words", "median_words", "mean_tokens", "truncated_share"), pl.Float64
        ),
        "method": pl.String,
    }
)
_COMPARISONS = pl.Schema(
    {
        "family": pl.String,
        "family_size": pl.Int64,
        **dict.fromkeys(("measure", "label", "prompt_set", "model", "mix"), pl.String),
        **dict.fromkeys(("baseline", "scale", "unit"), pl.String),
        **dict.fromkeys(("value", "low", "high", "p", "p_holm"), pl.Float64),
        "correction": pl.String,
        **dict.fromkeys(("detectable", "effect"), pl.Float64),
        **dict.fromkeys(("rank_biserial", "share_above", "trimmed"), pl.Float64),
        "verdict": pl.String,
        **dict.fromkeys(("n_prompts", "n_excluded", "n_seeds"), pl.Int64),
        "trainings": pl.String,
        "confirmatory": pl.Boolean,
        "method": pl.String,
    }
)
_EXCLUSIONS = pl.Schema(
    {
        **dict.fromkeys(("measure", "label", "prompt_set", "model", "mix", "reason"), pl.String),
        "n": pl.Int64,
    }
)


def condition_rows(summary: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """One row per measure, prompt set, target and mix, with the length of the condition's answers.

    The seed spread of a perplexity is that of its logarithm times the perplexity (first order); its
    median is that of the prompts' perplexities. Truncated is the share of the answers that ended at
    the token limit.

    Raises:
        UserError: a condition's length was not measured; no value stands without it.
    """
    find = measure_lookup(lookup)
    lengths = _lengths(summary)
    rows = []
    for row in summary.iter_rows(named=True):
        measure = find(row["measure"])
        keys = {"value": "estimate", "median": "median", "low": "low", "high": "high"}
        numbers = {name: transformed(row[key], measure.transform) for name, key in keys.items()}
        spread = row["seed_sd"]
        if spread is not None and measure.transform == "exp":
            spread *= numbers["value"]
        cells = {"label": measure.label, "unit": shown_unit(measure), **numbers, "seed_sd": spread}
        cells |= lengths[tuple(row[key] for key in _CONDITION)]
        rows.append({name: cells[name] if name in cells else row[name] for name in _CONDITIONS})
    return pl.DataFrame(rows, schema=_CONDITIONS)


def _lengths(summary: pl.DataFrame) -> dict[tuple[str, ...], dict[str, float | None]]:
    """Words, tokens and truncated share of every condition."""
    measured: dict[tuple[str, ...], dict[str, Mapping[str, Any]]] = {}
    for row in summary.iter_rows(named=True):
        measured.setdefault(tuple(row[key] for key in _CONDITION), {})[row["measure"]] = row
    lengths = {}
    for condition, by_measure in measured.items():
        if _WORDS not in by_measure:
            raise UserError(
                what=f"the length of the answers was not measured: {'/'.join(condition)}",
                where="statistics/summary.parquet",
                expected=f"the measure {_WORDS} for every condition",
                remedy="compute the measures again",
            )
        words = by_measure[_WORDS]
        tokens, truncated = by_measure.get(_TOKENS, {}), by_measure.get(_TRUNCATED, {})
        lengths[condition] = {
            "mean_words": words["estimate"],
            "median_words": words["median"],
            "mean_tokens": tokens.get("estimate"),
            "truncated_share": truncated.get("estimate"),
        }
    return lengths


def conditions_of_sources(summary: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """`condition_rows` of what the sources answered to the training prompts, one row per source."""
    return _by_source(condition_rows(of_sources(summary), lookup)).drop("n_seeds", "seed_sd")


def comparison_rows(compared: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """One row per family, measure, target and mix; perplexities are compared as ratios.

    `family_size` is the number of tests that the family's correction covers. Effects are those of
    `statistics.effects`: null for measures of sets; the trimmed mean is on the scale of the value.
    `verdict` is that of `statistics.verdict`, as sentences and markers have it.
    """
    find = measure_lookup(lookup)
    tested = compared.filter(pl.col("p_holm").is_not_null())
    sizes = dict(tested.group_by("family").len().rows())
    rows = []
    for row in compared.iter_rows(named=True):
        measure = find(row["measure"])
        keys = {"value": "difference", "low": "low", "high": "high", "trimmed": "trimmed"}
        keys["detectable"] = "detectable"
        cells = {name: transformed(row[key], measure.transform) for name, key in keys.items()}
        ratio = measure.transform == "exp"
        cells |= {
            "family_size": sizes.get(row["family"], 0),
            "label": measure.label,
            "scale": "ratio" if ratio else "difference",
            "unit": "×" if ratio else measure.unit,
            "verdict": verdict(row["low"], row["high"], row["p_holm"]),
        }
        rows.append({name: cells[name] if name in cells else row[name] for name in _COMPARISONS})
    return pl.DataFrame(rows, schema=_COMPARISONS)


def comparisons_of_sources(compared: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """`comparison_rows` of sources, on what they answered to the training prompts."""
    return _by_source(comparison_rows(of_sources(compared), lookup)).drop("n_seeds", "trainings")


def _by_source(table: pl.DataFrame) -> pl.DataFrame:
    return table.drop("model", "prompt_set").rename({"mix": "source"})


def exclusions(summary: pl.DataFrame, lookup: Lookup | None = None) -> pl.DataFrame:
    """How many prompts every measure leaves out in every condition, by reason; zeros included.

    A prompt without a valid answer (failed or empty) is missing from all measures. The rest have no
    value of this measure, such as answers of too few sentences; a measure of sets also leaves out
    the prompts that another condition did not answer. `n` is null where it is not known.

    Raises:
        UserError: a condition's length was not measured.
    """
    find = measure_lookup(lookup)
    _lengths(summary)
    words = summary.filter(pl.col("measure") == _WORDS)
    missing = {
        tuple(row[key] for key in _CONDITION): row["n_excluded"]
        for row in words.iter_rows(named=True)
    }
    rows = []
    for row in summary.iter_rows(named=True):
        measure, all_ = find(row["measure"]), row["n_excluded"]
        unanswered = missing[tuple(row[key] for key in _CONDITION)]
        rest = None if all_ is None or unanswered is None else max(0, all_ - unanswered)
        other = NOT_MATCHED if getattr(measure, "level", "prompt") == "set" else NO_VALUE
        for reason, n in ((NO_ANSWER, unanswered), (other, rest)):
            cells = {"label": measure.label, "reason": reason, "n": n}
            rows.append({name: cells[name] if name in cells else row[name] for name in _EXCLUSIONS})
    return pl.DataFrame(rows, schema=_EXCLUSIONS)
