"""Rows of one condition's answers, for runs and sources."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.published import heaps, self_bleu, semantic_distance
from manybaskets.published.encoding import Encode, kept_vectors
from manybaskets.published.perplexity import statistics
from manybaskets.published.procedure_rows import HEAPS, SELF_BLEU, SEMANTIC, Lines, noted
from manybaskets.published.splitting import Splitter
from manybaskets.records.responses import read_responses


@dataclass(frozen=True)
class ValidAnswers:
    """Texts for the procedures, in the order of their prompt ids, and a note."""

    texts: list[str]
    note: str


def answers_of(file: Path, wanted: Collection[str] | None = None) -> ValidAnswers:
    """One answer to each prompt: the first sample, neither failed nor empty.

    Args:
        wanted: ids of the prompts; None for all.
    """
    frame = read_responses(file).filter((pl.col("sample") == 0) & (pl.col("turn") == 0))
    if wanted is not None:
        frame = frame.filter(pl.col("prompt_id").is_in(list(wanted)))
    texts = frame.sort("prompt_id")["text"].to_list()
    valid = [text for text in texts if text]
    left_out = len(texts) - len(valid)
    note = f"{left_out} of {len(texts)} answers failed or empty" if left_out else ""
    return ValidAnswers(valid, note)


@dataclass(frozen=True)
class Who:
    """The answers' origin, their key in the table, and a note for every row."""

    lines: Lines
    target: str
    condition: str
    note: str

    def add(self, metric: str, variant: str, values: dict, n: int | None, *note: str) -> None:
        """One row per statistic."""
        where = (metric, variant, self.target, self.condition)
        self.lines.add(*where, values, n, noted(self.note, *note))


def add_individual(
    who: Who, variant: str, cut: Sequence[list[str]], count: int, seed: int
) -> np.ndarray:
    """Rows of the diversity within single answers; returns the scores.

    Args:
        cut: eligible sentences of every answer.
        count: answers sampled.
    """
    each = self_bleu.individual(cut, count, seed)
    found: dict[str, float | None] = {"mean": None, "median": None}
    for ddof in (0, 1):
        found |= statistics(each.scores, ddof)
    found.pop("n", None)
    sampled = (
        f"sampling seed {seed}; {each.sampled} answers sampled, answers with one sentence skipped"
    )
    who.add(SELF_BLEU, variant, found, len(each.scores), sampled)
    who.add(SELF_BLEU, variant, {"n_eligible": float(each.eligible)}, len(cut))
    return each.scores


def add_heaps(who: Who, variant: str, texts: Sequence[str], splitter: Splitter) -> None:
    """Rows of the fit of Heaps' law."""
    grown = heaps.growth_in_order(texts, splitter)
    fitted = heaps.linear_fit(grown)
    count = len(grown.tokens)
    why = "" if fitted else f"no fit; vocabulary counted {count} times, every {heaps.STEP} tokens"
    who.add(HEAPS, variant, fitted or {"K": None, "beta": None}, count * heaps.STEP, why)


def add_distance(
    who: Who, variant: str, sample: Sequence[str], of: int, encode: Encode, work: Path
) -> np.ndarray:
    """Rows of the mean distance of sampled sentences; returns their unit vectors.

    Args:
        of: number of sentences that the sample was drawn from.
        work: folder for the vectors, of one encoder.
    """
    vectors = kept_vectors(sample, encode, work) if sample else np.zeros((0, 1))
    found = {"mean": None, "se_pairs_iid": None} | semantic_distance.pair_statistics(vectors)
    sampled = f"{len(sample)} of {of} sentences; the standard error assumes independent pairs"
    who.add(SEMANTIC, variant, found, len(sample), sampled)
    return vectors


def sentences_of_answers(texts: Sequence[str], splitter: Splitter) -> list[str]:
    """The sentences of all answers for the semantic distance."""
    return [each for text in texts for each in semantic_distance.valid_sentences(text, splitter)]
