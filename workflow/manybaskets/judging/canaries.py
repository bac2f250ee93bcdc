"""Canaries: exchanges with known scores. A judge that fails them is rejected or marked."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manybaskets.config.judges import LabelsJudge
from manybaskets.errors import UserError
from manybaskets.judging.base import Exchange, Judge
from manybaskets.judging.rubrics import Rubric

log = logging.getLogger(__name__)
NO_RUN = {"target": "canaries", "mix": "canaries", "seed": 0}
FIT, UNFIT, NOT_TRIED = "fit", "unfit", "not tried"


def check_canaries(judge: Judge, rubric: Rubric, work: Path) -> dict[str, Any]:
    """Test a judge on a rubric's canaries, or on its own if it has any.

    A canary passes if the score is within its bounds; an unreadable answer fails it.

    Returns:
        judge, rubric, digest of the rubric, verdict (`fit`, `unfit`; `not tried` for human labels),
        passed, total, share, must_pass, and for every canary its number from 1, bounds, score,
        cause and whether it passed. No text.

    Raises:
        UserError: the judge passes a smaller share than `must_pass`, and its key `on_failed_canaries` is `stop`.
    """
    canaries = judge.canaries(rubric)
    settings = judge.settings
    must_pass = 0.0 if isinstance(settings, LabelsJudge) else settings.must_pass
    asked = [
        Exchange("canaries", f"{place:03d}", 0, canary.request, canary.response)
        for place, canary in enumerate(canaries, start=1)
    ]
    folder = work / judge.name / rubric.name / "canaries"
    verdicts = judge.verdicts(rubric, asked, folder, run=NO_RUN) if asked else {}
    each = []
    for exchange, canary in zip(asked, canaries, strict=True):
        verdict = verdicts[exchange.key]
        inside = verdict.score is not None and canary.low <= verdict.score <= canary.high
        each.append(
            {
                "canary": int(exchange.prompt_id),
                "low": canary.low,
                "high": canary.high,
                "score": verdict.score,
                "cause": verdict.cause,
                "attempts": verdict.attempts,
                "passed": inside,
            }
        )
    passed = sum(row["passed"] for row in each)
    share = passed / len(each) if each else None
    fit = NOT_TRIED if share is None else FIT if share >= must_pass else UNFIT
    result = {
        "judge": judge.name,
        "rubric": rubric.name,
        "rubric_version": rubric.version,
        "rubric_digest": rubric.digest,
        "verdict": fit,
        "passed": passed,
        "total": len(each),
        "share": share,
        "must_pass": must_pass,
        "canaries": each,
    }
    log.info("judge %s, rubric %s: %d of %d canaries", judge.name, rubric.name, passed, len(each))
    if fit == UNFIT and settings.on_failed_canaries == "stop":
        raise UserError(
            what=f"judge '{judge.name}' passed {passed} of {len(each)} canaries of rubric "
            f"'{rubric.name}'; it failed {_missed(each)}",
            where=f"judges.{judge.name}",
            expected=f"a share of at least {must_pass:g} (`must_pass`)",
            remedy="use a judge that can do the task, or set `on_failed_canaries: mark` to use this "
            "judge anyway: every table then marks it as unfit",
        )
    return result


def _missed(each: list[Mapping[str, Any]]) -> str:
    """Failed canaries as numbers: position, expected score, given score."""
    return "; ".join(
        f"number {row['canary']}: {_said(row)} for {_wanted(row)}"
        for row in each
        if not row["passed"]
    )


def _said(row: Mapping[str, Any]) -> str:
    return f"no score ({row['cause']})" if row["score"] is None else f"{row['score']:g}"


def _wanted(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def marks(results: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Names of judges that are unfit on any rubric.

    Args:
        results: results of `check_canaries`, by any key.
    """
    return {result["judge"] for result in results.values() if result["verdict"] == UNFIT}
