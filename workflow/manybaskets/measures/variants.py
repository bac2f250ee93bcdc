"""Measures under control of length: on answers of equal length, and on equal words."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from manybaskets.measures.inputs import Inputs, SentenceVectors
from manybaskets.measures.subsets import Evaluation, Subsets, distinct
from manybaskets.measures.tokens import corpus_of, first_words, sentences_of, words
from manybaskets.records.measured import GROUPS, PARTITION_DRAWS

LEN_MATCHED = "len_matched"
TOKEN_BUDGET = "token_budget"
LABELS = {LEN_MATCHED: "answers cut to equal length", TOKEN_BUDGET: "equal number of words"}
DESCRIPTIONS = {
    LEN_MATCHED: (
        "Variant `len_matched`: every answer is cut after as many words as the shortest answer to "
        "its prompt has in any condition that is compared. Of measures that read sentence vectors, "
        "every sentence counts by the share of its words before the cut."
    ),
    TOKEN_BUDGET: (
        "Variant `token_budget`: whole answers, in a random order of the prompts that all "
        "conditions share, as long as their words do not exceed those of the shortest condition "
        "(a half-sample: half of them). Longer conditions therefore use fewer answers."
    ),
}

Function = Callable[[Inputs], Any]


def variants_of(level: str) -> tuple[str, ...]:
    """The variants of a lexical measure; a number of words is shared by sets only."""
    return (LEN_MATCHED, TOKEN_BUDGET) if level == "set" else (LEN_MATCHED,)


def of_variant(function: Function, level: str, variant: str, vectors: bool) -> Function:
    """The function of a measure's variant, from the measure's own.

    Args:
        vectors: whether it reads sentence vectors in place of the texts.
    """
    if variant == TOKEN_BUDGET:
        return _within_budget(function)
    if vectors:
        return _on_matched_vectors(function)
    return _on_matched_sets(function) if level == "set" else _on_matched_prompts(function)


def length_matched(inputs: Inputs) -> Inputs:
    """The same rows with their texts cut to the shortest of their prompt; prompts must have one."""
    shortest = inputs.shortest_words

    def cut() -> Inputs:
        ids = inputs.frame["prompt_id"].to_list()
        limits = [shortest[prompt_id] for prompt_id in ids]
        texts = [
            first_words(text, limit, inputs.tokenizer)
            for text, limit in zip(inputs.texts, limits, strict=True)
        ]
        corpus = corpus_of(inputs).first(np.array(limits, dtype=np.int64))
        matched = Inputs(
            frame=inputs.frame.with_columns(pl.Series("text", texts, dtype=pl.String)),
            token_budget=sum(shortest[prompt_id] for prompt_id in set(ids)),
            shortest_words=shortest,
            seed=inputs.seed,
            tokenizer=inputs.tokenizer,
        )
        matched.shared("corpus", lambda: corpus)
        return matched

    return inputs.shared(LEN_MATCHED, cut)


def vectors_matched(inputs: Inputs) -> Inputs:
    """The same rows with the sentences of their texts weighted by their words before the cut."""

    def cut() -> Inputs:
        shortest = inputs.shortest_words
        limits = np.array([shortest[each] for each in inputs.frame["prompt_id"]], dtype=np.int64)
        return replace(inputs, embeddings=_first_sentences(inputs, limits))

    return inputs.shared((LEN_MATCHED, "vectors"), cut)


def _first_sentences(inputs: Inputs, limits: np.ndarray) -> SentenceVectors:
    """The sentence vectors, weighted by the share of each sentence's words within the limits."""
    given = inputs.embeddings
    there = np.zeros(inputs.frame.height, dtype=bool)
    there[given.owner] = True  # an answer in an unknown language has no vector
    listed = zip(sentences_of(inputs), there, strict=True)
    lengths = [
        len(words(each, inputs.tokenizer)) for text, known in listed if known for each in text
    ]
    if len(lengths) != len(given.owner):
        raise ValueError(f"{len(given.owner)} sentence vectors for {len(lengths)} sentences")
    lengths = np.array(lengths, dtype=np.int64)
    before = np.cumsum(lengths) - lengths
    first = np.searchsorted(given.owner, given.owner)  # first sentence of the same answer
    left = limits[given.owner] - (before - before[first])
    weights = np.clip(left, 0, lengths) / np.maximum(lengths, 1)
    return SentenceVectors(given.vectors, given.owner, weights)


def budgeted(inputs: Inputs, subsets: Subsets) -> Subsets:
    """Of every set of rows those that come first in the shared order, within its share of words."""

    def take() -> Subsets:
        lengths, place = corpus_of(inputs).lengths, inputs.orders(1)[0]
        prompt = inputs.prompt_numbers()
        prompts = int(prompt.max(initial=0)) + 1
        taken = []
        for index in subsets.indices:
            ordered = index[np.argsort(place[index])]
            budget = inputs.token_budget * len(np.unique(prompt[index])) / prompts
            taken.append(np.sort(ordered[np.cumsum(lengths[ordered]) <= budget]))
        return Subsets(taken, subsets.rows, whole=subsets)

    return inputs.shared((TOKEN_BUDGET, subsets), take)


def _on_matched_sets(function: Function) -> Function:
    @functools.wraps(function)
    def variant(inputs: Inputs) -> Any:
        return function(length_matched(inputs))

    return variant


def _on_matched_vectors(function: Function) -> Function:
    @functools.wraps(function)
    def variant(inputs: Inputs) -> Any:
        return function(vectors_matched(inputs))

    return variant


def _on_matched_prompts(function: Function) -> Function:
    @functools.wraps(function)
    def variant(inputs: Inputs) -> list[float | None]:
        known = [prompt_id in inputs.shortest_words for prompt_id in inputs.frame["prompt_id"]]
        matched = inputs.shared("matched", lambda: inputs.restricted(set(inputs.shortest_words)))
        values = iter(function(length_matched(matched)))
        return [next(values) if each else None for each in known]

    return variant


def _within_budget(function: Function) -> Function:
    @functools.wraps(function)
    def variant(inputs: Inputs) -> Evaluation:
        whole = function(inputs)
        rows = inputs.frame.height
        everything = Subsets([np.arange(rows)], rows)
        taken = np.zeros(rows, dtype=bool)
        taken[budgeted(inputs, everything).indices[0]] = True

        def without_groups(subsets: Subsets) -> np.ndarray:
            left = inputs.shared(("without groups", subsets), lambda: kept(subsets))
            return _at_equal_words(
                (whole.without_groups or whole.many)(left),
                left,
                corpus_of(inputs).lengths,
                inputs.prompt_numbers(),
            )

        def kept(subsets: Subsets) -> Subsets:
            return Subsets([each[taken[each]] for each in subsets.indices], rows, whole=subsets)

        return Evaluation(
            many=lambda subsets: whole.many(budgeted(inputs, subsets)),
            counted=whole.counted & taken,
            without_groups=without_groups,
        )

    return variant


def _at_equal_words(
    values: np.ndarray, left: Subsets, lengths: np.ndarray, prompt: np.ndarray
) -> np.ndarray:
    """Values on what groups leave of the answers within the budget, as if at an equal share of words.

    Reading on to the budget without each group would add answers at the end by chance, which hides
    the group's effect. Instead, the surplus of words that is left is taken off by the value's slope
    over words: mean values without one, or two, groups against the value of all, by the words that
    they lack on average.

    Args:
        values: on the answers within the budget of all rows (first), and without groups.
        left: these answers.
        lengths: words of each answer.
        prompt: prompt of each answer.
    """
    words = np.array([lengths[index].sum() for index in left.indices], dtype=np.float64)
    prompts = np.array([len(distinct(prompt[index])) for index in left.whole.indices])
    share = prompts / max(prompts[0], 1)
    lacking = (1.0 - share) * words[0]
    surplus = words - share * words[0]
    equal = values.copy()
    two = (np.arange(len(values)) - 1) % PARTITION_DRAWS >= GROUPS
    for sets in (~two, two):
        sets[0] = False
        if lacking[sets].sum() > 0:
            slope = (values[0] - np.nanmean(values[sets])) / lacking[sets].mean()
            equal[sets] -= slope * surplus[sets]
    return equal
