"""Inputs of a measure for one run and one prompt set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from manybaskets.data.languages import divided, script_of
from manybaskets.measures.word_tokenizer import WordTokenizer
from manybaskets.records.ids import row_seed

_GROUPS_AT_ONCE = 4096  # so that the double-precision values stay small


def grouped(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Sums of rows by group (0 to groups − 1, ascending) in float64."""
    from scipy.sparse import csr_array

    sums = np.zeros((groups, *values.shape[1:]))
    starts = np.searchsorted(group, np.arange(groups + 1))
    for first in range(0, groups, _GROUPS_AT_ONCE):
        start = starts[first : first + _GROUPS_AT_ONCE + 1]
        block = np.asarray(values[start[0] : start[-1]], dtype=np.float64)
        place = np.arange(len(block))
        shape = (len(start) - 1, len(block))
        members = csr_array((np.ones(len(block)), place, start - start[0]), shape=shape)
        sums[first : first + shape[0]] = members @ block
    return sums


@dataclass(frozen=True)
class SentenceVectors:
    """Sentence vectors of texts, text by text.

    Args:
        vectors: unit vectors, float32 [sentences, dimensions].
        owner: text index of each sentence, ascending.
        weights: weight of each sentence in its text's mean, 0 to 1; None for 1 each.
    """

    vectors: np.ndarray
    owner: np.ndarray
    weights: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.vectors) != len(self.owner):
            raise ValueError(f"{len(self.owner)} owners for {len(self.vectors)} sentence vectors")
        if (np.diff(self.owner) < 0).any():
            raise ValueError("sentence vectors must be sorted by text")

    def means(self, texts: int) -> np.ndarray:
        """Mean vector of each text, float64 [texts, dimensions]; NaN for a text without a sentence."""
        total = np.bincount(self.owner, self.weights, minlength=texts)
        vectors = self.vectors
        if self.weights is not None:
            vectors = vectors * self.weights[:, None].astype(np.float32)
        found = grouped(vectors, self.owner, texts)
        found /= np.where(total > 0, total, np.nan)[:, None]
        return found

    def restricted(self, keep: np.ndarray) -> SentenceVectors:
        """The vectors of some texts (a mask), renumbered."""
        kept = keep[self.owner]
        place = np.cumsum(keep) - 1
        weights = None if self.weights is None else self.weights[kept]
        return SentenceVectors(self.vectors[kept], place[self.owner[kept]], weights)


@dataclass
class Inputs:
    """The answers of one run to one prompt set, with derived data.

    Args:
        frame: one row per valid answer, sorted by `prompt_id`: `prompt_id`, `text`,
            `completion_tokens`, `finish_reason`, `reference` (the human answer or null),
            `category`.
        token_budget: words; the smallest total of any compared condition.
        likelihood: `prompt_id` and the columns of `likelihood.SCORED` for the human answer
            (`reference_nll`, …), the own one (`own_`, `own_self_`) and, with a scorer, both under
            it (`reference_scorer_`, `own_scorer_`).
        embeddings: sentence vectors of the answers; owners are rows of `frame`.
        unknown: mask of the answers in languages that the encoder does not know, which have no
            sentence vector; None for none.
        reference_embeddings: sentence vectors of the human answers, likewise.
        truth: `prompt_id`, `kind`, `fact`, `value`, `phrasing` of the embedded world's prompts.
        shortest_words: words of the shortest answer by prompt, for prompts that all compared
            conditions answered.
        seed: for the orders in which measures read the answers.
        tokenizer: that of the config, which divides the answers into words; None for the rules.
    """

    frame: pl.DataFrame
    token_budget: int
    likelihood: pl.DataFrame | None = None
    embeddings: SentenceVectors | None = None
    unknown: np.ndarray | None = None
    reference_embeddings: SentenceVectors | None = None
    truth: pl.DataFrame | None = None
    shortest_words: Mapping[str, int] | None = None
    seed: int = 0
    tokenizer: WordTokenizer | None = None
    _shared: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.frame["prompt_id"].is_sorted():
            raise ValueError("frame must be sorted by prompt_id")
        if self.frame["text"].null_count():
            raise ValueError("frame must contain only valid answers; a text is null")
        for each in (self.embeddings, self.reference_embeddings):
            if each is not None and len(each.owner) and each.owner[-1] >= self.frame.height:
                raise ValueError(f"embeddings of {each.owner[-1] + 1} texts or more, for "
                                 f"{self.frame.height} answers")  # fmt: skip

    @property
    def texts(self) -> list[str]:
        """The answers, in the order of `frame`."""
        return self.frame["text"].to_list()

    def available(self) -> set[str]:
        """The available inputs of measures."""
        optional = {
            "likelihood": self.likelihood,
            "embeddings": self.embeddings,
            "reference_embeddings": self.reference_embeddings,
            "truth": self.truth,
            "shortest_words": self.shortest_words,
            "scorer": self._scored(),
        }
        return {"responses", "reference"} | {k for k, v in optional.items() if v is not None}

    def _scored(self) -> pl.DataFrame | None:
        """The likelihoods, if they include those under `scoring.scorer`."""
        scored = self.likelihood is not None and "own_scorer_nll" in self.likelihood.columns
        return self.likelihood if scored else None

    def undivided(self) -> np.ndarray:
        """Mask of the answers whose script the word tokeniser cannot divide into words."""
        divides = self.tokenizer.divides if self.tokenizer else divided
        return self.shared(
            "undivided", lambda: np.array([not divides(text) for text in self.texts], dtype=bool)
        )

    def of_other_script(self) -> np.ndarray:
        """Mask of the answers in another script than the human answer to the same prompt."""

        def compare() -> np.ndarray:
            pairs = zip(self.texts, self.frame["reference"].fill_null(""), strict=True)
            scripts = [(script_of(text), script_of(human)) for text, human in pairs]
            return np.array(
                [None not in each and len(set(each)) > 1 for each in scripts], dtype=bool
            )

        return self.shared("of_other_script", compare)

    def shared(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """A value shared by several measures, computed once."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def restricted(self, prompt_ids: Collection[str]) -> Inputs:
        """The same inputs with only the answers to some prompts; `self` if these are all."""
        wanted = set(prompt_ids)
        keep = np.array([each in wanted for each in self.frame["prompt_id"]], dtype=bool)
        if keep.all():
            return self
        return Inputs(
            frame=self.frame.filter(pl.Series(keep)),
            token_budget=self.token_budget,
            likelihood=self.likelihood,
            embeddings=self.embeddings and self.embeddings.restricted(keep),
            unknown=None if self.unknown is None else self.unknown[keep],
            reference_embeddings=self.reference_embeddings
            and self.reference_embeddings.restricted(keep),
            truth=self.truth,
            shortest_words=self.shortest_words,
            seed=self.seed,
            tokenizer=self.tokenizer,
        )

    def first_of_prompt(self) -> np.ndarray:
        """Whether a row is the first answer to its prompt."""
        return self.frame["prompt_id"].is_first_distinct().to_numpy()

    def prompt_numbers(self) -> np.ndarray:
        """The prompt of each row as a number, 0, 1, … in the order of `frame`."""
        return np.cumsum(self.first_of_prompt()) - 1

    def orders(self, count: int) -> np.ndarray:
        """Random orders of the answers: `[order, row]` is the position of a row.

        They depend only on the seed and the prompts, so that all conditions share them; several
        answers to a prompt stay together.
        """
        prompt = self.prompt_numbers()
        ids = self.frame["prompt_id"].unique().sort().to_list()
        places = np.empty((count, len(prompt)), dtype=np.int64)
        for order in range(count):
            rng = np.random.default_rng(row_seed(self.seed, "order", order, ids))
            rows = np.argsort(rng.permutation(len(ids))[prompt], kind="stable")
            places[order, rows] = np.arange(len(rows))
        return places

    def aligned(self, table: pl.DataFrame, column: str) -> list[Any]:
        """A column of a table of one row per prompt, in the order of `frame`; None if missing."""
        values = dict(zip(table["prompt_id"], table[column], strict=True))
        return [values.get(prompt_id) for prompt_id in self.frame["prompt_id"]]
