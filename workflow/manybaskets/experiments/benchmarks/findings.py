"""Sentences of the report on benchmarks."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from manybaskets.experiments.benchmarks import analysis
from manybaskets.experiments.benchmarks.published_numbers import HALF_WIDTH
from manybaskets.experiments.benchmarks.student_agreement import TIES_MISSING
from manybaskets.presentation.formatting import number, rounded_alike
from manybaskets.presentation.page import ReportSection


def section_of(frames: Mapping[str, pl.DataFrame]) -> ReportSection:
    """The section of the report, without its tables and figures.

    Args:
        frames: statistics of `analysis.compute_statistics` by name.
    """
    sentences = [
        *_published(frames),
        *_agreement(frames),
        *_families(frames),
        *_trends(frames),
        *_blends(frames),
        *_differences(frames),
    ]
    return ReportSection("Benchmarks", sentences, warnings=_warnings(frames))


def _published(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.PUBLISHED not in frames:
        return []
    published = frames[analysis.PUBLISHED]
    holding = int(published["holds"].sum())
    said = [
        f"{holding} of {published.height} published numbers hold: they equal the recomputed ones to the "
        "reported digits."
    ]
    wrong = published.filter(~pl.col("holds"))
    keys = ["table", "column", "score"]
    for (table, column, score), group in wrong.group_by(keys, maintain_order=True):
        total = published.filter(table=table, column=column).height
        far = group.sort(pl.col("difference").abs(), descending=True).to_dicts()[0]
        named = f"the half-width of {score}" if column.endswith(HALF_WIDTH) else score
        sentence = (
            f"{table}, column `{column}`: {group.height} of {total} numbers do not equal {named}; for "
            f"instance {far['row']}: {_plain(far['reported'])} reported, "
            f"{far['recomputed']:.4f} recomputed."
        )
        others = group["equals"].drop_nulls()
        if others.len():
            names = ", ".join(dict.fromkeys(others))
            sentence += f" {others.len()} of them equal {names}."
        said.append(sentence)
    for row in frames[analysis.ORDERS].filter(pl.col("reversed") > 0).to_dicts():
        said.append(
            f"{row['table']}, column `{row['column']}`: the order of {row['reversed']} of "
            f"{row['pairs']} pairs of rows is the opposite when {row['score']} is recomputed; the "
            f"largest: {row['largest']}, as reported, does not hold."
        )
    return said


def _agreement(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.RATES not in frames:
        return []
    said = []
    for (name,), group in frames[analysis.RATES].group_by("agreement", maintain_order=True):
        rows = {row["ties"]: row for row in group.to_dicts()}
        row = rows[TIES_MISSING]
        if not row["n"]:
            continue
        own = frames[analysis.AGREEMENT].filter(agreement=name)
        ties = own.filter(pl.col("agree").is_null())["benchmark"].to_list()
        sentence = (
            f"Agreement of students and teachers (`{name}`): {row['agree']} of {row['n']} benchmarks, "
            f"{number(row['rate'])} (exact interval {_interval(row)})"
        )
        if ties:
            other = next(each for key, each in rows.items() if key != TIES_MISSING)
            sentence += (
                f", without ties on {', '.join(ties)}; with ties as disagreement "
                f"{number(other['rate'])}"
            )
        chance = row["low"] <= 0.5 <= row["high"]
        said.append(sentence + ("; chance is inside." if chance else "; chance is outside."))
    return said


def _families(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.FAMILIES not in frames:
        return []
    return [
        f"Base model {row['base']}, {row['average']} (`{row['grid']}`): {number(row['same'])} with "
        f"sources of its family, {number(row['other'])} with others, difference "
        f"{_signed(row['difference'])}{_behind(row)}."
        for row in frames[analysis.FAMILIES].to_dicts()
    ]


def _trends(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.TRENDS not in frames:
        return []
    said = []
    trends = frames[analysis.TRENDS]
    for (name, score), group in trends.group_by(["scaling", "score"], maintain_order=True):
        listed = ", ".join(
            f"{row['source']} {_signed(row['per_doubling'])}" for row in group.to_dicts()
        )
        beyond = group.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
        said.append(
            f"Change of {score} per doubling of the rows (`{name}`): {listed}; the interval excludes 0 "
            f"for {beyond} of {group.height}."
        )
    return said


def _blends(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.BLENDS not in frames:
        return []
    return [
        f"Blend `{row['blend']}`, {row['average']}: {row['value']:.4f}, mean of its components "
        f"{row['components']:.4f}, best component {row['best_component']:.4f}; difference to the mean "
        f"{_signed(row['difference'])}{_behind(row)}."
        for row in frames[analysis.BLENDS].to_dicts()
    ]


def _differences(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.DIFFERENCES not in frames:
        return []
    said = []
    differences = frames[analysis.DIFFERENCES]
    keys = ["selection", "model", "baseline"]
    for (name, model, baseline), group in differences.group_by(keys, maintain_order=True):
        tested = group.drop_nulls("p_holm")
        distinct = tested.filter(pl.col("p_holm") < 0.05)
        listed = ", ".join(
            f"{row['benchmark']} {_signed(row['difference'])} ({_interval(row)})"
            for row in distinct.to_dicts()
        )
        said.append(
            f"{model} against {baseline} (`{name}`): {distinct.height} of {tested.height} tested "
            f"benchmarks and averages differ{': ' + listed if listed else ''}."
        )
    return said


def _warnings(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    if analysis.AGREEMENT not in frames:
        return []
    other = frames[analysis.AGREEMENT].drop_nulls("settings")
    return [
        f"Agreement `{name}` compares students and teachers whose scores were measured with different "
        f"settings on {group.height} benchmarks, for instance {group['settings'][0]}. Leave it out, or "
        "score both sides with one setting."
        for (name,), group in other.group_by("agreement", maintain_order=True)
    ]


def _interval(row: Mapping[str, float]) -> str:
    low, high = rounded_alike([row["low"], row["high"]])
    return f"{low} to {high}"


def _behind(row: Mapping[str, float | None]) -> str:
    return "" if row["low"] is None else f" (interval {_interval(row)})"


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _plain(value: float) -> str:
    return f"{value:g}"
