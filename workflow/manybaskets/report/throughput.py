"""Tables and sentences of the report on the speed of the sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from manybaskets.config.participants import generating_sources
from manybaskets.generation.throughput import ALL_ENGINES, CONFIDENCE, FEWEST
from manybaskets.presentation.formatting import number, p_value, rounded_alike
from manybaskets.presentation.tables import computed_table

computed_table(
    name="throughput",
    title="Throughput",
    caption="Speed of the sources. Tokens per second are for one job, over generation time "
    "without model loading; peak memory is that of the largest job. All values were recorded by "
    "the jobs on their machines. The proxy is context length times parameters.",
    section="sources",
    rule="throughput",
    when=lambda study: bool(generating_sources(study)),
)
computed_table(
    name="throughput-correlation",
    title="Throughput against the size of the task",
    caption="Correlation of speed with context length times parameters, over sources.",
    section="sources",
    rule="throughput",
    when=lambda study: bool(generating_sources(study)),
)


def throughput_findings(table: pl.DataFrame, correlated: pl.DataFrame) -> list[str]:
    """What the tables say, in sentences.

    Args:
        table: the result of `throughput`, also after reading it from a file.
        correlated: the result of `correlations`, likewise.
    """
    known = pl.col("tokens_per_second").is_not_null()
    rows = table.filter(known).rows(named=True)
    unknown = [f"`{name}`" for name in table.filter(~known)["source"]]
    found = []
    if rows:
        fastest = max(rows, key=lambda row: row["tokens_per_second"])
        slowest = min(rows, key=lambda row: row["tokens_per_second"])
        sentence = f"Source `{fastest['source']}` answered with {_speed(fastest)}"
        if fastest is not slowest:
            times = number(fastest["tokens_per_second"] / slowest["tokens_per_second"])
            sentence += (
                f", the fastest of {len(rows)}; the slowest, `{slowest['source']}`, with "
                f"{_speed(slowest)}: a factor of {times}"
            )
        found.append(f"{sentence}.")
    if unknown:
        found.append(f"No job recorded the speed of {', '.join(unknown)}.")
    return [*found, *_correlation_sentences(correlated)]


def _speed(row: Mapping[str, Any]) -> str:
    per_prompt = number(row["seconds_per_1000_prompts"])
    return (
        f"{number(row['tokens_per_second'])} tokens per second, in and out together "
        f"(engine {row['engine']}, {per_prompt} s per 1,000 prompts)"
    )


def _correlation_sentences(table: pl.DataFrame) -> list[str]:
    sentences = []
    for (engine, speed), group in table.group_by("engine", "speed", maintain_order=True):
        clauses = [
            _correlation(row) for row in group.iter_rows(named=True) if row["value"] is not None
        ]
        if clauses:
            over = "all engines" if engine == ALL_ENGINES else f"engine {engine}"
            sentences.append(
                f"Correlation of {speed} with context length times parameters over "
                f"{group['n'][0]} sources ({over}): {'; '.join(clauses)}."
            )
    if not sentences and table.height:
        sentences.append(
            "Speed is not compared with context length times parameters, which needs at least "
            f"{FEWEST} sources of known and different size; sources of known size: "
            f"{table['n'].max()}."
        )
    return sentences


def _correlation(row: Mapping[str, Any]) -> str:
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    interval = "" if row["low"] is None else f"{CONFIDENCE * 100:g} % interval {low} to {high}, "
    p = p_value(row["p"], decimals=3)
    tested = f"p {p.replace('<', '< ') if p.startswith('<') else f'= {p}'}"
    return f"{row['correlation']} {value} ({interval}{tested})"
