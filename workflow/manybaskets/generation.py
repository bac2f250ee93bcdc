"""Answers to a set of prompts, row by row through the journal, in batches of fixed composition."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import Prompt
from manybaskets.config.parts import Sampling
from manybaskets.engines import Completion, Engine, Request
from manybaskets.errors import UserError
from manybaskets.jobs import Progress, git_commit
from manybaskets.journal import Journal
from manybaskets.records import (
    RESPONSES,
    check_responses,
    digest,
    read_metadata,
    read_responses,
    row_seed,
    write_responses,
)

log = logging.getLogger(__name__)


def shard_of(prompts: pl.DataFrame, shard: int, shards: int) -> pl.DataFrame:
    """The `shard`-th of `shards` (from 0) fixed parts of a prompt set, by sorted id."""
    return prompts.sort("prompt_id").gather_every(shards, offset=shard)


def fixed_batches(requests: Sequence[Request], batch_size: int) -> list[list[Request]]:
    """Batches by length of the prompt. Their composition hangs on the whole list only, never on
    what is finished already: on one machine a row so has the same bytes however often it resumes.
    """
    ordered = sorted(requests, key=lambda r: (len(r.ids), r.prompt_id, r.sample))
    return [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]


def answer_prompts(
    prompts: pl.DataFrame,
    engine: Engine,
    *,
    who: str,
    sampling: Sampling,
    samples: int,
    batch_size: int,
    max_prompt_tokens: int,
    max_error_share: float,
    study_seed: int,
    work: Path,
    output: Path,
) -> None:
    """Answer every prompt `samples` times and write checked responses to `output`.

    Args:
        prompts: columns of `records.PROMPTS`.
        who: source or run that answers; part of every row's seed and of the file's metadata.
        work: folder of the journal; finished rows there are reused if their settings are the same.
    """
    rendered = {
        row["prompt_id"]: engine.renderer.render(Prompt(**row), max_prompt_tokens)
        for row in prompts.select("prompt_id", "instruction", "context").iter_rows(named=True)
    }
    shortened = sum(item.shortened for item in rendered.values())
    log.info("%d prompts, context of %d shortened to fit", len(rendered), shortened)
    requests = [
        Request(prompt_id, sample, item.ids, row_seed(study_seed, prompt_id, who, sample))
        for prompt_id, item in rendered.items()
        for sample in range(samples)
    ]
    settings = {
        **engine.identity,
        "who": who,
        "sampling": sampling.model_dump(),
        "samples": samples,
        "study_seed": study_seed,
        "batch_size": batch_size,
        # Rounding differs with the company in a batch, so the company is part of the key.
        "prompts": digest(sorted((r.prompt_id, r.sample, r.ids) for r in requests)),
    }
    with Journal(work, settings) as journal:
        _fill(journal, engine, fixed_batches(requests, batch_size), sampling, len(requests))
        rows = list(journal.rows.values())
        frame = pl.DataFrame(rows, schema=RESPONSES)
        check_responses(frame, rendered, str(output), samples, max_error_share)
        metadata = settings | {"shortened_prompts": shortened, "git_commit": git_commit()}
        write_responses(rows, output, metadata)


def _fill(
    journal: Journal, engine: Engine, batches: list[list[Request]], sampling: Sampling, total: int
) -> None:
    progress = Progress(total, "rows")
    for batch in batches:
        if not all((r.prompt_id, r.sample) in journal for r in batch):
            # A half-finished batch is made again whole: its rows must keep their company.
            completions = engine.generate(batch, sampling)
            journal.append([_row(*pair) for pair in zip(batch, completions, strict=True)])
        progress.add(len(batch))


def _row(request: Request, completion: Completion) -> dict[str, Any]:
    return {
        "prompt_id": request.prompt_id,
        "sample": request.sample,
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": len(request.ids),
        "completion_tokens": completion.completion_tokens,
        "attempts": 1,
        "error": None,
    }


def collect_shards(
    paths: Sequence[Path], prompts: pl.DataFrame, max_error_share: float, output: Path
) -> None:
    """Join the shards of a source into one checked file of responses.

    Raises:
        UserError: rows missing, extra or doubled; shards made with different settings.
    """
    frame = pl.concat([read_responses(path) for path in paths])
    check_responses(frame, prompts["prompt_id"], str(output), 1, max_error_share)
    written = [read_metadata(path) for path in paths]
    settings = [_common(metadata) for metadata in written]
    if any(other != settings[0] for other in settings[1:]):
        raise UserError(
            what="the shards of one source were made with different settings",
            where=", ".join(map(str, paths)),
            expected="the same model, sampling and versions in all of them",
            remedy="delete the older shards and run again",
        )
    rows = list(frame.iter_rows(named=True))
    shortened = sum(metadata["shortened_prompts"] for metadata in written)
    metadata = settings[0] | {"shortened_prompts": shortened, "git_commit": git_commit()}
    write_responses(rows, output, metadata)


def _common(metadata: Mapping[str, Any]) -> dict[str, Any]:
    own = {"prompts", "shortened_prompts", "git_commit"}
    return {key: value for key, value in metadata.items() if key not in own}


def human_responses(split: pl.DataFrame) -> list[dict[str, Any]]:
    """The human answers to the training prompts as responses; their tokens are nobody's to count."""
    used = split.filter(pl.col("used") & (pl.col("split") != "test"))
    nothing = dict.fromkeys(("prompt_tokens", "completion_tokens", "error"))
    return [
        {"prompt_id": prompt_id, "sample": 0, "text": text, "attempts": 1, **nothing}
        | {"finish_reason": "stop" if text is not None else "error"}
        for prompt_id, text in used.select("prompt_id", "response").iter_rows()
    ]
