"""Judge runs, and write scores that can be shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from manybaskets.config import judges
from manybaskets.config.sections import Section
from manybaskets.experiments.robustness.exchanges import exchanges_of_run, sets_judged_on
from manybaskets.jobs.provenance import git_commit
from manybaskets.judging.base import Judge
from manybaskets.judging.canaries import check_canaries
from manybaskets.judging.factory import open_judge
from manybaskets.judging.judge_rows import judge_rows
from manybaskets.judging.records import without_texts, write_judged
from manybaskets.judging.rubrics import Rubric
from manybaskets.records.writing import write_json


class _AnyJudge(Section):
    judge: judges.JudgeSettings


def assembled_judge(
    science: Mapping[str, Any], operations: Mapping[str, Any]
) -> judges.JudgeSettings:
    """A judge's section from its scientific and operational keys."""
    return _AnyJudge.assembled({"judge": science}, {"judge": operations}).judge


def open_panel_judge(
    name: str,
    params: Mapping[str, Any],
    operations: Mapping[str, Any],
    *,
    model: Sequence[str],
    threads: int,
    gpus: int,
) -> Judge:
    """Open a judge from a rule's params.

    Args:
        params: `judge`, its section without `operations`; `opening`, its date, precision and seed;
            `share_of_cap`, the share of a server's spending cap that the job may use.
        operations: the rest of its section.
        model: the folder of its model; empty for a judge without one.
        gpus: GPUs of the job.
    """
    return open_judge(
        name,
        assembled_judge(params["judge"], operations),
        folder=Path(model[0]) if model else None,
        threads=threads,
        gpus=gpus,
        share_of_cap=params["share_of_cap"],
        **params["opening"],
    )


def try_judge(judge: Judge, rubrics: Sequence[Rubric], work: Path, output: Path) -> None:
    """Test a judge on the canaries of all its rubrics and write the results by rubric as JSON.

    Raises:
        UserError: it fails one of them, and its key `on_failed_canaries` is `stop`.
    """
    write_json({rubric.name: check_canaries(judge, rubric, work) for rubric in rubrics}, output)


def judge_run(
    judge: Judge,
    rubrics: Mapping[str, Rubric],
    rows: pl.DataFrame,
    *,
    run: tuple[str, str, int],
    seed: int,
    work: Path,
    output: Path,
) -> None:
    """Judge a run's answers on every rubric of a judge, and write the judgements with reasons.

    Args:
        rubrics: by the keys of `Robustness.rubrics`.
        rows: columns of `judging.records.EXCHANGES`.
        run: target, mix, training seed.
        work: folder of journals, in the restricted folder.
    """
    named = dict(zip(("target", "mix", "seed"), run, strict=True))
    judged = []
    for key, rubric in rubrics.items():
        asked = rows.filter(pl.col("prompt_set").is_in(sets_judged_on(key)))
        judged.append(judge_rows(judge, rubric, asked, work=work, seed=seed, run=named))
    metadata: dict[str, Any] = {
        **judge.identity,
        **named,
        "rubrics": {rubric.name: rubric.digest for rubric in rubrics.values()},
        "git_commit": git_commit(),
    }
    write_judged(pl.concat(judged), output, metadata)


def judge_runs(
    judge: Judge,
    rubrics: Mapping[str, Rubric],
    runs: Sequence[tuple[str, str, int]],
    *,
    prompts: Mapping[str, Path],
    responses: Sequence[Path],
    design: pl.DataFrame,
    test_prompts: Path,
    test_responses: Sequence[Path],
    judge_input: Literal["request", "full"],
    seed: int,
    work: Path,
    outputs: Sequence[Path],
) -> None:
    """Judge the answers of several runs of a target, as `judge_run` does.

    Args:
        runs: (target, mix, training seed) of each.
        prompts: files by prompt set.
        responses: files by run, then in the order of `prompts`.
        design: the target's.
        test_responses: one file per run, of the prompt set `test`.
        judge_input: whether judges see the bare request or the prompt with its template.
        outputs: one file per run.
    """
    sets = len(prompts)
    for place, run in enumerate(runs):
        own = responses[place * sets : (place + 1) * sets]
        rows = exchanges_of_run(
            prompts,
            dict(zip(prompts, own, strict=True)),
            design,
            (test_prompts, test_responses[place]),
            judge_input,
        )
        judge_run(judge, rubrics, rows, run=run, seed=seed, work=work, output=outputs[place])


def write_scores(judged: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Join the judgements of every run by all judges, without reasons.

    Args:
        judged: files by run, then judge.
        outputs: one file per run.
    """
    judges = len(judged) // len(outputs)
    for place, output in enumerate(outputs):
        own = judged[place * judges : (place + 1) * judges]
        frame = pl.concat([without_texts(pl.read_parquet(file)) for file in own])
        write_judged(frame, output, {"judges": frame["judge"].unique().sort().to_list()})
