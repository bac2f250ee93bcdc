"""Several sources against one: the table and the sentences on blends and their own singles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.config.blends import Blend
from manybaskets.presentation.formatting import (
    Lookup,
    detectable_text,
    difference_text,
    measure_lookup,
    shown_unit,
    transformed,
)
from manybaskets.statistics.blends import BEST_SINGLE, MEAN_OF_SINGLES, OWN
from manybaskets.statistics.verdict import (
    DIFFERENT,
    INTERVAL_ONLY,
    NO_INTERVAL,
    TEST_ONLY,
    verdict,
)

_TABLE = pl.Schema(
    {
        **dict.fromkeys(("mix", "measure", "label", "prompt_set", "model", "against"), pl.String),
        **dict.fromkeys(("baseline", "scale", "unit"), pl.String),
        **dict.fromkeys(("blend_value", "baseline_value", "value", "low", "high"), pl.Float64),
        **dict.fromkeys(("p", "p_holm", "detectable"), pl.Float64),
        "family_size": pl.Int64,
        "verdict": pl.String,
        **dict.fromkeys(("n_prompts", "n_excluded", "n_seeds"), pl.Int64),
        "method": pl.String,
    }
)
_KINDS = (MEAN_OF_SINGLES, BEST_SINGLE, OWN)
_SET = {MEAN_OF_SINGLES: "the mean of their own singles", BEST_SINGLE: "their best single",
        OWN: "the target's own answers"}  # fmt: skip
_GROUP = ["mix", "measure", "prompt_set", "model"]
_SENTENCES = 6


def blend_rows(
    blends: pl.DataFrame, summary: pl.DataFrame, lookup: Lookup | None = None
) -> pl.DataFrame:
    """One row per blend, measure, prompt set, target and what it is compared with.

    Perplexities are compared as ratios. The baseline's value is the blend's minus the difference.

    Args:
        blends: of the schema `statistics.blends.BLENDS`.
        summary: estimates of all conditions.
    """
    find = measure_lookup(lookup)
    estimates = {
        tuple(row[key] for key in _GROUP): row["estimate"] for row in summary.iter_rows(named=True)
    }
    rows = []
    for row in blends.iter_rows(named=True):
        measure = find(row["measure"])
        of_blend = estimates.get(tuple(row[key] for key in _GROUP))
        known = None not in (of_blend, row["difference"])
        numbers = {
            "blend_value": of_blend,
            "baseline_value": of_blend - row["difference"] if known else None,
            "value": row["difference"],
            "low": row["low"],
            "high": row["high"],
            "detectable": row["detectable"],
        }
        ratio = measure.transform == "exp"
        cells = {name: transformed(value, measure.transform) for name, value in numbers.items()}
        cells |= {
            "label": measure.label,
            "scale": "ratio" if ratio else "difference",
            "unit": "×" if ratio else shown_unit(measure),
            "verdict": verdict(row["low"], row["high"], row["p_holm"]),
        }
        rows.append({name: cells[name] if name in cells else row[name] for name in _TABLE})
    return pl.DataFrame(rows, schema=_TABLE)


def blend_findings(
    table: pl.DataFrame,
    blends: Mapping[str, Blend],
    *,
    confidence: float = 0.95,
    lookup: Lookup | None = None,
    limit: int = _SENTENCES,
) -> list[str]:
    """What several sources do, beside the mean of their own singles, the best single, the target's own.

    First how many comparisons of the declared measures turned out which way, then at most `limit`
    of them in numbers, those that were decided first; last what could not be compared.

    Args:
        table: as `blend_rows` gives it.
        blends: the study's blends.
        confidence: of the intervals.
        lookup: where measures are found; the registry unless given.
        limit: most sentences with numbers.
    """
    find = measure_lookup(lookup)
    level = f"{confidence * 100:g} % interval"
    several = table["model"].n_unique() > 1
    chosen = table.filter(pl.col("p_holm").is_not_null().any().over(_GROUP))
    sentences = [
        _count(kind, chosen.filter(pl.col("against") == kind, pl.col("p_holm").is_not_null()), find)
        for kind in _KINDS
    ]
    groups = [list(group.iter_rows(named=True)) for _, group in
              chosen.group_by(_GROUP, maintain_order=True)]  # fmt: skip
    groups.sort(key=_rank)
    told = [_numbers(rows, level, several) for rows in groups[:limit]]
    if len(groups) > limit:
        told.append(
            f"{len(groups) - limit} more measures of blends are in the table of several sources "
            "against one."
        )
    return [*filter(None, sentences), *told, *_unknown(blends), *_once(table)]


def _rank(rows: Sequence[Mapping[str, Any]]) -> tuple[bool, float]:
    """Decided comparisons first, by p."""
    decided = [row["p_holm"] for row in rows if row["verdict"] == DIFFERENT]
    return (not decided, min(decided, default=1.0))


def _count(kind: str, rows: pl.DataFrame, find: Lookup) -> str:
    """How many comparisons of one kind turned out which way."""
    if not rows.height:
        return ""
    outcomes = [_outcome(row, find) for row in rows.iter_rows(named=True)]
    words = {
        "better": "better", "worse": "worse", "different": "different (no side is better)",
        "undecided": "undecided (the interval and the test disagree)",
        "alike": "not distinguished, which is not evidence of no difference",
    }  # fmt: skip
    listed = ", ".join(
        f"{outcomes.count(name)} {text}" for name, text in words.items() if name in outcomes
    )
    number = "1 comparison" if rows.height == 1 else f"{rows.height} comparisons"
    return f"Several sources against {_SET[kind]}: of {number}, {listed}."


def _outcome(row: Mapping[str, Any], find: Lookup) -> str:
    if row["verdict"] in (INTERVAL_ONLY, TEST_ONLY):
        return "undecided"
    if row["verdict"] != DIFFERENT:
        return "alike"
    direction = find(row["measure"]).direction
    if direction == "none":
        return "different"
    return "better" if _above(row) == (direction == "higher") else "worse"


def _above(row: Mapping[str, Any]) -> bool:
    return row["low"] > _equal(row)


def _equal(row: Mapping[str, Any]) -> float:
    return 1.0 if row["scale"] == "ratio" else 0.0


def _numbers(rows: Sequence[Mapping[str, Any]], level: str, several: bool) -> str:
    """A blend on one measure, beside all that it is compared with."""
    first = rows[0]
    target = f", target {first['model']}" if several else ""
    clauses = [_clause(row, level) for row in rows if row["value"] is not None]
    seeds = min(row["n_seeds"] for row in rows)
    prompts = first["n_prompts"]
    counted = f"n = {prompts} prompts, " if prompts is not None else ""
    return (
        f"{first['label']} on `{first['prompt_set']}`{target}: {first['mix']} "
        f"{'; '.join(clauses)}; {counted}{seeds} training seed{'' if seeds == 1 else 's'}."
    )


def _clause(row: Mapping[str, Any], level: str) -> str:
    named = {MEAN_OF_SINGLES: f"the mean of its {1 + row['baseline'].count(' + ')} singles",
             BEST_SINGLE: f"its best single, {row['baseline']}",
             OWN: f"the target's own, {row['baseline']}"}[row["against"]]  # fmt: skip
    numbers = difference_text(row, level)
    if row["verdict"] == DIFFERENT:
        return f"is {'higher' if _above(row) else 'lower'} than {named} ({numbers})"
    if row["verdict"] == INTERVAL_ONLY:
        return f"is undecided against {named}: only the interval excludes equality ({numbers})"
    if row["verdict"] == TEST_ONLY:
        return f"is undecided against {named}: the interval reaches equality, only the test finds a difference ({numbers})"
    if row["verdict"] == NO_INTERVAL:
        return f"has no interval against {named} ({numbers})"
    return f"could not be distinguished from {named} ({numbers}{detectable_text(row)})"


def _unknown(blends: Mapping[str, Blend]) -> Iterable[str]:
    """Blends whose singles were not all trained on alone."""
    for name, blend in blends.items():
        if blend.missing:
            listed = ", ".join(blend.missing)
            yield (
                f"The mean of the singles and the best single of {name} are unknown: no mix holds "
                f"{listed} alone."
            )


def _once(table: pl.DataFrame) -> Iterable[str]:
    """Blends that were, or one of whose singles was, trained once."""
    once = table.filter(pl.col("against") != OWN, pl.col("n_seeds") == 1)
    if once.height:
        names = ", ".join(once["mix"].unique(maintain_order=True))
        yield (
            f"Not tested against their singles, because they or a single were trained once: {names}. "
            "The table has the intervals, which do not include the variance between trainings."
        )
