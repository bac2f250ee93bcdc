"""Likelihoods of human answers and of a run's own answers, under three scorers."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.chat import prompts_of
from manybaskets.config.evaluation import Scoring
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.engines.transformers_model import TokenPair
from manybaskets.generation.runs import check_apart, check_run_responses, in_turn, who_answered
from manybaskets.jobs.progress import Progress
from manybaskets.jobs.stage_versions import stage_version
from manybaskets.names import TEST, Run
from manybaskets.records.ids import digest
from manybaskets.records.responses import read_responses
from manybaskets.records.writing import whole_file, write_table

log = logging.getLogger(__name__)
_DECIMALS = 5  # for the published perplexities
SCORED = pl.Schema(
    {
        "prompt_id": pl.String,
        "nats": pl.Float64,  # sum over the answer's tokens without the end token
        "nats_with_end": pl.Float64,
        "nats_first": pl.Float64,  # sum over the first tokens
        "tokens": pl.Int32,  # with the end token
        "tokens_without_end": pl.Int32,
        "tokens_first": pl.Int32,
        "bytes": pl.Int32,  # of the text in UTF-8
        "nll": pl.Float64,  # nats per token with the end token
        "nll_without_end": pl.Float64,
        "nll_first": pl.Float64,
        "bits_per_byte": pl.Float64,  # without the end token
        "entropy": pl.Float64,  # nats, mean over the answer's tokens without the end token
        "ppl_paper": pl.Float64,
    }
)


def batches_of(pairs: Mapping[str, TokenPair], tokens: int) -> Iterator[list[str]]:
    """Keys of pairs, sorted by length, in batches of a maximum number of tokens with padding.

    A longer pair is a batch of its own. The order of `pairs` has no effect.
    """
    batch: list[str] = []
    for key in sorted(pairs, key=lambda key: (_length(pairs[key]), key)):
        # The last is the longest, so the others are padded to its length.
        if batch and (len(batch) + 1) * _length(pairs[key]) > tokens:
            yield batch
            batch = []
        batch.append(key)
    if batch:
        yield batch


def _length(pair: TokenPair) -> int:
    return len(pair[0]) + len(pair[1])


def pairs_of(
    prompts: pl.DataFrame, texts: Mapping[str, str], engine: TransformersEngine, max_tokens: int
) -> dict[str, TokenPair]:
    """Tokens of prompts and their answers with the end token, by prompt id.

    Prompts (columns of `records.PROMPTS`) without a text are left out, as are prompts that exceed
    the model's context with their text; the log counts the latter. Only the first question of
    conversations is used.
    """
    answered = [prompt for prompt in prompts_of(prompts) if texts.get(prompt.prompt_id) is not None]
    answers = engine.renderer.encode_answers([texts[prompt.prompt_id] for prompt in answered])
    pairs = {
        prompt.prompt_id: (engine.renderer.render(prompt, max_tokens).ids, answer)
        for prompt, answer in zip(answered, answers, strict=True)
    }
    longest = engine.context or math.inf
    fitting = {key: pair for key, pair in pairs.items() if _length(pair) <= longest}
    if len(fitting) < len(pairs):
        log.warning(
            "%d of %d prompts with their answers exceed the context of model '%s' (%d tokens); "
            "they get no value",
            len(pairs) - len(fitting), len(pairs), engine.name, longest,
        )  # fmt: skip
    return fitting


def score_texts(
    prompts: pl.DataFrame,
    texts: Mapping[str, str],
    engine: TransformersEngine,
    max_prompt_tokens: int,
    settings: Scoring,
) -> pl.DataFrame:
    """Negative log-likelihood of each text as the answer to its prompt.

    Texts with no token except the end have no value, only counts and the published perplexity.
    Texts that exceed the model's context are left out.

    Args:
        prompts: columns of `records.PROMPTS`.
        texts: answer by prompt id; prompts without an answer are left out.

    Returns:
        Rows of the schema `SCORED`, by prompt id.
    """
    pairs = pairs_of(prompts, texts, engine, max_prompt_tokens)
    end = len(engine.renderer.end_ids)
    progress = Progress(len(pairs), "answers scored")
    rows = []
    for batch in batches_of(pairs, settings.batch_tokens):
        for prompt_id, scores in zip(
            batch, engine.scores([pairs[key] for key in batch]), strict=True
        ):
            nats = [-each for each in scores.log_probabilities]
            size = len(texts[prompt_id].encode())
            row = _row(nats, scores.entropies, end, size, settings.first_tokens)
            rows.append({"prompt_id": prompt_id, **row})
        progress.add(len(batch))
    return pl.DataFrame(rows, schema=SCORED).sort("prompt_id")


def _row(
    nats: Sequence[float], entropies: Sequence[float], end: int, size: int, first: int
) -> dict[str, Any]:
    """One row of `SCORED` from the nats of all tokens; the last `end` tokens end the answer."""
    answer, head = nats[:-end], nats[:-end][:first]
    row: dict[str, Any] = {
        "tokens": len(nats),
        "tokens_without_end": len(answer),
        "tokens_first": len(head),
        "bytes": size,
        "ppl_paper": published_perplexity(nats),
    }
    if not answer:
        return row
    total = math.fsum(answer)
    return row | {
        "nats": total,
        "nats_with_end": math.fsum(nats),
        "nats_first": math.fsum(head),
        "nll": math.fsum(nats) / len(nats),
        "nll_without_end": total / len(answer),
        "nll_first": math.fsum(head) / len(head),
        "bits_per_byte": total / math.log(2) / size,
        "entropy": math.fsum(entropies[:-end]) / len(answer),
    }


def published_perplexity(nats: Sequence[float]) -> float:
    """exp of the mean nats per token, with nats and result rounded to five decimals.

    Includes the end token. Infinite if a float overflows. Source: the published code of Schaffelder
    & Gatt 2026.
    """
    mean = math.fsum(round(each, _DECIMALS) for each in nats) / len(nats)
    try:
        return round(math.exp(mean), _DECIMALS)
    except OverflowError:
        return math.inf


def score_runs(
    engine: TransformersEngine,
    prompts: pl.DataFrame,
    split: pl.DataFrame,
    *,
    target: str,
    runs: Sequence[Run],
    adapters: Sequence[Path | None],
    responses: Sequence[Path],
    max_prompt_tokens: int,
    settings: Scoring,
    work: Path,
    outputs: Sequence[Path],
) -> None:
    """Score, for every run, the human test answers under the run (`reference`), the run's own
    answers under the untuned target (`own`) and under the run itself (`own_self`). Without an
    adapter the run is the target itself. Only the first answer of a conversation is scored.

    Writes one row per prompt with the columns of `SCORED` for each of the three, such as
    `own_self_nll`. Prompts without an answer have nulls. A run's finished table is kept in `work`
    and reused as long as its inputs are unchanged.

    Args:
        adapters, responses, outputs: one per run; an adapter is None for the untuned target.

    Raises:
        UserError: responses belong to another run or another adapter.
    """
    humans = answers_of_people(split)

    def scores(texts: Mapping[str, str]) -> pl.DataFrame:
        engine.load()
        return score_texts(prompts, texts, engine, max_prompt_tokens, settings)

    def scored(adapter: Path | None, own_answers: Mapping[str, str]) -> pl.DataFrame:
        reference, itself = scores(humans), scores(own_answers)
        engine.use_adapter(None)
        found = {
            "reference": reference,
            "own": scores(own_answers) if adapter else itself,
            "own_self": itself,
        }
        return _beside(prompts.select("prompt_id").sort("prompt_id"), found)

    given = _content(prompts, humans, max_prompt_tokens, settings)
    answered = zip(adapters, responses, outputs, strict=True)
    for (mix, seed), (adapter, answers, output) in zip(
        in_turn(engine, target, runs, adapters), answered, strict=True
    ):
        check_run_responses(
            answers, who_answered(target, mix, seed, TEST), engine.identity["adapter"]
        )
        own_answers = _first_answers(answers)
        key = digest(stage_version("score_target"), engine.identity, given, own_answers)
        kept = _kept(work / mix / f"seed{seed}", key, partial(scored, adapter, own_answers))
        with whole_file(output) as file:
            shutil.copyfile(kept, file)


def _content(
    prompts: pl.DataFrame, humans: Mapping[str, str], max_tokens: int, settings: Scoring
) -> str:
    """Digest of the scoring inputs and settings of all runs."""
    return digest(prompts.rows(), humans, max_tokens, settings.model_dump())


def _kept(folder: Path, key: str, make: Callable[[], pl.DataFrame]) -> Path:
    """File of a cached table; files with other keys in its folder are deleted."""
    file = folder / f"{key[:24]}.parquet"
    if file.exists():
        log.info("reusing %s: its inputs are unchanged", file)
    else:
        write_table(make(), file)
    for other in folder.glob("*.parquet"):
        if other != file:
            other.unlink()
    return file


def score_with_another(
    engine: TransformersEngine | None,
    prompts: pl.DataFrame,
    split: pl.DataFrame,
    *,
    runs: Sequence[Run],
    responses: Sequence[Path],
    scored: Sequence[Path],
    max_prompt_tokens: int,
    settings: Scoring,
    work: Path,
    outputs: Sequence[Path],
) -> None:
    """Add a scorer's likelihoods of the human answers (`reference_scorer`) and of the runs' own
    answers (`own_scorer`) to the tables of `score_runs`; adds nothing without a scorer.

    Finished tables are kept in `work`, as in `score_runs`.

    Args:
        runs, responses, scored, outputs: all runs of a target, in one order.

    Raises:
        UserError: two runs answered with the same adapter.
    """
    check_apart(responses)
    humans = answers_of_people(split)
    given = _content(prompts, humans, max_prompt_tokens, settings)

    def scores(place: str, texts: Mapping[str, str]) -> pl.DataFrame:
        def make() -> pl.DataFrame:
            return score_texts(prompts, texts, engine, max_prompt_tokens, settings)

        key = digest(stage_version("score_fixed"), engine.identity, given, texts)
        return pl.read_parquet(_kept(work / place, key, make))

    of_people = scores("people", humans) if engine else None
    files = zip(responses, scored, outputs, strict=True)
    for (mix, seed), (answers, target_scored, output) in zip(runs, files, strict=True):
        table = pl.read_parquet(target_scored)
        if engine:
            own = scores(f"{mix}/seed{seed}", _first_answers(answers))
            table = _beside(table, {"reference_scorer": of_people, "own_scorer": own})
        write_table(table, output)


def answers_of_people(split: pl.DataFrame) -> dict[str, str]:
    """Human answers by prompt id, if any."""
    return dict(split.select("prompt_id", "response").drop_nulls().iter_rows())


def _first_answers(file: Path) -> dict[str, str]:
    frame = read_responses(file).filter((pl.col("sample") == 0) & (pl.col("turn") == 0))
    return dict(frame.select("prompt_id", "text").drop_nulls().iter_rows())


def _beside(table: pl.DataFrame, scored: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    for name, scores in scored.items():
        named = scores.rename({column: f"{name}_{column}" for column in SCORED.names()[1:]})
        table = table.join(named, on="prompt_id", how="left", maintain_order="left")
    return table
