"""Lexical measures: length of answers, and self-BLEU of answers and of their sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.subsets import Evaluation, Incidence, Subsets, distinct
from manybaskets.measures.tokens import Corpus, corpus_of, sentences_of, spaced

_BLEU_ORDER = 3


@measure(label="Words per answer", unit="words", direction="none", level="prompt", of_words=True)
def response_words(inputs: Inputs) -> list[float | None]:
    """Number of words of each answer. Every diversity measure reacts to it: read them together."""
    return [float(count) for count in corpus_of(inputs).lengths]


@measure(label="Characters per answer", unit="characters", direction="none", level="prompt")
def response_characters(inputs: Inputs) -> list[float | None]:
    """Number of characters (Unicode code points) of each answer, white space included."""
    return [float(len(text)) for text in inputs.texts]


@measure(label="Tokens per answer", unit="tokens", direction="none", level="prompt")
def response_tokens(inputs: Inputs) -> list[float | None]:
    """Number of tokens of each answer, as its own model's tokenizer counts; null where unknown."""
    tokens = inputs.frame["completion_tokens"].to_list()
    return [None if count is None else float(count) for count in tokens]


@cache
def _bleu_tokeniser():
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    return Tokenizer13a()


def bleu_tokens(text: str) -> list[str]:
    """Tokens of a text as sacrebleu's tokeniser 13a gives them: punctuation counts, case too.

    Han and kana, which are written without spaces, are tokens of their own, as in sacrebleu's `zh`.
    """
    return _bleu_tokeniser()(spaced(text.rstrip())).split()


def _tokens(inputs: Inputs, text: str) -> list[str]:
    return inputs.tokenizer.words(text) if inputs.tokenizer else bleu_tokens(text)


class SelfBleu:
    """Exact self-BLEU of units (texts or sentences) against the units of all other owners.

    The clipping count of an n-gram in unit i is its largest count among units of other owners, so
    min(own count, that) is the number of k up to the own count for which another owner has a unit
    with k of it. Every pair (n-gram, k) is therefore taken as one thing that owners hold or not:
    in any set of owners, a thing in unit i counts where two owners of the set hold it, i's being
    one. Holders in all sets at once are a product of matrices, and things of one owner never count.
    Source of the definition: sacrebleu's sentence BLEU, order 3, with exponential smoothing,
    effective order and the closest reference length (ties: the shorter).

    Args:
        units: texts, or their tokens.
        owner: row that each unit belongs to, rising; by default every unit is a row of its own.
        rows: number of rows; needed with `owner`.
    """

    def __init__(
        self,
        units: Sequence[str] | Sequence[Sequence[str]],
        owner: np.ndarray | None = None,
        rows: int = 0,
    ) -> None:
        from scipy.sparse import csr_array

        tokens = [bleu_tokens(unit) if isinstance(unit, str) else unit for unit in units]
        self.owner = np.arange(len(tokens)) if owner is None else owner
        self.rows = len(tokens) if owner is None else rows
        corpus = Corpus.of(tokens)
        self.lengths = corpus.lengths
        slot, thing, things = _levelled(corpus)
        pairs = distinct(self.owner[slot // _BLEU_ORDER] * max(things, 1) + thing)
        holding = Incidence(pairs // max(things, 1), pairs % max(things, 1), self.rows)
        kept = holding.number[thing] >= 0 if things else np.zeros(0, dtype=bool)
        position = (slot[kept], holding.number[thing[kept]])
        self._holding = holding
        self._counts = csr_array(
            (np.ones(int(kept.sum()), dtype=np.float32), position),
            shape=(len(tokens) * _BLEU_ORDER, holding.things),
        )
        self._reference = _ClosestLengths(self.lengths, self.owner, self.rows)

    def many(self, subsets: Subsets) -> np.ndarray:
        """Mean score of the units of each set; NaN where fewer than two rows have any."""
        means = np.full(len(subsets), np.nan)
        for row, (index, correct) in enumerate(self._correct(subsets)):
            scores = self._scores(index, correct)
            if len(scores) and not np.isnan(scores[0]):
                means[row] = scores.mean()
        return means

    def scores(self, index: np.ndarray) -> np.ndarray:
        """BLEU (0 to 100) of the units of some rows against each other, in the order of the units.

        Units without tokens are no hypotheses and no references. NaN where no other row has any.
        """
        return self._scores(*next(self._correct(Subsets([index], self.rows))))

    def mean(self, index: np.ndarray) -> float:
        """Mean score of the units of some rows."""
        return float(self.many(Subsets([index], self.rows))[0])

    def _units(self, index: np.ndarray) -> np.ndarray:
        member = np.zeros(self.rows, dtype=bool)
        member[index] = True
        return np.flatnonzero(member[self.owner] & (self.lengths > 0))

    def _correct(self, subsets: Subsets) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each set its rows, and the matches of all units by order."""
        for block in subsets.blocks(max(self._holding.things, self._counts.shape[0])):
            held = self._holding.holders(subsets, block) >= 2
            correct = self._counts @ held.astype(np.float32)
            for row, index in enumerate(subsets.indices[block]):
                yield index, correct[:, row].reshape(-1, _BLEU_ORDER)

    def _scores(self, index: np.ndarray, correct: np.ndarray) -> np.ndarray:
        units = self._units(index)
        if not len(units) or self.owner[units[0]] == self.owner[units[-1]]:
            return np.full(len(units), np.nan)
        return _bleu(correct[units], self.lengths[units], self._reference.of(units))


def _levelled(corpus: Corpus) -> tuple[np.ndarray, np.ndarray, int]:
    """Every n-gram of every text as a slot (text, order), a thing (n-gram, k) for its k-th time in
    the text, and the number of things."""
    slots, things, total = [], [], 0
    for order in range(1, _BLEU_ORDER + 1):
        text, gram = corpus.ngrams(order)
        if not len(gram):
            break
        kinds = int(gram.max()) + 1
        key = np.sort(text * kinds + gram)
        start = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
        level = np.arange(len(key)) - np.repeat(start, np.diff(np.append(start, len(key))))
        levels = int(level.max()) + 1
        thing = np.unique(key % kinds * levels + level, return_inverse=True)[1]
        slots.append(key // kinds * _BLEU_ORDER + order - 1)
        things.append(thing + total)
        total += int(thing.max()) + 1
    if not total:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0
    return np.concatenate(slots), np.concatenate(things), total


class _ClosestLengths:
    """For units of some owners, the closest length of a unit of another of these owners."""

    def __init__(self, lengths: np.ndarray, owner: np.ndarray, rows: int) -> None:
        self.owner = owner
        self.distinct, self.place = np.unique(lengths, return_inverse=True)
        self.has = np.zeros((rows, len(self.distinct)), dtype=bool)
        self.has[owner[lengths > 0], self.place[lengths > 0]] = True

    def of(self, units: np.ndarray) -> np.ndarray:
        """The lengths for all units of at least two owners; ties: the shorter."""
        present = np.zeros(len(self.has), dtype=bool)
        present[self.owner[units]] = True
        holders = np.count_nonzero(self.has[present], axis=0)
        closest = self.distinct[self.place[units]]
        # Hardly any length is an owner's own alone; the others are their own closest length.
        alone = np.flatnonzero(holders[self.place[units]] < 2)
        own_lengths = closest[alone][:, None]
        others = holders[None, :] > self.has[self.owner[units[alone]]]
        distance = 2 * np.abs(self.distinct - own_lengths) + (self.distinct > own_lengths)
        distance = np.where(others, distance, np.iinfo(np.int64).max)
        closest[alone] = self.distinct[distance.argmin(axis=1)]
        return closest


def _bleu(correct: np.ndarray, lengths: np.ndarray, reference_lengths: np.ndarray) -> np.ndarray:
    """Sentence BLEU as sacrebleu computes it: exponential smoothing, effective order."""
    log_sum = np.zeros(len(lengths))
    smoothing = np.ones(len(lengths))
    orders = np.zeros(len(lengths))
    for order in range(_BLEU_ORDER):
        total = lengths - order
        present = total > 0
        safe_total = np.maximum(total, 1)
        hit = correct[:, order] > 0
        smoothing = np.where(present & ~hit, smoothing * 2, smoothing)
        matched = np.where(hit, correct[:, order], 1.0 / smoothing)
        log_sum += np.where(present, np.log(100.0 * matched / safe_total), 0.0)
        orders += present
    safe_length = np.maximum(lengths, 1)
    penalty = np.exp(np.minimum(0.0, 1.0 - reference_lengths / safe_length))
    scores = penalty * np.exp(log_sum / np.maximum(orders, 1))
    return np.where(correct.any(axis=1), scores, 0.0)


@measure(
    label="Self-BLEU-3",
    unit="points (0–100)",
    direction="lower",
    level="set",
    lexical=True,
    resampling="groups",
)
def self_bleu(inputs: Inputs) -> Evaluation:
    """Mean BLEU-3 of each answer against all other answers of the set; lower is more diverse.

    sacrebleu's BLEU: order 3, 13a tokeniser (every Han and kana a token), case-sensitive, exponential
    smoothing, effective order, closest reference length (ties: the shorter). Answers without tokens are left out. It
    rises with the number of answers: compare equal sets only.
    Source: Zhu et al. 2018 (Texygen), arXiv 1802.01886; the algorithm is exact and near-linear.
    """
    scorer = inputs.shared(
        "self_bleu", lambda: SelfBleu([_tokens(inputs, text) for text in inputs.texts])
    )
    return Evaluation(scorer.many, scorer.lengths > 0)


def _sentence_tokens(inputs: Inputs) -> tuple[list[list[str]], np.ndarray]:
    """Tokens of all sentences, and the answer of each."""

    def tokenise() -> tuple[list[list[str]], np.ndarray]:
        sentences_of_answers = sentences_of(inputs)
        owner = np.repeat(
            np.arange(len(sentences_of_answers)), [len(each) for each in sentences_of_answers]
        )
        return [_tokens(inputs, text) for each in sentences_of_answers for text in each], owner

    return inputs.shared("sentence_tokens", tokenise)


@measure(
    label="Self-BLEU-3 of sentences between answers",
    unit="points (0–100)",
    direction="lower",
    level="set",
    lexical=True,
    resampling="groups",
)
def sentence_between(inputs: Inputs) -> Evaluation:
    """Mean BLEU-3 of each sentence against all sentences of the other answers of the set.

    Lower is more diverse. Settings of `self_bleu`; the mean is over sentences. Sentences come from
    the project's rules (`tokens.sentences`), not from NLTK's trained splitter. Answers without a
    sentence that holds a word are left out. It rises with the number of sentences.
    Source: the aggregated self-BLEU of Schaffelder & Gatt 2026, here without sampling and without
    references from the same answer.
    """
    rows = inputs.frame.height
    tokens, owner = _sentence_tokens(inputs)
    scorer = inputs.shared("sentence_between", lambda: SelfBleu(tokens, owner, rows))
    return Evaluation(scorer.many, np.isin(np.arange(rows), owner))


@measure(
    label="Self-BLEU-3 of sentences within the answer",
    unit="points (0–100)",
    direction="none",
    level="prompt",
    lexical=True,
)
def sentence_within(inputs: Inputs) -> list[float | None]:
    """Mean BLEU-3 of each sentence against the other sentences of the same answer.

    A lower value is a more varied answer; how answers differ does not enter, so that no direction
    is preferred. Settings of `self_bleu`, sentences of `sentence_between`. Null for an answer of
    fewer than two sentences. It rises with the number of sentences, hence with length.
    Source: the individual self-BLEU of Schaffelder & Gatt 2026, here on all answers.
    """
    tokens, owner = _sentence_tokens(inputs)
    corpus = Corpus.of(tokens)
    slot, thing, things = _levelled(corpus)
    # A thing counts where another sentence of the same answer holds it.
    mine = np.unique(owner[slot // _BLEU_ORDER] * max(things, 1) + thing, return_inverse=True)[1]
    hit = np.bincount(mine)[mine] >= 2 if len(mine) else np.zeros(0, dtype=bool)
    correct = np.bincount(slot[hit], minlength=len(tokens) * _BLEU_ORDER).reshape(-1, _BLEU_ORDER)
    number = np.bincount(owner, minlength=inputs.frame.height)
    end = np.cumsum(number)
    reference = np.zeros(len(tokens))
    for start, stop in zip(end - number, end, strict=True):
        if stop - start >= 2:
            reference[start:stop] = _closest_of_others(corpus.lengths[start:stop])
    scored = number[owner] >= 2
    scores = np.zeros(len(tokens))
    scores[scored] = _bleu(correct[scored], corpus.lengths[scored], reference[scored])
    total = np.bincount(owner, weights=scores, minlength=inputs.frame.height)
    return [float(t / n) if n >= 2 else None for t, n in zip(total, number, strict=True)]


def _closest_of_others(lengths: np.ndarray) -> np.ndarray:
    """For each of several lengths the closest among the others; ties: the shorter."""
    distinct, position, count = np.unique(lengths, return_inverse=True, return_counts=True)
    padded = np.concatenate(([-np.inf], distinct, [np.inf]))
    shorter, longer = padded[position], padded[position + 2]
    other = np.where(lengths - shorter <= longer - lengths, shorter, longer)
    return np.where(count[position] > 1, lengths, other)


@measure(label="Answers at the token limit", unit="share", direction="none", level="prompt")
def truncated(inputs: Inputs) -> list[float | None]:
    """1 where the answer ended at the token limit and not by itself, else 0 (`finish_reason`);
    no value for answers from a file, whose limit is unknown."""
    reasons = inputs.frame["finish_reason"]
    return [None if reason is None else float(reason == "length") for reason in reasons]
