"""Vocabulary growth: the number of distinct words by the number of words in a condition's answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from manybaskets.measures.heaps_law import expected_growth
from manybaskets.measures.tokens import Corpus, words
from manybaskets.measures.word_tokenizer import WordTokenizer, word_tokenizer
from manybaskets.records.responses import valid_answers

GROWTH = pl.Schema(
    {
        "model": pl.String,
        "mix": pl.String,
        "seed": pl.Int64,
        "prompt_set": pl.String,
        "tokens": pl.Float64,  # words
        "types": pl.Float64,  # distinct words, expected
    }
)
_POINTS = 30
_START = 1000  # words


def growth_points(budget: int) -> np.ndarray:
    """Numbers of words at which growth is reported: log-spaced, from 1000 words (or a tenth of the
    end, if less) to the end, the total of the shortest condition."""
    if budget < 2:
        return np.zeros(0)
    return np.geomspace(max(1.0, min(_START, budget / 10)), budget, _POINTS)


def vocabulary_growth(
    texts: Sequence[str], sizes: np.ndarray, tokenizer: WordTokenizer | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of words and of distinct words among them, over all orders of the answers.

    The mean over all orders in closed form (`measures.heaps_law.expected_growth`), as K and β of Heaps' law
    are fitted to it: N words are N / (mean length) answers. Sizes below one mean answer or above
    the total of the answers are left out. Answers without a word do not count.

    Returns:
        The remaining sizes, and the expected number of distinct words at each.
    """
    corpus = Corpus.of([words(text, tokenizer) for text in texts])
    total, answers = len(corpus.ids), int((corpus.lengths > 0).sum())
    if not answers:
        return np.zeros(0), np.zeros(0)
    mean_length = total / answers
    # The end of the grid is a sum of whole numbers, rounded by its logarithm.
    sizes = np.minimum(sizes[(sizes >= mean_length) & (sizes <= total * (1 + 1e-9))], total)
    size = max(len(corpus.vocabulary), 1)
    held = np.unique(corpus.text_of * size + corpus.ids) % size
    holders, number = np.unique(np.bincount(held), return_counts=True)
    return sizes, expected_growth(holders, number, answers, sizes / mean_length)


def growth_table(
    files: Mapping[tuple[str, str, int, str], Path], matched: Mapping[str, Mapping[str, Any]]
) -> pl.DataFrame:
    """Growth of every condition, on the prompts that all conditions answered.

    Args:
        files: responses by model, mix, seed and prompt set.
        matched: result of `measuring.match_prompts` for all these prompt sets.

    Returns:
        Rows of the schema `GROWTH`, sorted; no rows for a condition with too few words.
    """
    rows = []
    for key in sorted(files):
        shared = matched[key[3]]
        texts = _texts(files[key], set(shared["prompt_ids"]))
        sizes, types = vocabulary_growth(
            texts, growth_points(shared["token_budget"]), word_tokenizer(shared.get("words"))
        )
        rows += [(*key, *point) for point in zip(sizes.tolist(), types.tolist(), strict=True)]
    return pl.DataFrame(rows, schema=GROWTH, orient="row")


def _texts(file: Path, prompt_ids: Collection[str]) -> list[str]:
    answers = valid_answers(file)
    return answers.filter(pl.col("prompt_id").is_in(list(prompt_ids)))["text"].to_list()
