"""What the numbers say, in sentences: differences with their uncertainty, and warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.presentation.formatting import (
    Lookup,
    detectable_text,
    difference_text,
    measure_lookup,
)
from manybaskets.records.measured import of_runs
from manybaskets.report import measured_tables
from manybaskets.statistics.verdict import (
    DIFFERENT,
    INTERVAL_ONLY,
    NO_INTERVAL,
    NOT_DISTINGUISHED,
    TEST_ONLY,
)

_ENOUGH_SEEDS = 3
_LISTED = 6  # conditions; more are summed up
Say = Callable[[Mapping[str, Any], str], str]  # a row and its numbers in words -> what it says
_GROUP = ["family", "label", "prompt_set", "model", "baseline", "scale"]


def findings(
    compared: pl.DataFrame,
    *,
    confidence: float = 0.95,
    lookup: Lookup | None = None,
    limit: int = 18,
) -> list[str]:
    """At most `limit` sentences, distinguished mixes first; they state numbers and no causes.

    Two mixes are distinguished if the interval of their difference excludes equality and its
    adjusted p is below 0.05; where only one of the two holds, the sentence says which.

    Args:
        compared: comparisons of all families, as `statistics.compare` gives them.
        confidence: of the intervals.
        lookup: where measures are found; the registry unless given.
        limit: most sentences.
    """
    level = f"{confidence * 100:g} % interval"
    several_targets = compared["model"].n_unique() > 1
    ranked: list[tuple[float, float, str]] = []
    unclear: dict[Say, list[list[dict[str, Any]]]] = {
        say: [] for say in [*_UNCLEAR.values(), _exploratory]
    }
    compared_rows = measured_tables.comparison_rows(compared, measure_lookup(lookup))
    for _, group in compared_rows.group_by(_GROUP, maintain_order=True):
        valued = [row for row in group.iter_rows(named=True) if row["verdict"] != NO_INTERVAL]
        unclear[_exploratory].append([row for row in valued if not row["confirmatory"]])
        rows = [row for row in valued if row["confirmatory"]]
        significant = [row for row in rows if row["verdict"] == DIFFERENT]
        if significant:
            sentence = _sentence(significant, several_targets, level, _direction)
            strength = max(abs(row["effect"] or 0.0) for row in significant)
            ranked.append((min(row["p_holm"] for row in significant), -strength, sentence))
        for name, say in _UNCLEAR.items():
            unclear[say].append([row for row in rows if row["verdict"] == name])
    first = [sentence for *_, sentence in sorted(ranked, key=lambda item: item[:2])]
    rest = [
        _sentence(rows, several_targets, level, say)
        for say, groups in unclear.items()
        for rows in groups
        if rows
    ]
    if len(first) + len(rest) > limit:
        rest = [line for say, groups in unclear.items() for line in _names_only(groups, say)]
    room = max(0, limit - len(rest))
    if len(first) > room:
        more = len(first) - room + 1
        first = first[: max(0, room - 1)]
        first.append(f"{more} more sets of mixes were distinguished; see the table of comparisons.")
    return [*first, *rest]


def _head(row: Mapping[str, Any], several_targets: bool) -> str:
    target = f", target {row['model']}" if several_targets else ""
    return f"{row['label']} on `{row['prompt_set']}`{target} (family `{row['family']}`)"


def _direction(row: Mapping[str, Any], numbers: str) -> str:
    above = row["low"] > (1.0 if row["scale"] == "ratio" else 0.0)
    return f"{row['mix']} is {'higher' if above else 'lower'} than {row['baseline']} ({numbers})"


def _undecided(row: Mapping[str, Any], numbers: str) -> str:
    return (
        f"whether {row['mix']} differs from {row['baseline']} is undecided: the interval excludes "
        f"equality, {row['correction']}'s correction does not ({numbers})"
    )


def _test_only(row: Mapping[str, Any], numbers: str) -> str:
    return (
        f"whether {row['mix']} differs from {row['baseline']} is undecided: {row['correction']}'s p is "
        f"below 0.05, but the interval reaches equality ({numbers})"
    )


def _alike(row: Mapping[str, Any], numbers: str) -> str:
    numbers += detectable_text(row)
    return f"{row['mix']} could not be distinguished from {row['baseline']} ({numbers})"


def _exploratory(row: Mapping[str, Any], numbers: str) -> str:
    return (
        f"{row['mix']} and {row['baseline']} are compared as these trainings alone, not as mixes, "
        f"because one was trained once ({numbers})"
    )


_UNCLEAR: dict[str, Say] = {
    INTERVAL_ONLY: _undecided,
    TEST_ONLY: _test_only,
    NOT_DISTINGUISHED: _alike,
}


def _sentence(
    rows: Sequence[Mapping[str, Any]], several_targets: bool, level: str, say: Say
) -> str:
    """One sentence for the mixes that share a measure, a baseline and an outcome."""
    clauses = [say(row, difference_text(row, level)) for row in rows]
    return f"{_head(rows[0], several_targets)}: {'; '.join(clauses)}; {_counts(rows)}."


def _names_only(groups: Iterable[Sequence[Mapping[str, Any]]], say: Say) -> list[str]:
    """One sentence per family and baseline, where there is no room for the numbers."""
    outcome = {
        _undecided: "Undecided (the interval excludes equality, {}'s p does not) against",
        _test_only: "Undecided ({}'s p is below 0.05, the interval reaches equality) against",
        _alike: "Could not be distinguished from",
        _exploratory: "Compared as single trainings, which say nothing about other trainings of the "
        "same mixes, with",
    }[say]
    measures: dict[tuple[str, str, str, str], dict[str, list[str]]] = {}
    for row in (row for group in groups for row in group):
        by_mix = measures.setdefault(
            (row["family"], row["baseline"], row["prompt_set"], row["correction"]), {}
        )
        by_mix.setdefault(row["mix"], []).append(row["label"])
    return [
        f"{outcome.format(correction)} {baseline} on `{prompt_set}` (family `{family}`; the table of comparisons has "
        "the intervals): "
        + "; ".join(
            f"{mix} in {', '.join(dict.fromkeys(labels))}" for mix, labels in by_mix.items()
        )
        + "."
        for (family, baseline, prompt_set, correction), by_mix in measures.items()
    ]


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    prompts = _span(row["n_prompts"] for row in rows)
    prompts_counted = [f"n = {prompts} prompts"] if prompts else []
    sides = list(dict.fromkeys(row["trainings"] for row in rows if row["trainings"]))
    return ", ".join([*prompts_counted, *([f"trainings {' or '.join(sides)}"] if sides else [])])


def _span(values: Iterable[int | None]) -> str:
    defined = sorted({value for value in values if value is not None})
    if not defined:
        return ""
    return f"{defined[0]}" if len(defined) == 1 else f"{defined[0]} to {defined[-1]}"


def study_warnings(summary: pl.DataFrame, compared: pl.DataFrame) -> list[str]:
    """What a reader has to know before trusting the numbers."""
    sentences = []
    trained = of_runs(summary).filter(pl.col("mix") != "vanilla")
    few = trained.filter(pl.col("n_seeds") < _ENOUGH_SEEDS)
    if few.height:
        seeds = _span(few["n_seeds"])
        names = ", ".join(few["mix"].unique(maintain_order=True).to_list())
        sentences.append(
            f"Fewer than {_ENOUGH_SEEDS} training seeds ({seeds}) for {names}: the variance "
            f"between trainings is poorly known or unknown. List {_ENOUGH_SEEDS} or more in "
            "`training.seeds`; finished runs stay."
        )
    sentences += _exclusions(summary.filter(pl.col("n_excluded") > 0))
    empty = summary.filter(pl.col("estimate").is_null())
    for row in empty.iter_rows(named=True):
        sentences.append(
            f"No value of `{row['measure']}` on `{row['prompt_set']}` for {row['model']} "
            f"{row['mix']}: {row['method'].removeprefix('no value: ')}. Leave this cell out of "
            "comparisons."
        )
    untested = compared.filter(pl.col("p").is_null()).height
    if untested:
        sentences.append(
            f"{untested} of {compared.height} comparisons have no p-value: read their intervals as "
            "estimates, and conclude nothing from them."
        )
    return sentences


def _exclusions(excluded: pl.DataFrame) -> list[str]:
    """Measures that left out the same prompts share a sentence."""
    measures: dict[tuple[str, str], list[str]] = {}
    for (measure, prompt_set), group in excluded.group_by(
        "measure", "prompt_set", maintain_order=True
    ):
        clauses = [
            (row["n_excluded"], f"{row['n_excluded'] + (row['n_prompts'] or 0)}", row)
            for row in group.iter_rows(named=True)
        ]
        listed = ", ".join(f"{row['model']} {row['mix']} {n} of {all_}" for n, all_, row in clauses)
        if len(clauses) > _LISTED:
            worst, of, row = max(clauses, key=lambda clause: clause[0])
            listed = f"in {len(clauses)} conditions, at most {worst} of {of} ({row['model']} {row['mix']})"
        measures.setdefault((prompt_set, listed), []).append(f"`{measure}`")
    return [
        f"Prompts on `{prompt_set}` that are excluded from {', '.join(names)}: {listed}. Read these "
        "values as those of the prompts that are left."
        for (prompt_set, listed), names in measures.items()
    ]
