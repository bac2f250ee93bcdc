"""ROUGE and METEOR between all pairs of sources, with answers to other prompts as a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from manybaskets.data.languages import divided, script_of
from manybaskets.jobs.progress import Progress
from manybaskets.measures.tokens import words
from manybaskets.records.ids import row_seed
from manybaskets.source_analysis.shared_answers import SharedAnswers
from manybaskets.source_analysis.similarity.meteor import meteor
from manybaskets.source_analysis.similarity.numbered import NumberedText, number_texts
from manybaskets.source_analysis.similarity.rouge import rouge_1, rouge_l, rouge_stem, rouge_words

METRICS = {"rouge_1": "ROUGE-1", "rouge_l": "ROUGE-L", "meteor": "METEOR"}


@dataclass(frozen=True)
class PairScores:
    """One metric between all sources.

    Attributes:
        metric: `rouge_1`, `rouge_l` or `meteor`.
        sources: in the order of the arrays.
        prompt_ids: in the order of the arrays.
        scores: `[source, other, prompt]`, the source's text as hypothesis; NaN for itself.
        shuffled: the same, with the other's answer to another prompt.
        excluded: prompts left out: not every source answered, or a text has no word for the metric.
    """

    metric: str
    sources: list[str]
    prompt_ids: list[str]
    scores: np.ndarray
    shuffled: np.ndarray
    excluded: int


def score_pairs(answers: SharedAnswers, metrics: Sequence[str], seed: int) -> list[PairScores]:
    """Score all pairs of sources on their shared prompts.

    The baseline compares each answer with the other source's answer to another prompt, using one
    random cycle of the prompts determined by the seed and their ids. METEOR uses the words of the
    lexical measures (any script with spaces, every Han and kana), ROUGE its own definition (Latin
    letters and digits) for texts in Latin letters and those words for others. A text in a script
    that is not divided into words has none, so that its prompt is left out.

    Returns:
        One entry per metric, in the given order.
    """
    cycle = shuffled_prompts(answers.prompt_ids, seed)
    by_words: dict[bool, tuple] = {}
    found = []
    for metric in metrics:
        latin = metric != "meteor"
        if latin not in by_words:
            by_words[latin] = _numbered(answers, cycle, latin)
        found.append(_score(metric, answers, *by_words[latin]))
    return found


def shuffled_prompts(prompt_ids: Sequence[str], seed: int) -> np.ndarray:
    """Another prompt for each prompt, in one random cycle; needs at least two prompts."""
    rng = np.random.default_rng(row_seed(seed, "shuffled prompts", list(prompt_ids)))
    order = rng.permutation(len(prompt_ids))
    cycle = np.empty(len(order), dtype=np.int64)
    cycle[order] = np.roll(order, -1)
    return cycle


@cache
def porter_stem():
    """The Porter stemmer of NLTK, commonly used for ROUGE and METEOR."""
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer().stem


def _numbered(
    answers: SharedAnswers, cycle: np.ndarray, latin: bool
) -> tuple[list[NumberedText], list[NumberedText], np.ndarray]:
    """The sources' texts, their shuffled texts, and the prompts where all texts have words."""
    split = _words_of_rouge if latin else words
    stem = rouge_stem(porter_stem()) if latin else porter_stem()
    listed = [
        [split(text) if divided(text) else [] for text in texts] for texts in answers.texts.values()
    ]
    own, moved = number_texts(listed, stem, cycle)
    usable = np.ones(len(cycle), dtype=bool)
    for texts in own:
        usable &= texts.lengths > 0
    return own, moved, usable


def _words_of_rouge(text: str) -> list[str]:
    return rouge_words(text) if script_of(text) in (None, "latin") else words(text)


def _score(
    metric: str,
    answers: SharedAnswers,
    own: list[NumberedText],
    moved: list[NumberedText],
    usable: np.ndarray,
) -> PairScores:
    sources = answers.sources
    shape = (len(sources), len(sources), len(usable))
    scores, shuffled = np.full(shape, np.nan), np.full(shape, np.nan)
    progress = Progress(len(own) * (len(own) - 1), f"pairs of sources compared by {metric}")
    for row, first in enumerate(own):
        for column in range(row):
            scores[row, column], scores[column, row] = _both(metric, first, own[column])
        for column, other in enumerate(moved):
            if column != row and len(usable) > 1:
                shuffled[row, column] = _both(metric, first, other)[0]
                progress.add(1)
    # An answer without words may belong to the other prompt: exclude it from the baseline, too.
    empty = np.array([[texts.lengths == 0 for texts in moved]]) | ~usable
    shuffled[np.broadcast_to(empty, shape)] = np.nan
    return PairScores(
        metric,
        sources,
        [each for each, kept in zip(answers.prompt_ids, usable, strict=True) if kept],
        scores[..., usable],
        shuffled[..., usable],
        answers.unshared + int((~usable).sum()),
    )


def _both(metric: str, first: NumberedText, second: NumberedText) -> tuple[np.ndarray, np.ndarray]:
    if metric == "meteor":
        return meteor(first, second)
    value = {"rouge_1": rouge_1, "rouge_l": rouge_l}[metric](first, second)
    return value, value
