"""Judge a table of exchanges; every row is returned, judged or with the cause of failure."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.judges import ModelJudge
from manybaskets.judging.base import Exchange, Judge, ResponseKey, Verdict
from manybaskets.judging.records import EXCHANGES, REASONED, check_exchanges, check_judged
from manybaskets.judging.rubrics import Rubric
from manybaskets.records.ids import digest

log = logging.getLogger(__name__)


def judge_rows(
    judge: Judge,
    rubric: Rubric,
    rows: pl.DataFrame,
    *,
    work: Path,
    seed: int,
    run: Mapping[str, Any],
) -> pl.DataFrame:
    """Judge responses on one rubric.

    The judge sees only its share of the rows, drawn by prompt set and id: the same for all judges
    and runs, so that a smaller share is a subset of a larger one. Failed responses are never shown.

    Args:
        rows: `records.EXCHANGES`, in any order.
        work: folder for journals, which contain texts; may be shared by judges, rubrics and runs.
        seed: the study's.
        run: target, mix and seed of the responses.

    Returns:
        One row per row of `rows`, with the columns of `records.REASONED`, sorted by id.

    Raises:
        UserError: rows that cannot be judged at all, or the judge's engine cannot continue.
    """
    check_exchanges(rows)
    asked, untold = [], {}
    for values in rows.select(list(EXCHANGES)).iter_rows(named=True):
        key = (values["prompt_set"], values["prompt_id"], values["sample"])
        if values["response"] is None:
            untold[key] = "no_response"
        elif not in_share(seed, "judged", key, _share(judge, "judged_share", 1.0)):
            untold[key] = "not_sampled"
        else:
            asked.append(Exchange(**values))
    folder = work / judge.name / rubric.name
    verdicts = judge.verdicts(rubric, asked, folder, run=run)
    retest = _share(judge, "retest_share", 0.0)
    twice = [
        each
        for each in asked
        if verdicts[each.key].score is not None and in_share(seed, "again", each.key, retest)
    ]
    again = {}
    if twice:
        again = judge.verdicts(rubric, twice, folder / "again", run=run, reversed_scale=True)
    judged = _table(judge.name, rubric.name, untold, verdicts, again)
    check_judged(rows, judged)
    _log(judge.name, rubric.name, judged)
    return judged


def in_share(seed: int, what: str, key: ResponseKey, share: float) -> bool:
    """Whether a row belongs to a share of the rows; a larger share includes every smaller one.

    All samples of a prompt are drawn together.
    """
    return int(digest(seed, what, key[0], key[1])[:13], 16) < share * 16**13


def _share(judge: Judge, key: str, otherwise: float) -> float:
    return getattr(judge.settings, key) if isinstance(judge.settings, ModelJudge) else otherwise


def _table(
    judge: str,
    rubric: str,
    untold: Mapping[ResponseKey, str],
    verdicts: Mapping[ResponseKey, Verdict],
    again: Mapping[ResponseKey, Verdict],
) -> pl.DataFrame:
    made: list[dict[str, Any]] = []
    for key, status in untold.items():
        made.append({**_ids(key), "status": status, "attempts": 0})
    for key, verdict in verdicts.items():
        second = again.get(key)
        made.append(
            {
                **_ids(key),
                "score": verdict.score,
                "status": _status(verdict),
                "cause": verdict.cause,
                "attempts": verdict.attempts,
                "again": second.score if second else None,
                "again_status": _status(second) if second else None,
                "reason": verdict.reason,
            }
        )
    frame = pl.DataFrame([{**dict.fromkeys(REASONED), **row} for row in made], schema=REASONED)
    return frame.with_columns(judge=pl.lit(judge), rubric=pl.lit(rubric)).sort(
        "prompt_set", "prompt_id", "sample"
    )


def _ids(key: ResponseKey) -> dict[str, Any]:
    return dict(zip(("prompt_set", "prompt_id", "sample"), key, strict=True))


def _status(verdict: Verdict) -> str:
    if verdict.score is not None:
        return "judged"
    return "judge_failed" if verdict.cause else "not_sampled"


def _log(judge: str, rubric: str, judged: pl.DataFrame) -> None:
    counts = dict(judged["status"].value_counts().sort("status").iter_rows())
    causes: Sequence[Any] = Counter(judged["cause"].drop_nulls().to_list()).most_common()
    log.info("judge %s, rubric %s: %s; causes: %s", judge, rubric, counts, dict(causes) or "none")
