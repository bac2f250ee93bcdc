"""From answer files to measured rows: match prompts and evaluate every measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from manybaskets import measures
from manybaskets.errors import UserError
from manybaskets.measures.embedding import Vectors
from manybaskets.measures.tokens import words
from manybaskets.measures.word_tokenizer import WordTokenizer, word_tokenizer
from manybaskets.names import TEST
from manybaskets.records.responses import _HAS_TEXT, read_responses, valid_answers
from manybaskets.statistics.clusters import cluster_groups, cluster_halves

_VECTORS = frozenset({"embeddings", "reference_embeddings"})
_ERROR_TEXT = "ERROR_BATCH"  # some batch scripts write the error of a lost batch as its answers


def check_measurable(path: Path, max_empty_share: float) -> None:
    """Check that a file's answers can be measured.

    Raises:
        UserError: an answer occurs twice, an answer's text is an error message, or more than
            `max_empty_share` of the answers that did not fail, rounded up, are empty.
    """
    frame = read_responses(path)
    keys = ["prompt_id", "sample", "turn"]
    doubled = frame.filter(frame.select(keys).is_duplicated())
    if doubled.height:
        raise UserError(
            what=f"answers occur twice: {doubled.select(keys).unique().sort(keys).head(3).rows()}",
            where=str(path),
            expected="every prompt once per sample",
            remedy="delete the file and rerun its stage",
        )
    failed = (pl.col("finish_reason") == "error") & pl.col("text").is_not_null()
    message = pl.col("text").str.strip_chars_start().str.starts_with(_ERROR_TEXT)
    wrong = frame.filter(failed | message).sort(keys)
    if wrong.height:
        raise UserError(
            what=f"the text of {wrong.height} answers is an error message, such as "
            f"{wrong['text'][0][:80]!r}",
            where=f"{path}, prompt {wrong['prompt_id'][0]}",
            expected="answers; failed rows with finish_reason 'error' and no text",
            remedy="delete the file and rerun its stage to answer these rows",
        )
    answered = frame.filter(pl.col("text").is_not_null() & (pl.col("turn") == 0))
    empty = answered.filter(~_HAS_TEXT).height
    # Rounded up: of 48 answers one may be empty at a share of .01, or chance would stop a study.
    allowed = math.ceil(max_empty_share * answered.height)
    if empty > allowed:
        raise UserError(
            what=f"{empty} of {answered.height} answers are empty",
            where=str(path),
            expected=f"at most {allowed} (`responses.max_empty_share` is {max_empty_share})",
            remedy="check why the model generates no text, or raise `responses.max_empty_share` "
            "if empty answers are intended",
        )


def match_prompts(
    files: Sequence[tuple[str, Path]], splitting: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Find the prompts that all runs answered, for every prompt set.

    Args:
        files: pairs of prompt set and responses, one for every run and prompt set.
        splitting: the config section `words`; None to divide texts into words by rules.

    Returns:
        By prompt set: `prompt_ids`, sorted; `shortest_words`, the words of the shortest answer of
        any run for each prompt; `token_budget`, the words of the run with the fewest in total; and
        `words`, the config section, if there is one.

    Raises:
        UserError: the tokenizer of words does not exist.
    """
    matched, tokenizer = {}, word_tokenizer(splitting)
    for name in sorted({prompt_set for prompt_set, _ in files}):
        runs = [
            _words_by_prompt(path, tokenizer) for prompt_set, path in files if prompt_set == name
        ]
        shared = sorted(set.intersection(*(set(run) for run in runs)))
        matched[name] = {
            "prompt_ids": shared,
            "shortest_words": [min(min(run[each]) for run in runs) for each in shared],
            "token_budget": min(sum(sum(run[each]) for each in shared) for run in runs),
        } | ({} if splitting is None else {"words": dict(splitting)})
    return matched


def _words_by_prompt(path: Path, tokenizer: WordTokenizer | None) -> dict[str, list[int]]:
    """Number of words of every valid answer, by prompt."""
    found: dict[str, list[int]] = {}
    for prompt_id, text in valid_answers(path).select("prompt_id", "text").iter_rows():
        found.setdefault(prompt_id, []).append(len(words(text, tokenizer)))
    return found


def measure_runs(
    names: Mapping[str, Sequence[str]],
    *,
    model: str,
    mix: str,
    responses: Mapping[tuple[int, str], Path],
    likelihoods: Mapping[int, Path],
    embeddings: Path | None,
    matched: Mapping[str, Mapping[str, Any]],
    split: pl.DataFrame,
    truth: pl.DataFrame | None,
    draws: int,
    seed: int,
    max_empty_share: float = 0.01,
) -> pl.DataFrame:
    """All measures for every seed of a mix, or for a source, in the schema `records.MEASURED`.

    Args:
        names: measures by prompt set.
        model: the target; `sources` for answers to the training prompts.
        mix: the mix, or the source.
        responses: file by training seed (0 for a source) and prompt set.
        likelihoods: file by training seed; empty if no measure reads them.
        embeddings: file of the sentence vectors of the answers to `test` or `train`; None if no
            measure reads them.
        matched: result of `match_prompts`.
        split: with the human answers.
        truth: correct facts for the embedded world's prompts; None for other datasets.
        draws: number of half-samples, and of draws without groups of prompts.
        seed: the study's.
        max_empty_share: share of empty answers above which the stage fails.

    Raises:
        UserError: answers cannot be measured, or an input of a measure is missing.
    """
    needs = {
        need for listed in names.values() for name in listed for need in measures.get(name).needs
    }
    vectors = Vectors.open(embeddings) if embeddings is not None and needs & _VECTORS else None
    measured = []
    for (training_seed, prompt_set), file in responses.items():
        check_measurable(file, max_empty_share)
        wanted = [measures.get(name) for name in names[prompt_set]]
        ids = matched[prompt_set]["prompt_ids"]
        measured.append(
            measures.compute(
                wanted,
                inputs_of(
                    file,
                    wanted,
                    matched=matched[prompt_set],
                    likelihood=likelihoods.get(training_seed) if prompt_set == TEST else None,
                    vectors=vectors,
                    split=split,
                    truth=truth,
                    seed=seed,
                ),
                model=model,
                mix=mix,
                seed=training_seed,
                prompt_set=prompt_set,
                all_prompt_ids=read_responses(file)["prompt_id"].unique().to_list(),
                draws=cluster_halves(ids, draws, seed),
                groups=cluster_groups(ids, draws, seed),
                set_prompt_ids=ids,
            )
        )
    return pl.concat(measured)


def inputs_of(
    file: Path,
    wanted: Sequence[measures.Measure],
    *,
    matched: Mapping[str, Any],
    likelihood: Path | None,
    vectors: Vectors | None,
    split: pl.DataFrame,
    truth: pl.DataFrame | None,
    seed: int,
) -> measures.Inputs:
    """Inputs of measures for the valid answers in a file; only needed inputs are read.

    Args:
        file: responses of one run, or source, to one prompt set.
        wanted: the measures.
        matched: of this prompt set, from `match_prompts`.
        likelihood: file of the run's likelihoods.
        vectors: sentence vectors of the prompt set.
        split, truth, seed: as for `measure_runs`.
    """
    about = split.select("prompt_id", pl.col("response").alias("reference"), "category")
    frame = valid_answers(file).select("prompt_id", "text", "completion_tokens", "finish_reason")
    frame = frame.join(about, on="prompt_id", how="left", maintain_order="left")
    needs = frozenset().union(*(each.needs for each in wanted))

    def vectors_of(
        need: str, column: str
    ) -> tuple[measures.SentenceVectors | None, np.ndarray | None]:
        if vectors is None or need not in needs:
            return None, None
        texts = frame[column].fill_null("").to_list()
        unknown = vectors.unknown(texts)
        return measures.SentenceVectors(*vectors.of_sentences(texts, unknown)), unknown

    embeddings, unknown = vectors_of("embeddings", "text")
    return measures.Inputs(
        frame=frame,
        token_budget=matched["token_budget"],
        likelihood=None if likelihood is None else pl.read_parquet(likelihood),
        embeddings=embeddings,
        unknown=unknown,
        reference_embeddings=vectors_of("reference_embeddings", "reference")[0],
        truth=truth,
        shortest_words=dict(zip(matched["prompt_ids"], matched["shortest_words"], strict=True)),
        seed=seed,
        tokenizer=word_tokenizer(matched.get("words")),
    )
