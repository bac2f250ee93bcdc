"""The published procedures on the answers of sources to the training prompts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets.jobs.progress import Progress
from manybaskets.names import TRAIN
from manybaskets.published import self_bleu, semantic_distance
from manybaskets.published.entries import (
    Who,
    add_distance,
    add_heaps,
    add_individual,
    answers_of,
    sentences_of_answers,
)
from manybaskets.published.procedure_rows import TRAINING_DATA, Lines
from manybaskets.published.run_procedures import Procedures


def source_procedures(
    sources: Mapping[str, Path], parts: Mapping[int, list[str]], procedures: Procedures
) -> pl.DataFrame:
    """Self-BLEU within answers of each source, Heaps' law and distances of each of its parts.

    The study gives Heaps' law and distances for each part of the training prompts that a model
    answered. Its sample size of sentences is published as "7,000" and, for human answers, as 5,000
    in its code; here all have the same number.

    Args:
        sources: file of answers by source.
        parts: ids of the prompts of every part.

    Returns:
        Rows of the schema `table.PAPER`, with the target `training_data`.
    """
    lines, settings = Lines(TRAIN), procedures.settings
    progress = Progress(len(sources), "sources by the published procedures")
    for source, file in sources.items():
        answers = answers_of(file)
        cut = [self_bleu.eligible_sentences(text, procedures.splitter) for text in answers.texts]
        who = Who(lines, TRAINING_DATA, source, answers.note)
        variant = procedures.variant("individual")
        add_individual(who, variant, cut, settings.source_answers, settings.seed)
        of_parts = {part: answers_of(file, parts[part]) for part in sorted(parts)}
        pools = [
            sentences_of_answers(each.texts, procedures.splitter) for each in of_parts.values()
        ]
        drawn = semantic_distance.samples(pools, settings.source_sentences, settings.seed)
        for (part, each), pool, sample in zip(of_parts.items(), pools, drawn, strict=True):
            who = Who(lines, TRAINING_DATA, source, each.note)
            variant = procedures.variant(f"linear_fit:part{part}")
            add_heaps(who, variant, each.texts, procedures.splitter)
            variant = procedures.variant(f"sentence_pairs:part{part}")
            add_distance(who, variant, sample, len(pool), procedures.encode, procedures.work)
        progress.add(1)
    return lines.frame()


def prompts_of_parts(split: pl.DataFrame) -> dict[int, list[str]]:
    """Ids of the prompts of every part of the training prompts in use."""
    used = split.filter(pl.col("used") & pl.col("part").is_not_null()).sort("prompt_id")
    return {
        int(part): group["prompt_id"].to_list()
        for (part,), group in used.group_by("part", maintain_order=True)
    }
