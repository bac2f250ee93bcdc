"""Compare self-preference reported by Schaffelder & Gatt (2026) with their procedure in a study."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.errors import UserError
from manybaskets.experiments.preference.schemas import ABSOLUTE, PAIRWISE, PAPER

PUBLISHED_PREFERENCE_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(
            ("protocol", "target", "condition", "tier", "statistic", "author"), pl.String
        ),
        **dict.fromkeys(("reported", "reproduced", "low", "high", "difference"), pl.Float64),
        "within": pl.String,  # whether the reported number is in the reproduced interval
        **dict.fromkeys(("n_reported", "n_articles", "n_seeds"), pl.Int64),
        "remark": pl.String,
    }
)
_COLUMNS = ("metric", "protocol", "judge_target", "judge_condition", "tier", "source", "statistic",
            "value", "n", "note")  # fmt: skip
_MEANS = {"preference": "mean preference", "expected_score": "mean score"}
_BIASES = {"SPB": "spb", "PSB": "psb"}
_TIERS = {"8B": "small", "70B": "medium"}  # models whose summaries a target's judges saw
_AUTHORS = {
    "command_r_plus": "command"
}  # the file's name of a source with a different name elsewhere
_AVERAGES = {"avg"}


def load_preference(path: Path) -> pl.DataFrame:
    """The published means, SPB and PSB of the final runs, one row per judge and author.

    Raises:
        UserError: the file has different columns.
    """
    frame = pl.read_csv(path, infer_schema=False)
    if tuple(frame.columns) != _COLUMNS:
        raise UserError(
            what=f"the file has the columns {frame.columns}",
            where=str(path),
            expected=f"the columns {list(_COLUMNS)}",
            remedy="restore the file from the project's repository",
        )
    is_target = (
        pl.col("protocol").is_in([PAIRWISE, ABSOLUTE])
        & pl.col("metric").is_in([*_MEANS, *_BIASES])
        & ~pl.col("tier").is_in(_AVERAGES)
        & ~pl.col("source").is_in(["other_llm", "synthetic"])
    )
    return frame.filter(is_target).with_columns(
        pl.col("value").cast(pl.Float64), pl.col("n").cast(pl.Int64)
    )


def compare_preference(
    numbers: pl.DataFrame, frames: Mapping[str, pl.DataFrame], published: PublishedCells
) -> pl.DataFrame:
    """Every published cell that the study also has, in the published order.

    Its schema is `PUBLISHED_PREFERENCE_SCHEMA`.

    Args:
        numbers: result of `load_preference`.
        frames: `preference` and `preference-matrix` of `results.preference_statistics`.
    """
    targets = {theirs: ours for ours, theirs in published.targets.items()}
    mixes = {(each.condition, each.tier): mix for mix, each in published.conditions.items()}
    authors = {theirs: ours for ours, theirs in published.sources.items()}
    means = {
        (row["protocol"], row["target"], row["mix"], row["author"]): row
        for row in frames["preference-matrix"]
        .filter(pl.col("opponent").is_null(), pl.col("variant") == PAPER)
        .iter_rows(named=True)
    }
    biases = {
        (row["protocol"], row["target"], row["mix"]): row
        for row in frames["preference"].filter(pl.col("variant") == PAPER).iter_rows(named=True)
    }
    rows = []
    for number in numbers.iter_rows(named=True):
        target, size = targets.get(number["judge_target"]), _TIERS[number["judge_target"]]
        judge = (number["protocol"], target, mixes.get(_condition(number)))
        statistic = number["metric"]
        if statistic in _MEANS:
            author = authors.get(_author(number["source"], size))
            row_here, keys = means.get((*judge, author)), ("value", "low", "high")
        else:
            author, row_here = None, biases.get(judge)
            name = _BIASES[statistic]
            keys = (name, *(("low", "high") if name == "spb" else ("psb_low", "psb_high")))
        if row_here is None or row_here[keys[0]] is None:
            continue
        rows.append(_row(number, row_here, keys, author))
    return pl.DataFrame(rows, schema=PUBLISHED_PREFERENCE_SCHEMA)


def _condition(number: Mapping[str, Any]) -> tuple[str, str]:
    """Condition and tier of a judge; the file omits the only tier of the 8B model."""
    condition, tier = number["judge_condition"], number["tier"]
    synthetic = condition in ("single", "multi")
    return condition, _TIERS[number["judge_target"]] if synthetic and tier == "none" else tier


def _author(source: str, size: str) -> str:
    return "human:none" if source == "human" else f"{_AUTHORS.get(source, source)}:{size}"


def _row(
    number: Mapping[str, Any], row_here: Mapping[str, Any], keys: tuple[str, str, str],
    author: str | None,
) -> dict[str, Any]:  # fmt: skip
    value, low, high = (row_here[key] for key in keys)
    has_interval = low is not None and high is not None
    condition, tier = _condition(number)
    statistic = number["metric"]
    return {
        "protocol": number["protocol"],
        "target": row_here["target"],
        "condition": condition,
        "tier": tier,
        "statistic": _MEANS.get(statistic, statistic),
        "author": author,
        "reported": number["value"],
        "reproduced": value,
        "low": low,
        "high": high,
        "difference": value - number["value"],
        "within": ("yes" if low <= number["value"] <= high else "no") if has_interval else None,
        "n_reported": number["n"],
        "n_articles": row_here["n_articles"],
        "n_seeds": row_here["n_seeds"],
        "remark": number["note"].removeprefix("published").lstrip(";: "),
    }


def published_findings(compared: pl.DataFrame) -> list[str]:
    """Sentences with the number of cells and of differences with the same direction."""
    if compared.is_empty():
        return []
    within = compared.filter(pl.col("within") == "yes").height
    sentences = [
        f"{compared.height} published numbers on self-preference have a counterpart in this "
        f"study; {within} of them are in its interval."
    ]
    for (protocol, statistic), group in compared.filter(
        pl.col("statistic").is_in(list(_BIASES))
    ).group_by("protocol", "statistic", maintain_order=True):
        pairs = [
            (one["reported"] - other["reported"]) * (one["reproduced"] - other["reproduced"]) > 0
            for (_,), rows in group.group_by("target", maintain_order=True)
            for one, other in combinations(rows.to_dicts(), 2)
        ]
        if pairs:
            sentences.append(
                f"{statistic}, {protocol}: {sum(pairs)} of {len(pairs)} published differences between "
                "two judges have the same direction here."
            )
    return sentences
