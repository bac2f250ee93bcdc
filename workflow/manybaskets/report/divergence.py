"""Table and sentences of the report on the divergence between runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.presentation.formatting import number, rounded_alike
from manybaskets.scoring.divergence import DIVERGENCE, MixKind


def divergence_table(frame: pl.DataFrame) -> pl.DataFrame:
    """The divergences as readers see them, in the order of `frame`.

    Args:
        frame: of the schema `DIVERGENCE`.

    Returns:
        model, first, second, value, low, high (bits per token); `floor`, the mean divergence of
        two trainings of the same mix, over the two mixes, null unless both were trained twice;
        `times the floor`; n_prompts, n_tokens, n_seeds. Rows of kind `seeds` come last, with `another seed` as the second.
    """
    floor = _floors(frame)
    rows = []
    for row in frame.sort(pl.col("kind") == "seeds", maintain_order=True).iter_rows(named=True):
        same = row["kind"] == "seeds"
        known = [floor.get((row["model"], row[side])) for side in ("first", "second")]
        between = None if same or None in known else sum(known) / len(known)
        rows.append(
            {key: row[key] for key in ("model", "first", "second", "value", "low", "high")}
            | {"second": "another seed" if same else row["second"]}
            | {"floor": between, "times the floor": row["value"] / between if between else None}
            | {key: row[key] for key in ("n_prompts", "n_tokens", "n_seeds")}
        )
    names = ["model", "first", "second", "value", "low", "high", "floor", "times the floor",
             "n_prompts", "n_tokens", "n_seeds"]  # fmt: skip
    schema = {name: DIVERGENCE.get(name, pl.Float64()) for name in names}
    return pl.DataFrame(rows, schema=schema)


def divergence_findings(
    frame: pl.DataFrame, mixes: Mapping[str, MixKind], confidence: float = 0.95
) -> list[str]:
    """Two sentences on every target: how far mixes of several sources are from those of one and from
    `human`, beside the distance of two trainings of the same mix. They state numbers and no causes.

    Args:
        frame: of the schema `DIVERGENCE`.
        mixes: kind by mix.
        confidence: of the intervals.
    """
    others: dict[MixKind, str] = {"single": "of one", "human": "of human answers"}
    several = [name for name, kind in mixes.items() if kind == "multi"]
    sentences = []
    for (model,), group in divergence_table(frame).group_by(["model"], maintain_order=True):
        for kind, words in others.items():
            chosen = [name for name, each in mixes.items() if each == kind]
            pairs = pl.col("first").is_in(several) & pl.col("second").is_in(chosen)
            rows = group.filter(pairs).sort("value", "first", "second").rows(named=True)
            if rows:
                sentences.append(_sentence(model, words, rows, confidence))
    return sentences


def _sentence(model: str, others: str, rows: Sequence[Mapping[str, Any]], confidence: float) -> str:
    """Of pairs by rising value: the nearest and the farthest."""
    ends = [rows[0], rows[-1]] if len(rows) > 1 else [rows[0]]
    words = [
        f"{number(row['value'])} ({row['first']}, {row['second']}{_within(row, confidence)})"
        for row in ends
    ]
    text = (
        f"{model}: on the same contexts, next-token distributions of mixes of several sources and "
        f"{others} lie {' to '.join(words)} bits per token apart"
    )
    ratios = [row["times the floor"] for row in rows if row["times the floor"] is not None]
    if not ratios:
        return (
            f"{text}; the effect of another training seed is unknown, because no two of these mixes "
            "were both trained more than once."
        )
    spread = dict.fromkeys(number(each, 2) for each in (min(ratios), max(ratios)))
    which = (
        ""
        if len(ratios) == len(rows)
        else (f" ({len(ratios)} of {len(rows)} pairs; in the others a mix was trained once)")
    )
    times = f"{' to '.join(spread)} times as far as two trainings of the same mix"
    return f"{text}: {times}{which}."


def _within(row: Mapping[str, Any], confidence: float) -> str:
    if row["low"] is None:
        return ""
    low, high = rounded_alike([row["low"], row["high"]])
    return f"; {confidence * 100:g} % interval {low} to {high}"


def _floors(frame: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Mean divergence of two trainings, by target and mix."""
    same = frame.filter(pl.col("kind") == "seeds").select("model", "first", "value")
    return {(model, mix): value for model, mix, value in same.iter_rows()}
