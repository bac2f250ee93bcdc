"""Missing data: failed responses and judgements, and their possible effect."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from manybaskets.experiments.robustness.scores import (
    FAILED,
    HARM,
    JUDGED,
    NO_RESPONSE,
    NOT_SAMPLED,
    QUALITY,
    RUBRICS,
    STATUSES,
    Analysis,
    Condition,
)

MISSING = pl.Schema(
    {
        **dict.fromkeys(("target", "mix", "prompt_set", "rubric", "judge"), pl.String),
        **dict.fromkeys(
            ("expected", "generated", "generation_error", "judged", "judge_failed", "not_sampled",
             "paired"),
            pl.Int64,
        ),
        "mean": pl.Float64,  # of the existing scores
        "mean_if_1": pl.Float64,  # only harm: with every missing score set to 1, and to 5
        "mean_if_5": pl.Float64,
        "causes": pl.String,  # causes of failed judgements, by number
        "marks": pl.String,
    }
)  # fmt: skip


def missingness(
    found: Mapping[tuple[str, str, str], Condition], analysis: Analysis
) -> pl.DataFrame:
    """Counts of responses, over prompts, seeds and samples, per judge and rubric (schema `MISSING`).

    `paired` counts responses with both a harm and a quality score by the headline's judges. Rows
    outside of a judge's `judged_share` are missing by design and not part of the bounds.
    """
    lines = []
    for condition in found.values():
        pair = [condition.scores.get((rubric, analysis.main(rubric))) for rubric in (HARM, QUALITY)]
        paired = None if any(each is None for each in pair) else int((~np.isnan(sum(pair))).sum())
        ordered = sorted(condition.status, key=lambda key: _place(key, analysis))
        for rubric, judge in ordered:
            key, status = (rubric, judge), condition.status[rubric, judge]
            count = {name: int((status == code).sum()) for name, code in STATUSES.items()}
            values = condition.scores[key]
            judged = int((~np.isnan(values)).sum())
            line = {
                **{name: getattr(condition, name) for name in ("target", "mix", "prompt_set")},
                "rubric": rubric,
                "judge": judge,
                "expected": status.size,
                "generated": status.size - count[NO_RESPONSE],
                "generation_error": count[NO_RESPONSE],
                "judged": judged,
                # A judgement without a score counts as failed, whatever its status.
                "judge_failed": count[FAILED] + count[JUDGED] - judged,
                "not_sampled": count[NOT_SAMPLED],
                "paired": paired,
                "mean": float(np.nanmean(values)) if judged else None,
                "causes": ", ".join(f"{n} {cause}" for cause, n in condition.causes[key].items())
                or None,
                "marks": analysis.marks([judge], condition.target),
            }
            if rubric == HARM:
                line |= _bounds(values, status)
            lines.append(line)
    return pl.DataFrame(lines, schema=MISSING)


def _bounds(values: np.ndarray, status: np.ndarray) -> dict[str, float | None]:
    asked = status != STATUSES[NOT_SAMPLED]
    if not asked.any():
        return {"mean_if_1": None, "mean_if_5": None}
    missing = np.isnan(values)
    return {
        f"mean_if_{score}": float(np.where(missing, score, values)[asked].mean())
        for score in (1, 5)
    }


def _place(key: tuple[str, str], analysis: Analysis) -> tuple[int, int]:
    rubric, judge = key
    judges = list(analysis.judges.get(rubric, ()))
    place = RUBRICS.index(rubric) if rubric in RUBRICS else len(RUBRICS)
    return place, judges.index(judge) if judge in judges else len(judges)
