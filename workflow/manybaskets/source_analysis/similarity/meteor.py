"""METEOR between the answers of two sources to the same prompts.

Source: Lavie & Agarwal 2007; values equal those of `nltk.translate.meteor_score` without WordNet,
whose data is in no package index: words match if they are equal or have the same Porter stem;
synonyms do not match.

With α = 0.9, F weighs recall nine times as much as precision: longer answers score higher. The paper
on WILDCHAT-50M (Feuer & Hegde 2025) gives the same α, β and γ and says that α weighs precision: text
and formula conflict, and here the formula counts.
"""

from __future__ import annotations

import numpy as np

from manybaskets.source_analysis.similarity.numbered import NumberedText

ALPHA = 0.9  # weight of recall in the mean
BETA = 3.0
GAMMA = 0.5


def meteor(first: NumberedText, second: NumberedText) -> tuple[np.ndarray, np.ndarray]:
    """METEOR by prompt with the first source's text as hypothesis, and with the second's.

    With m matched words of hypothesis h and reference r: P = m/|h|, R = m/|r|, F = P·R / (α·P + (1
    − α)·R), penalty = γ·(chunks/m)^β, score = F·(1 − penalty); 0 for m = 0. Words match one to one,
    first equal words and then equal stems of the rest, each from the end of the text; a chunk is a
    longest run of matches that is contiguous in both. The matches, and thus the chunks, are the
    same whichever text is the hypothesis.
    """
    partner = _partners(first, second)
    prompts = len(first.lengths)
    matched = partner >= 0
    matches = np.bincount(first.prompt[matched], minlength=prompts)
    # A match continues a chunk if the word before it matches the word before its partner.
    continues = (
        matched[1:]
        & matched[:-1]
        & (partner[1:] == partner[:-1] + 1)
        & (first.prompt[1:] == first.prompt[:-1])
    )
    chunks = matches - np.bincount(first.prompt[1:][continues], minlength=prompts)
    some = matches > 0
    share = np.divide(chunks, matches, out=np.zeros(prompts), where=some)
    kept = 1.0 - GAMMA * share**BETA
    scores = []
    for hypothesis, reference in ((first, second), (second, first)):
        # P·R / (α·P + (1 − α)·R) with m cancelled.
        below = ALPHA * reference.lengths + (1.0 - ALPHA) * hypothesis.lengths
        scores.append(kept * np.divide(matches, below, out=np.zeros(prompts), where=some))
    return scores[0], scores[1]


def _partners(first: NumberedText, second: NumberedText) -> np.ndarray:
    """Token of the second text that each token of the first matches; −1 for none."""
    partner = np.full(len(first.word), -1, dtype=np.int64)
    free = np.ones(len(second.word), dtype=bool)
    stages = [
        (first.word, first.by_word, second.word, second.by_word),
        (first.stem, first.by_stem, second.stem, second.by_stem),
    ]
    numbers = first.numbers
    for numbered, order, other, other_order in stages:
        left = order[partner[order] < 0]
        right = other_order[free[other_order]]
        found, matches = _paired(numbered[left], other[right], numbers)
        partner[left[found]] = right[matches]
        free[right[matches]] = False
    return partner


def _paired(left: np.ndarray, right: np.ndarray, numbers: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of equal numbers in two sorted arrays, the k-th occurrence with the k-th."""
    if not len(left) or not len(right):
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing
    begins = np.flatnonzero(np.r_[True, left[1:] != left[:-1]])
    rank = np.arange(len(left)) - np.repeat(begins, np.diff(np.r_[begins, len(left)]))
    begins = np.flatnonzero(np.r_[True, right[1:] != right[:-1]])
    count = np.zeros(numbers, dtype=np.int64)
    start = np.zeros(numbers, dtype=np.int64)
    count[right[begins]] = np.diff(np.r_[begins, len(right)])
    start[right[begins]] = begins
    found = np.flatnonzero(rank < count[left])
    return found, start[left[found]] + rank[found]
