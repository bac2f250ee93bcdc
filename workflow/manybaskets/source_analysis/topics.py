"""Topics of the sources' answers, from one topic model (LDA) for all of them.

Source: Blei, Ng & Jordan 2003; fitted by online variational inference (Hoffman, Blei & Bach 2010)
as scikit-learn does. Words are those of the lexical measures, in any script; scikit-learn's list of
318 English stop words is left out (also before an apostrophe), as are numbers and single Latin
letters; words of other languages are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics, Topics
from manybaskets.jobs.progress import Progress
from manybaskets.measures.tokens import words
from manybaskets.records.ids import row_seed
from manybaskets.source_analysis.pairs import PAIRS, symmetric
from manybaskets.source_analysis.shared_answers import SharedAnswers, text_codes
from manybaskets.statistics import bootstrap
from manybaskets.statistics.bias import corrected
from manybaskets.statistics.clusters import cluster_sums

KIND = "topics"
TOPICS = pl.Schema(
    {
        "source": pl.String,
        "topic": pl.Int64,  # null for the source's entropy
        "statistic": pl.String,  # share | entropy
        "value": pl.Float64,  # entropy in bits
        "low": pl.Float64,
        "high": pl.Float64,
        "words": pl.String,  # the topic's most likely words
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
    }
)
_SHOWN_WORDS = 10
_FEWEST_ANSWERS = 2  # a word in only one answer identifies no topic
_BATCH = 256
_STARTS = 5
_FIRST_PASSES = 3


@dataclass(frozen=True)
class Fitted:
    """Topics of every answer.

    Attributes:
        prompt_ids: prompts at which every source's answer has a word of the model.
        shares: by source, `[prompt, topic]`; rows sum to 1.
        words: the most likely words of each topic, in descending order.
        excluded: prompts left out.
    """

    prompt_ids: list[str]
    shares: dict[str, np.ndarray]
    words: list[list[str]]
    excluded: int


def fit_topics(answers: SharedAnswers, settings: Topics, seed: int) -> Fitted | None:
    """Fit the model on all sources' answers; None if fewer than two words are left.

    The order of sources and prompts has no effect. Topics are numbered by their share of all
    answers, largest first.
    """
    names = sorted(answers.sources)
    texts = [
        answers.texts[name][index] for index in range(len(answers.prompt_ids)) for name in names
    ]
    counts, vocabulary = _count_words(texts, settings.words)
    if len(vocabulary) < 2:
        return None
    filled = (np.asarray(counts.sum(axis=1)).ravel() > 0).reshape(-1, len(names)).all(axis=1)
    kept = counts[np.repeat(filled, len(names))]
    if not kept.shape[0]:
        return None
    model = _fit(kept, settings, seed)
    shares = model.transform(kept)
    order = np.argsort(-shares.sum(axis=0), kind="stable")
    shares = shares[:, order].reshape(-1, len(names), settings.topics)
    likely = np.argsort(-model.components_[order], axis=1, kind="stable")[:, :_SHOWN_WORDS]
    places = {name: index for index, name in enumerate(names)}
    return Fitted(
        prompt_ids=[each for each, full in zip(answers.prompt_ids, filled, strict=True) if full],
        shares={name: shares[:, places[name]] for name in answers.sources},
        words=[[vocabulary[word] for word in row] for row in likely],
        excluded=answers.unshared + int((~filled).sum()),
    )


def _fit(counts, settings: Topics, seed: int):
    """The model from the best of several random starts, by the bound after their first passes.

    A start may merge two topics, which further passes cannot separate.
    """
    from sklearn.decomposition import LatentDirichletAllocation

    first = min(_FIRST_PASSES, settings.passes)
    progress = Progress(_STARTS * first + settings.passes, "passes over the answers")

    def fit(start: int, passes: int):
        model = LatentDirichletAllocation(
            n_components=settings.topics,
            max_iter=passes,
            learning_method="online",
            batch_size=_BATCH,
            total_samples=counts.shape[0],
            random_state=row_seed(seed, "topics", start) % 2**32,
        ).fit(counts)
        progress.add(passes)
        return model

    best = max(range(_STARTS), key=lambda start: fit(start, first).score(counts))
    return fit(best, settings.passes)


def _count_words(texts: list[str], most: int):
    """Counts of each kept word in each text, and the kept words in alphabetical order."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

    def kept(text: str) -> list[str]:
        return [
            word
            for word in words(text)
            if word.split("'")[0] not in ENGLISH_STOP_WORDS
            and not word.isdigit()
            and (len(word) > 1 or not word.isascii())
        ]

    listed = [kept(text) for text in texts]
    seen: dict[str, int] = {}
    for each in listed:
        for word in set(each):
            seen[word] = seen.get(word, 0) + 1
    common = sorted(
        (word for word, count in seen.items() if count >= _FEWEST_ANSWERS),
        key=lambda word: (-seen[word], word),
    )[:most]
    vocabulary = sorted(common)
    if not vocabulary:
        return None, []
    counter = CountVectorizer(analyzer=lambda each: each, vocabulary=vocabulary)
    return counter.fit_transform(listed), vocabulary


def topic_table(fitted: Fitted | None, settings: Statistics, seed: int) -> pl.DataFrame:
    """Share of every topic in every source, and each source's entropy (schema `TOPICS`).

    A source's distribution is the mean over its answers; its entropy −Σ p log₂ p is 0 bits for a
    single topic and log₂ of the number of topics if all are equally frequent. Bootstrap over
    prompts; percentile intervals of shares, and entropies corrected for sampling bias
    (`bias.corrected`).
    """
    if fitted is None:
        return pl.DataFrame(schema=TOPICS)
    lines = []
    counts = {"n_prompts": len(fitted.prompt_ids), "n_excluded": fitted.excluded}
    drawn = _resampled(fitted, settings, seed)
    tail = (1 - settings.confidence) / 2
    for source, shares in fitted.shares.items():
        mean = shares.mean(axis=0)
        low, high = np.quantile(drawn[source], [tail, 1 - tail], axis=0)
        for topic, topic_words in enumerate(fitted.words):
            lines.append(
                {
                    "source": source,
                    "topic": topic + 1,
                    "statistic": "share",
                    "value": mean[topic],
                    "low": low[topic],
                    "high": high[topic],
                    "words": " ".join(topic_words),
                }
                | counts
            )
        limits = corrected(
            float(entropy_bits(mean)),
            entropy_bits(drawn[source]),
            settings.confidence,
            smallest=0.0,
            largest=float(np.log2(len(mean))),
        )
        ends = dict(zip(("value", "low", "high"), limits, strict=True))
        lines.append({"source": source, "statistic": "entropy"} | ends | counts)
    return pl.DataFrame(lines, schema=TOPICS)


def topic_distances(fitted: Fitted | None, settings: Statistics, seed: int) -> pl.DataFrame:
    """Jensen–Shannon divergence between the topics of every pair of sources (schema `PAIRS`).

    H((p + q)/2) − (H(p) + H(q))/2 in bits, from 0 for the same distribution to 1 for disjoint ones;
    bootstrap over prompts, both sources with the same draws, corrected for sampling bias
    (`bias.corrected`). `p`: the two answers to each prompt are swapped at random; `floor` is the
    95th percentile of the swaps, minus their mean as the bias of chance. Source: Lin 1991.
    """
    if fitted is None:
        return pl.DataFrame(schema=PAIRS)
    names = list(fitted.shares)
    counts = {"n_prompts": len(fitted.prompt_ids), "n_excluded": fitted.excluded}
    drawn, swaps = _resampled(fitted, settings, seed), _swaps(fitted, settings, seed)
    tested = {}
    for row, first in enumerate(names):
        for second in names[:row]:
            plain = float(
                jensen_shannon(*(fitted.shares[name].mean(axis=0) for name in (first, second)))
            )
            resampled = jensen_shannon(drawn[first], drawn[second])
            limits = corrected(plain, resampled, settings.confidence, smallest=0.0)
            tested[(first, second)] = (
                dict(zip(("value", "low", "high"), limits, strict=True))
                | _by_swaps(fitted.shares[first], fitted.shares[second], plain, swaps)
                | counts
            )
    return symmetric(KIND, names, tested)


def entropy_bits(shares: np.ndarray) -> np.ndarray:
    """Shannon entropy in bits of the distributions in the last axis, with 0 log 0 = 0."""
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return -(shares * logs).sum(axis=-1)


def jensen_shannon(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Jensen–Shannon divergence in bits of distributions in the last axis."""
    return np.maximum(
        entropy_bits((first + second) / 2) - (entropy_bits(first) + entropy_bits(second)) / 2, 0.0
    )


def _resampled(fitted: Fitted, settings: Statistics, seed: int) -> Mapping[str, np.ndarray]:
    """Mean topics of each source in every resample of prompts: `[resample, topic]`."""
    codes = text_codes(fitted.prompt_ids)
    sizes = cluster_sums(codes, np.ones(len(codes)))
    sums = {name: cluster_sums(codes, each.T).T for name, each in fitted.shares.items()}
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in sums}
    for block in bootstrap.weights(len(sizes), settings.bootstrap_resamples, seed):
        below = (block @ sizes)[:, None]
        for name, each in sums.items():
            drawn[name].append(block @ each / below)
    return {name: np.concatenate(blocks) for name, blocks in drawn.items()}


def _swaps(fitted: Fitted, settings: Statistics, seed: int) -> np.ndarray:
    """Prompts whose answers are swapped: `[swap, prompt]` of ±1, equal within a text."""
    codes = text_codes(fitted.prompt_ids)
    rng = np.random.default_rng(row_seed(seed, "swaps", int(codes.max()) + 1))
    signs = rng.integers(0, 2, size=(settings.answer_swaps, int(codes.max()) + 1))
    return (signs * 2.0 - 1.0)[:, codes]


def _by_swaps(
    first: np.ndarray, second: np.ndarray, observed: float, swaps: np.ndarray
) -> dict[str, float | None]:
    if not len(swaps):
        return {"floor": None, "p": None}
    middle = (first + second).mean(axis=0) / 2
    half = swaps @ ((first - second) / 2) / len(first)
    swapped = jensen_shannon(middle + half, middle - half)
    reached = int((swapped >= observed - 1e-12).sum())
    return {
        # The mean of the swaps estimates the contribution of chance.
        "floor": max(0.0, float(np.quantile(swapped, 0.95) - swapped.mean())),
        "p": (1 + reached) / (1 + len(swaps)),
    }
