"""Answers of several sources to the prompts that all of them answered."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.records.ids import digest
from manybaskets.records.responses import valid_answers
from manybaskets.statistics.clusters import cluster_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SharedAnswers:
    """One answer of every source to each of the same prompts.

    Attributes:
        prompt_ids: sorted.
        texts: by source, in the order of `prompt_ids`.
        asked: prompts for which any source has a row.
        shared: prompts that every source answered; `prompt_ids` may be a sample of them.
    """

    prompt_ids: list[str]
    texts: dict[str, list[str]]
    asked: int
    shared: int

    @property
    def sources(self) -> list[str]:
        """The sources in the given order."""
        return list(self.texts)

    @property
    def unshared(self) -> int:
        """Number of prompts without a valid answer from every source."""
        return self.asked - self.shared


def share_answers(
    answers: Mapping[str, Mapping[str, str]], asked: int, prompts: int | None, seed: int
) -> SharedAnswers:
    """Keep the prompts that all sources answered, or a seeded sample of `prompts` of them.

    The sample depends only on the seed and the prompt ids. A larger sample contains the smaller
    ones.

    Args:
        answers: text by source and prompt id.
        asked: number of prompts asked.
        prompts: maximum number of prompts; None for all.
        seed: the study's seed.
    """
    shared = set.intersection(*map(set, answers.values())) if answers else set()
    ranked = sorted(shared, key=lambda each: (digest(seed, "shared answers", each), each))
    chosen = sorted(ranked[:prompts])
    texts = {name: [text_of[each] for each in chosen] for name, text_of in answers.items()}
    return SharedAnswers(chosen, texts, asked=asked, shared=len(shared))


def read_shared(files: Mapping[str, Path], prompts: int | None, seed: int) -> SharedAnswers:
    """The shared answers of sources, from their responses files.

    Failed, empty and blank answers do not count. Only the first sample and the first answer of a
    conversation are used.
    """
    answers, prompt_ids = {}, set()
    for name, file in files.items():
        prompt_ids.update(pl.read_parquet(file, columns=["prompt_id"])["prompt_id"])
        answered = valid_answers(file).filter(pl.col("text").str.strip_chars() != "")
        first = answered.unique("prompt_id", keep="first", maintain_order=True)
        answers[name] = dict(first.select("prompt_id", "text").iter_rows())
    common = share_answers(answers, len(prompt_ids), prompts, seed)
    log.info(
        "%d of %d prompts have a valid answer from all %d sources; using %d of them",
        common.shared,
        common.asked,
        len(common.sources),
        len(common.prompt_ids),
    )
    return common


def text_codes(prompt_ids: Sequence[str]) -> np.ndarray:
    """A number for each prompt, equal for prompts with the same text."""
    texts = cluster_of(pl.Series(prompt_ids, dtype=pl.String))
    return np.unique(texts.to_numpy(), return_inverse=True)[1]
