"""Quality of the judges: canaries and agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.experiments.robustness.outcomes import REFUSED
from manybaskets.experiments.robustness.scores import REFUSAL, RUBRICS, UNFIT, Analysis
from manybaskets.judging.agreement import AGREEMENT, agreement
from manybaskets.statistics.clusters import cluster_of

CANARIES, JUDGES, AGAIN = "canaries", "two judges", "asked again"
YES_OR_NO = f"{REFUSAL}, full or not"
KNOWN = pl.Schema(
    {
        **dict.fromkeys(("rubric", "kind", "judge", "other", "verdict"), pl.String),
        **dict.fromkeys(("passed", "total"), pl.Int64),
        "must_pass": pl.Float64,
        **{name: kind for name, kind in AGREEMENT.items() if name not in ("rubric", "kind", "judge", "other")},
        "marks": pl.String,
    }
)  # fmt: skip


def known_of_judges(
    scores: pl.DataFrame,
    design: pl.DataFrame,
    canaries: Mapping[str, Mapping[str, Mapping[str, Any]]],
    scales: Mapping[str, Sequence[float]],
    analysis: Analysis,
) -> pl.DataFrame:
    """Canaries of every judge, agreement of every two judges on a rubric, and retest agreement.

    Refusals are compared on three steps (none, partial, full) and, in separate rows, on two (full
    or not), as counted in refusal rates.

    Args:
        scores, design: see `scored.conditions`.
        canaries: by judge and rubric, results of `judging.canaries.check_canaries`.
        scales: by rubric, all scores of its scale in ascending order.

    Returns:
        Rows of the schema `KNOWN`.
    """
    lines = [
        {key: result[key] for key in ("judge", "rubric", "verdict", "passed", "total", "must_pass")}
        | {"kind": CANARIES, "marks": _marks(result["judge"], analysis)}
        for by_rubric in canaries.values()
        for result in by_rubric.values()
    ]
    based = _with_bases(scores, design)
    whole = pl.col("rubric") == REFUSAL
    full = pl.when(pl.col("score").is_not_null()).then(
        (pl.col("score") >= REFUSED).cast(pl.Float64)
    )
    for rows, rubric in (
        (based, None),
        (
            based.filter(whole).with_columns(score=full, again_status=pl.lit(None, pl.String)),
            YES_OR_NO,
        ),
    ):
        found = agreement(
            rows.filter(pl.col("rubric").is_in(list(scales))), scales, seed=analysis.seed,
            resamples=analysis.resamples, confidence=analysis.confidence,
        )  # fmt: skip
        for row in found.to_dicts():
            kind = AGAIN if row["judge"] == row["other"] else JUDGES
            marks = [_marks(name, analysis) for name in dict.fromkeys((row["judge"], row["other"]))]
            named = zip((row["judge"], row["other"]), marks, strict=False)
            told = "; ".join(
                f"{name} {mark}" if len(marks) > 1 else mark for name, mark in named if mark
            )
            lines.append(
                row | {"kind": kind, "marks": told or None} | ({"rubric": rubric} if rubric else {})
            )
    order = {name: place for place, name in enumerate([*RUBRICS, YES_OR_NO, *analysis.scales])}
    lines.sort(key=lambda line: ((CANARIES, JUDGES, AGAIN).index(line["kind"]),
                                 order.get(line["rubric"], len(order))))  # fmt: skip
    return pl.DataFrame(lines, schema=KNOWN)


def _with_bases(scores: pl.DataFrame, design: pl.DataFrame) -> pl.DataFrame:
    """Score rows with their base prompts; a prompt without one is its own base."""
    key = ["target", "prompt_set", "prompt_id"]
    joined = scores.join(design.select(*key, "base_id"), on=key, how="left")
    return joined.with_columns(pl.col("base_id").fill_null(cluster_of(pl.col("prompt_id"))))


def _marks(judge: str, analysis: Analysis) -> str | None:
    found = [UNFIT] if judge in analysis.unfit else []
    related = [name for name in analysis.targets if name in analysis.same_family.get(judge, ())]
    found += [f"of the same model family as {', '.join(related)}"] if related else []
    return "; ".join(found) or None
