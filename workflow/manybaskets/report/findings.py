"""What the numbers say, in sentences: differences with their uncertainty, and warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.presentation.formatting import (
    Lookup,
    measure_lookup,
    number,
    p_value,
    rounded_alike,
)
from manybaskets.records.measured import of_runs
from manybaskets.report import measured_tables

_ALPHA = 0.05  # Holm-adjusted
_ENOUGH_SEEDS = 3
_LISTED = 6  # conditions; more are summed up
_MULTI_SENTENCES = 3
_BEST = {"higher": "highest", "lower": "lowest"}
Say = Callable[[Mapping[str, Any], str], str]  # a row and its numbers in words -> what it says
_GROUP = ["family", "label", "prompt_set", "model", "baseline", "scale"]


def findings(
    summary: pl.DataFrame,
    compared: pl.DataFrame,
    *,
    singles: Sequence[str] = (),
    multis: Sequence[str] = (),
    confidence: float = 0.95,
    lookup: Lookup | None = None,
    limit: int = 18,
) -> list[str]:
    """At most `limit` sentences, distinguished mixes first; they state numbers and no causes.

    Two mixes count as distinguished if the interval of their difference excludes equality and its
    Holm-adjusted p is below 0.05; as undecided where only the interval does.

    Args:
        summary: estimates of all conditions, as `statistics.summarise` gives them.
        compared: comparisons of all families, as `statistics.compare` gives them.
        singles: mixes of kind `single`.
        multis: mixes that are set against the singles.
        confidence: of the intervals.
        lookup: where measures are found; the registry unless given.
        limit: most sentences.
    """
    find = measure_lookup(lookup)
    level = f"{confidence * 100:g} % interval"
    several_targets = summary["model"].n_unique() > 1 or compared["model"].n_unique() > 1
    ranked: list[tuple[float, float, str]] = []
    unclear: dict[Say, list[list[dict[str, Any]]]] = {_undecided: [], _alike: []}
    compared_rows = measured_tables.comparison_rows(compared, find)
    for _, group in compared_rows.group_by(_GROUP, maintain_order=True):
        rows = [row for row in group.iter_rows(named=True) if _has_interval(row)]
        apart = [row for row in rows if _excludes_equality(row)]
        significant = [row for row in apart if row["p_holm"] is not None and row["p_holm"] < _ALPHA]
        if significant:
            sentence = _sentence(significant, several_targets, level, _direction)
            strength = max(abs(row["effect"] or 0.0) for row in significant)
            ranked.append((min(row["p_holm"] for row in significant), -strength, sentence))
        unclear[_undecided].append([row for row in apart if row not in significant])
        unclear[_alike].append([row for row in rows if row not in apart])
    first = [sentence for *_, sentence in sorted(ranked, key=lambda item: item[:2])]
    against = [
        sentence
        for multi in multis
        for sentence in _multi(summary, list(singles), multi, level, several_targets, find)
    ][:_MULTI_SENTENCES]
    rest = [
        _sentence(rows, several_targets, level, say)
        for say, groups in unclear.items()
        for rows in groups
        if rows
    ]
    if len(first) + len(against) + len(rest) > limit:
        rest = [line for say, groups in unclear.items() for line in _names_only(groups, say)]
    room = max(0, limit - len(against) - len(rest))
    if len(first) > room:
        more = len(first) - room + 1
        first = first[: max(0, room - 1)]
        first.append(f"{more} more sets of mixes were distinguished; see the table of comparisons.")
    return [*first, *against, *rest]


def _has_interval(row: Mapping[str, Any]) -> bool:
    return None not in (row["value"], row["low"], row["high"])


def _excludes_equality(row: Mapping[str, Any]) -> bool:
    equal = 1.0 if row["scale"] == "ratio" else 0.0
    return row["low"] > equal or row["high"] < equal


def _head(row: Mapping[str, Any], several_targets: bool) -> str:
    target = f", target {row['model']}" if several_targets else ""
    return f"{row['label']} on `{row['prompt_set']}`{target} (family `{row['family']}`)"


def _direction(row: Mapping[str, Any], numbers: str) -> str:
    above = row["low"] > (1.0 if row["scale"] == "ratio" else 0.0)
    return f"{row['mix']} is {'higher' if above else 'lower'} than {row['baseline']} ({numbers})"


def _undecided(row: Mapping[str, Any], numbers: str) -> str:
    return (
        f"whether {row['mix']} differs from {row['baseline']} is undecided: the interval excludes "
        f"equality, Holm's correction does not ({numbers})"
    )


def _alike(row: Mapping[str, Any], numbers: str) -> str:
    return f"{row['mix']} could not be distinguished from {row['baseline']} ({numbers})"


def _sentence(
    rows: Sequence[Mapping[str, Any]], several_targets: bool, level: str, say: Say
) -> str:
    """One sentence for the mixes that share a measure, a baseline and an outcome."""
    clauses = [say(row, _numbers(row, level)) for row in rows]
    return f"{_head(rows[0], several_targets)}: {'; '.join(clauses)}; {_counts(rows)}."


def _names_only(groups: Iterable[Sequence[Mapping[str, Any]]], say: Say) -> list[str]:
    """One sentence per family and baseline, where there is no room for the numbers."""
    outcome = {
        _undecided: "Undecided (the interval excludes equality, Holm's p does not) against",
        _alike: "Could not be distinguished from",
    }[say]
    measures: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for row in (row for group in groups for row in group):
        by_mix = measures.setdefault((row["family"], row["baseline"], row["prompt_set"]), {})
        by_mix.setdefault(row["mix"], []).append(row["label"])
    return [
        f"{outcome} {baseline} on `{prompt_set}` (family `{family}`; the table of comparisons has "
        "the intervals): "
        + "; ".join(
            f"{mix} in {', '.join(dict.fromkeys(labels))}" for mix, labels in by_mix.items()
        )
        + "."
        for (family, baseline, prompt_set), by_mix in measures.items()
    ]


def _numbers(row: Mapping[str, Any], level: str) -> str:
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    unit = "" if row["scale"] == "ratio" else f" {row['unit']}"
    text = f"{row['scale']} {value}{unit}, {level} {low} to {high}"
    if row["p_holm"] is None:
        return f"{text}, not tested"
    p = p_value(row["p_holm"], decimals=3)
    return f"{text}, Holm p {p.replace('<', '< ') if p.startswith('<') else f'= {p}'}"


def _counts(rows: Sequence[Mapping[str, Any]]) -> str:
    prompts = _span(row["n_prompts"] for row in rows)
    seeds = _span(row["n_seeds"] for row in rows)
    prompts_counted = f"n = {prompts} prompts, " if prompts else ""
    return f"{prompts_counted}{seeds} training seed{'' if seeds == '1' else 's'}"


def _span(values: Iterable[int | None]) -> str:
    defined = sorted({value for value in values if value is not None})
    if not defined:
        return ""
    return f"{defined[0]}" if len(defined) == 1 else f"{defined[0]} to {defined[-1]}"


def _multi(
    summary: pl.DataFrame,
    singles: list[str],
    multi: str,
    level: str,
    several_targets: bool,
    find: Lookup,
) -> list[str]:
    """Multi beside each single, their mean and the best; measures with a direction first."""
    if not singles:
        return []
    table = measured_tables.multi_against_singles(summary, singles, multi, find)
    with_direction, without = [], []
    for row in table.iter_rows(named=True):
        if row[multi] is None or row["low"] is None or row["mean_of_singles"] is None:
            continue
        values = [row[multi], row["low"], row["high"], *(row[single] for single in singles)]
        of_multi, low, high, *each = rounded_alike(values)
        target = f", target {row['model']}" if several_targets else ""
        listed = ", ".join(f"{name} {value}" for name, value in zip(singles, each, strict=True))
        sentence = (
            f"{row['label']} on `{row['prompt_set']}`{target}: {multi} {of_multi} {row['unit']} "
            f"({level} {low} to {high}); singles: {listed}; their mean "
            f"{number(row['mean_of_singles'])}"
        )
        if row["best_single"] is None:
            without.append(f"{sentence}.")
        else:
            direction = find(row["measure"]).direction
            with_direction.append(
                f"{sentence}; the best is {row['best_single']} ({_BEST[direction]})."
            )
    return with_direction + without


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
            "between trainings is poorly known or unknown."
        )
    sentences += _exclusions(summary.filter(pl.col("n_excluded") > 0))
    empty = summary.filter(pl.col("estimate").is_null())
    for row in empty.iter_rows(named=True):
        sentences.append(
            f"No value of `{row['measure']}` on `{row['prompt_set']}` for {row['model']} "
            f"{row['mix']}: {row['method']}."
        )
    untested = compared.filter(pl.col("p").is_null()).height
    if untested:
        sentences.append(f"{untested} of {compared.height} comparisons have no p-value.")
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
        f"Prompts on `{prompt_set}` that are excluded from {', '.join(names)}: {listed}."
        for (prompt_set, listed), names in measures.items()
    ]
