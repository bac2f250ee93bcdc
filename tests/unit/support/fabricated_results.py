"""Planted summaries and comparisons, and a registry of three made-up measures."""

from __future__ import annotations

import math
from types import SimpleNamespace

import polars as pl

from manybaskets.statistics.blends import BLENDS, MEAN_OF_SINGLES
from manybaskets.statistics.comparison import COMPARISONS_SCHEMA
from manybaskets.statistics.summary import SUMMARY

KINDS = {
    "human": "human",
    "single-llama": "single",
    "single-qwen": "single",
    "multi": "multi",
    "uneven": "weighted",
}
_MEASURES = {
    "entropy": ("Entropy", "bits", "higher", "identity"),
    "own_nll": ("Perplexity", "nats per token", "lower", "exp"),
    "words": ("Words", "words", "none", "identity"),
    "response_words": ("Words per answer", "words", "none", "identity"),
    "habit_terse": ("Habit: terse", "share", "none", "identity"),
    "habit_count": ("Number of habits", "habits", "higher", "identity"),
}


def lookup(name: str) -> SimpleNamespace:
    """A measure as the registry would give it; an unknown name raises KeyError."""
    label, unit, direction, transform = _MEASURES[name]
    return SimpleNamespace(
        name=name, label=label, unit=unit, direction=direction, transform=transform
    )


def condition(measure: str = "entropy", mix: str = "multi", estimate: float | None = 2.0, **other):
    """One row of a summary."""
    low, high = (None, None) if estimate is None else (estimate - 0.1, estimate + 0.1)
    row = {"measure": measure, "model": "llama", "mix": mix, "prompt_set": "test"}
    row |= {"estimate": estimate, "low": low, "high": high, "n_prompts": 200, "n_excluded": 0}
    return row | {"n_seeds": 3, "seed_sd": 0.05, "median": estimate, "method": "bootstrap"} | other


def difference(measure: str = "entropy", mix: str = "multi", value: float = -0.3, **other):
    """One row of a comparison with `human`, an interval of ±0.1 and a small p."""
    row = {"family": "against-human", "measure": measure, "model": "llama", "prompt_set": "test"}
    row |= {"mix": mix, "baseline": "human", "difference": value, "low": value - 0.1}
    row |= {
        "high": value + 0.1,
        "p": 0.0001,
        "p_holm": 0.0004,
        "correction": "Holm",
        "detectable": 0.2,
        "effect": -0.9,
        "n_prompts": 200,
    }
    row |= {"rank_biserial": -0.8, "share_above": 0.1, "trimmed": value}
    row |= {"n_excluded": 0, "n_seeds": 3, "trainings": "3 and 3", "confirmatory": True}
    return row | {"method": "sign flips"} | other


def summary(*rows: dict) -> pl.DataFrame:
    """Rows as a summary; without rows, every measure in every condition."""
    if not rows:
        rows = tuple(
            condition(measure, mix, 0.5 + 0.3 * math.sin(3 * i + j))
            for i, measure in enumerate(_MEASURES)
            for j, mix in enumerate(["vanilla", *KINDS])
        )
    return pl.DataFrame(list(rows), schema=SUMMARY)


def compared(*rows: dict) -> pl.DataFrame:
    """Rows as the result of `compare`."""
    return pl.DataFrame(list(rows), schema=COMPARISONS_SCHEMA)


def blended(measure: str = "entropy", value: float | None = 0.5, **other):
    """One row of blends: multi minus the mean of its two singles, an interval of ±0.1, a small p."""
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    row = {"mix": "multi", "measure": measure, "model": "llama", "prompt_set": "test"}
    row |= {"against": MEAN_OF_SINGLES, "baseline": "single-llama + single-qwen"}
    row |= {"difference": value, "low": low, "high": high, "p": 0.0001, "p_holm": 0.0004}
    row |= {"family_size": 3, "detectable": 0.15, "n_prompts": 200, "n_excluded": 0, "n_seeds": 3}
    return row | {"method": "sign flips"} | other


def blends(*rows: dict) -> pl.DataFrame:
    """Rows as the result of `compare_blends`."""
    return pl.DataFrame(list(rows), schema=BLENDS)
