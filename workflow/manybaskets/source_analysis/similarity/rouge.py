"""ROUGE-1 and ROUGE-L between the answers of two sources to the same prompts.

Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries". Values are those of the
package rouge-score with its stemmer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from manybaskets.source_analysis.similarity.numbered import NumberedText

_RUNS = re.compile("[a-z0-9]+")
_LONGEST_UNSTEMMED = 3


def rouge_words(text: str) -> list[str]:
    """Lower-case runs of Latin letters without accents and of digits.

    This follows the definition: text in other scripts has no words, and an accent splits a word.
    """
    return _RUNS.findall(text.lower())


def rouge_stem(stem: Callable[[str], str]) -> Callable[[str], str]:
    """Stem of words with more than three letters; shorter words are unchanged."""
    return lambda word: word if len(word) <= _LONGEST_UNSTEMMED else stem(word)


def rouge_1(first: NumberedText, second: NumberedText) -> np.ndarray:
    """F1 of the stems that two texts share, by prompt; 0 for a text without stems.

    2 Σ_w min(a_w, b_w) / (|a| + |b|), with a_w the count of stem w in a text; symmetric.
    """
    table = np.zeros(first.numbers, dtype=np.int64)
    stems, counts, _ = first.stem_counts
    table[stems] = counts
    others, other_counts, prompt = second.stem_counts
    common = np.minimum(table[others], other_counts)
    shared = np.bincount(prompt, weights=common, minlength=len(first.lengths))
    return _f1(shared, first, second)


def rouge_l(first: NumberedText, second: NumberedText) -> np.ndarray:
    """F1 of the longest common subsequence of stems, by prompt; 0 for a text without stems.

    2 LCS(a, b) / (|a| + |b|); symmetric.
    """
    from rapidfuzz.distance import LCSseq
    from rapidfuzz.process import cpdist

    common = cpdist(first.strings, second.strings, scorer=LCSseq.similarity, dtype=np.int64)
    return _f1(common, first, second)


def _f1(common: np.ndarray, first: NumberedText, second: NumberedText) -> np.ndarray:
    return 2.0 * common / np.maximum(first.lengths + second.lengths, 1)
