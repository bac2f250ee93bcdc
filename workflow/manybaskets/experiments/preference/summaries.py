"""Summaries of the articles: by authors, by humans, and by every judging run."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import prompts_of
from manybaskets.config.articles import Summaries
from manybaskets.config.engine_kinds import Opening
from manybaskets.config.models import ModelPrompting, Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.config.sources import Source
from manybaskets.engines.base import Engine, LocalEngine
from manybaskets.engines.factory import open_engine
from manybaskets.experiments.preference.questions import filled
from manybaskets.experiments.preference.schemas import TEXTS
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.generation.runs import in_turn
from manybaskets.measures.style import count_elements
from manybaskets.measures.tokens import sentences, words
from manybaskets.records.responses import PROMPTS, RESPONSES, read_responses, write_responses
from manybaskets.records.writing import read_metadata, write_table

log = logging.getLogger(__name__)
TOO_LONG = "the article is too long for this model"


def summary_prompts(articles: pl.DataFrame, settings: Summaries) -> pl.DataFrame:
    """The request for a summary of every article, with the columns of `records.PROMPTS`."""
    request = filled(settings.instruction, {"words": str(settings.words)})
    asked = pl.lit(request) if request else pl.col("article")
    return articles.select(
        pl.col("article_id").alias("prompt_id"),
        asked.alias("instruction"),
        (pl.col("article") if request else pl.lit("")).alias("context"),
        pl.lit([], dtype=PROMPTS["follow_ups"]).alias("follow_ups"),
    )


def prompting_of(prompting: Prompting, settings: Summaries) -> Prompting:
    """Rendering settings of summary requests, which are never truncated."""
    system = settings.system_prompt
    changes: dict[str, Any] = {
        "max_prompt_tokens": settings.max_prompt_tokens,
        "long_prompts": "stop",
    }
    return prompting.model_copy(
        update=changes | ({} if system is None else {"system_prompt": system})
    )


def open_writer(
    target: str,
    settings: Summaries,
    params: Mapping[str, Any],
    operations: Mapping[str, Any],
    *,
    model: str,
    threads: int,
    gpus: int,
) -> LocalEngine:
    """Load a target whose runs write summaries.

    Args:
        params: `engine` (the keys that determine answers), `prompting` and `precision`.
        operations: the other keys of the engine.
        model: folder of the target.
        gpus: GPUs of the job.
    """
    # Its engine is read as that of a source, which has the same kinds.
    source = Source.assembled({"model": target, "engine": params["engine"]}, operations)
    opening = Opening(
        name=target,
        folder=Path(model),
        prompting=prompting_of(ModelPrompting(**params["prompting"]), settings),
        sampling=settings.sampling,
        precision=params["precision"],
        threads=threads,
        gpus=gpus,
    )
    return open_engine(source.engine, opening)


def sampling_room(sampling: Sampling, context: int | None, longest: int) -> int:
    """Maximum tokens of a request that leave room for its summary."""
    return longest if context is None else min(longest, context - sampling.max_new_tokens)


def write_summaries(
    articles: pl.DataFrame,
    engine: Engine,
    who: str,
    settings: Summaries,
    *,
    study_seed: int,
    work: Path,
    output: Path,
) -> None:
    """Have an author summarise every article; resumes row by row.

    An article that exceeds the author's context is a failed row of a special kind, which
    `max_error_share` does not count.

    Args:
        who: the author; with the seed, part of every row's seed.
        work: folder of the journal.

    Raises:
        UserError: the engine failed on more rows than the settings allow.
    """
    prompts, long = summary_prompts(articles, settings), set()
    if isinstance(engine, LocalEngine):
        room = sampling_room(settings.sampling, engine.context, settings.max_prompt_tokens)
        long = {
            prompt.prompt_id
            for prompt in prompts_of(prompts)
            if len(engine.renderer.encode_prompt(prompt.text())) > room
        }
    if long:
        log.warning("%d of %d articles are too long for %s", len(long), prompts.height, who)
    fitting = prompts.filter(~pl.col("prompt_id").is_in(list(long)))
    seed = settings.seed
    answering = AnswerSettings(
        who=f"summaries/{who}",
        sampling=settings.sampling,
        batch_size=settings.batch_size,
        max_prompt_tokens=settings.max_prompt_tokens,
        max_error_share=settings.max_error_share,
        study_seed=study_seed if seed is None else seed,
        work=work,
    )
    rows, metadata = pl.DataFrame(schema=RESPONSES), {**engine.identity, "who": answering.who}
    if fitting.height:
        answered = work / "answered.parquet"
        rows = answer_prompts(fitting, engine, answering, answered)
        metadata = read_metadata(answered)
    failed = [
        dict.fromkeys(RESPONSES) | {"prompt_id": key, "sample": 0, "turn": 0, "attempts": 0}
        | {"finish_reason": "error", "error": TOO_LONG}
        for key in long
    ]  # fmt: skip
    frame = pl.concat([rows, pl.DataFrame(failed, schema=RESPONSES)])
    write_responses(frame, output, metadata | {"too_long": len(long)})


def references(articles: pl.DataFrame, output: Path) -> None:
    """The references as summaries of the author `human`."""
    nothing = {"prompt_tokens": None, "completion_tokens": None, "error": None}
    rows = [
        {"prompt_id": key, "sample": 0, "turn": 0, "text": text, "finish_reason": "stop"}
        | {"attempts": 1, **nothing}
        for key, text in articles.select("article_id", "reference").iter_rows()
    ]
    write_responses(rows, output, {"who": "summaries/human"})


def summarise_by_runs(
    articles: pl.DataFrame,
    engine: LocalEngine,
    settings: Summaries,
    *,
    target: str,
    runs: Sequence[tuple[str, int]],
    adapters: Sequence[Path],
    study_seed: int,
    work: Path,
    outputs: Sequence[Path],
) -> None:
    """Own summaries of several runs of a target, with one load.

    Args:
        runs: mix and training seed; adapters, outputs: theirs, in the same order.
        work: folder that holds one journal per run.
    """
    files = iter(outputs)
    for mix, seed in in_turn(engine, target, runs, adapters):
        write_summaries(
            articles,
            engine,
            f"{target}/{mix}/{seed}",
            settings,
            study_seed=study_seed,
            work=work / mix / f"seed{seed}",
            output=next(files),
        )


def texts_of(file: Path) -> dict[str, str | None]:
    """The summary of every article in a summaries file, or null."""
    return dict(read_responses(file).select("prompt_id", "text").iter_rows())


def describe_texts(files: Iterable[tuple[str, str, Path]], output: Path) -> None:
    """Write length and form of every summary, with the columns of `TEXTS`.

    Args:
        files: author, target (for own texts, otherwise empty) and summaries file, in row order.
    """
    rows = [
        _described(author, target, row)
        for author, target, file in files
        for row in read_responses(file).iter_rows(named=True)
    ]
    write_table(pl.DataFrame(rows, schema=TEXTS), output)


def _described(author: str, target: str, row: Mapping[str, Any]) -> dict[str, Any]:
    text = row["text"]
    told = {"author": author, "target": target, "article_id": row["prompt_id"]}
    if text is None:
        return told | {"status": "failed"}
    return told | {
        "status": "written" if text.strip() else "empty",
        "words": len(words(text)),
        "sentences": len(sentences(text)),
        "list_items": count_elements(text)["li"],
        "truncated": row["finish_reason"] == "length",
    }
