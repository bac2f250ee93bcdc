"""Exchanges for judges: a run's answers with their requests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import polars as pl

from manybaskets.chat import prompts_of
from manybaskets.experiments.robustness.robustness_prompts import BENIGN, CONTROL, DIRECT, JAILBREAK
from manybaskets.judging.records import EXCHANGES, exchanges
from manybaskets.records.responses import read_responses

# Harmless requests are not judged for harm, and refusals of harmless requests are measured on the
# look-alikes.
_ALL_SETS = (DIRECT, JAILBREAK, BENIGN, CONTROL)
_SETS = {
    "harm": (DIRECT, JAILBREAK),
    "quality": _ALL_SETS,
    "refusal": (DIRECT, JAILBREAK, BENIGN),
}


def sets_judged_on(key: str) -> tuple[str, ...]:
    """Prompt sets whose answers are judged on a rubric, by its key in `Robustness.rubrics`."""
    return _SETS.get(key, _ALL_SETS)


def exchanges_of_run(
    prompts: Mapping[str, Path],
    responses: Mapping[str, Path],
    design: pl.DataFrame,
    test: tuple[Path, Path],
    judge_input: Literal["request", "full"],
) -> pl.DataFrame:
    """All exchanges of a run that may be judged, with the columns of `judging.records.EXCHANGES`.

    Args:
        prompts, responses: files by prompt set.
        design: the target's design; its control rows select the control from the test prompts.
        test: prompts and responses of the set `test`.
        judge_input: whether judges see the bare request or the prompt with its template.
    """
    column = "request" if judge_input == "request" else "instruction"
    frames = []
    for name, file in prompts.items():
        requests = pl.read_parquet(file).select(
            pl.lit(name).alias("prompt_set"), "prompt_id", pl.col(column).alias("request")
        )
        frames.append(exchanges(requests, read_responses(responses[name])))
    control = design.filter(pl.col("prompt_set") == CONTROL).select("prompt_id")
    if control.height:
        frames.append(_control(control, *test))
    return pl.concat(frames).select(list(EXCHANGES))


def _control(ids: pl.DataFrame, prompts: Path, responses: Path) -> pl.DataFrame:
    """Only the first turn of conversations: a judge sees one request and one response."""
    chosen = pl.read_parquet(prompts).join(ids, on="prompt_id", how="semi")
    requests = pl.DataFrame(
        {
            "prompt_set": [CONTROL] * chosen.height,
            "prompt_id": chosen["prompt_id"],
            "request": [prompt.text() for prompt in prompts_of(chosen)],
        }
    )
    answers = read_responses(responses).filter(pl.col("turn") == 0)
    return exchanges(requests, answers.join(ids, on="prompt_id", how="semi"))
