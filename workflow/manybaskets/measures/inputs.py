"""What a measure sees of one run and one prompt set."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from manybaskets.records import row_seed


@dataclass
class Inputs:
    """The answers of one run to one prompt set, with what was computed about them.

    Args:
        frame: one row per valid answer, sorted by `prompt_id`: `prompt_id`, `text`,
            `completion_tokens`, `finish_reason`, `reference` (the human answer; null where there
            is none), `category`.
        token_budget: words; the smallest total of any condition that is compared.
        likelihood: `prompt_id`, `reference_nll` and `own_nll` (mean nats per token, the end token
            included), `reference_tokens`, `own_tokens`.
        embeddings: unit vectors, one row per row of `frame`.
        truth: `prompt_id`, `kind`, `fact`, `value`, `phrasing` of the embedded world's prompts.
        shortest_words: by prompt that all compared conditions answered, the words of the shortest
            of their answers.
        seed: of the orders in which measures read the answers.
    """

    frame: pl.DataFrame
    token_budget: int
    likelihood: pl.DataFrame | None = None
    embeddings: np.ndarray | None = None
    truth: pl.DataFrame | None = None
    shortest_words: Mapping[str, int] | None = None
    seed: int = 0
    _shared: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.frame["prompt_id"].is_sorted():
            raise ValueError("frame must be sorted by prompt_id")
        if self.frame["text"].null_count():
            raise ValueError("frame must hold valid answers only; a text is null")
        if self.embeddings is not None and len(self.embeddings) != self.frame.height:
            raise ValueError(f"{len(self.embeddings)} embeddings for {self.frame.height} answers")

    @property
    def texts(self) -> list[str]:
        """The answers, in the order of `frame`."""
        return self.frame["text"].to_list()

    def available(self) -> set[str]:
        """Which needs of measures are met."""
        optional = {
            "likelihood": self.likelihood,
            "embeddings": self.embeddings,
            "truth": self.truth,
            "shortest_words": self.shortest_words,
        }
        return {"responses", "reference"} | {k for k, v in optional.items() if v is not None}

    def shared(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Something that several measures need, made once."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def restricted(self, prompt_ids: Collection[str]) -> Inputs:
        """The same inputs with the answers to some prompts only; `self` where that is all."""
        wanted = set(prompt_ids)
        keep = np.array([each in wanted for each in self.frame["prompt_id"]], dtype=bool)
        if keep.all():
            return self
        return Inputs(
            frame=self.frame.filter(pl.Series(keep)),
            token_budget=self.token_budget,
            likelihood=self.likelihood,
            embeddings=None if self.embeddings is None else self.embeddings[keep],
            truth=self.truth,
            shortest_words=self.shortest_words,
            seed=self.seed,
        )

    def first_of_prompt(self) -> np.ndarray:
        """Whether a row is the first answer to its prompt."""
        return self.frame["prompt_id"].is_first_distinct().to_numpy()

    def orders(self, count: int) -> np.ndarray:
        """Random orders of the answers: `[order, row]` is the place of a row.

        They depend on the seed and the prompts alone, so that all conditions share them; several
        answers to a prompt stay together.
        """
        prompt = np.cumsum(self.first_of_prompt()) - 1
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
