"""Inputs of the tests of the published procedures."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.config.evaluation import PublishedProcedures
from manybaskets.published.splitting import Splitter, open_splitter
from manybaskets.records.responses import write_responses

UNTRAINED = PublishedProcedures(splitter="untrained")
_WORDS = ["the", "a", "river", "town", "miller", "bread", "old", "new", "sings", "walks"]
_WORDS += ["quickly", "never", "Maria", "Dr.", "U.S.", "3", "12,000"]


def splitter() -> Splitter:
    """The splitter that needs no download."""
    return open_splitter(UNTRAINED)


def answer(rng: random.Random, sentences: int) -> str:
    """A made-up answer of some sentences, in which Markdown occurs."""
    made = []
    for number in range(sentences):
        words = " ".join(rng.choices(_WORDS, k=rng.randint(2, 11)))
        made.append(rng.choice(["", "", "* ", f"{number + 1}. ", "**"]) + f"{words.capitalize()}.")
    return rng.choice([" ", "\n"]).join(made)


def answers(count: int, seed: int) -> list[str]:
    """Made-up answers of one to eight sentences."""
    rng = random.Random(seed)
    return [answer(rng, rng.randint(1, 8)) for _ in range(count)]


def fake_vectors(sentences: Sequence[str]) -> np.ndarray:
    """A vector per sentence that depends on the sentence alone, float32 [sentences, 16]."""
    seeds = [int(hashlib.sha256(each.encode()).hexdigest()[:8], 16) for each in sentences]
    made = [np.random.default_rng(seed).normal(0.4, 1.0, 16) for seed in seeds]
    return np.array(made, dtype=np.float32).reshape(len(sentences), 16)


def write_answers(texts: Sequence[str | None], path: Path) -> Path:
    """A file of responses; None is a failed one. Prompts are numbered in the order of the texts."""
    rows = [
        {
            "prompt_id": f"{place:05d}",
            "sample": 0,
            "turn": 0,
            "text": text,
            "finish_reason": "error" if text is None else "stop",
            "attempts": 1,
        }
        for place, text in enumerate(texts)
    ]
    write_responses(rows, path, {})
    return path


def write_perplexities(
    human: Sequence[float | None], own: Sequence[float | None], path: Path
) -> Path:
    """A likelihood file with the columns that the procedures read."""
    ids = [f"{place:05d}" for place in range(len(human))]
    columns = {"reference_ppl_paper": pl.Series(human, dtype=pl.Float64)}
    columns |= {"own_ppl_paper": pl.Series(own, dtype=pl.Float64)}
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"prompt_id": ids, **columns}).write_parquet(path)
    return path
