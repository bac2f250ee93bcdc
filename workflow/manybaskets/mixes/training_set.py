"""A mix as files: its rows for training and validation, and its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.mixes import Mix
from manybaskets.mixes import eligibility
from manybaskets.mixes.assignment import assign
from manybaskets.mixes.mix_checks import check_same_prompts, count_mix, ids_by_split
from manybaskets.mixes.mix_rows import build_mix, write_mix
from manybaskets.records.writing import write_text


def write_training_set(
    name: str,
    recipe: Mix,
    *,
    split: pl.DataFrame,
    eligible: pl.DataFrame,
    lengths: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    targets: Sequence[str],
    system_prompt: str,
    seed: int,
    outputs: Mapping[str, Path],
) -> None:
    """Build a mix, check that it contains exactly the shared prompts, and write it.

    Args:
        eligible: result of `mixes.eligibility`, with the column `context_characters`.
        outputs: files `train`, `validation` (JSONL) and `counts` (CSV).
    """
    prompts = eligibility.training_prompts(split).join(
        eligible.select("prompt_id", "context_characters"), on="prompt_id", how="left"
    )
    # Assigned after removing ineligible prompts, so that weights hold exactly.
    kept = prompts.join(eligible.filter("eligible"), on="prompt_id", how="semi")
    assignment = assign(kept, recipe, name, seed)
    rows = build_mix(prompts, eligible, assignment, responses, system_prompt)
    check_same_prompts(
        {
            "prompts answered by all sources": ids_by_split(kept.iter_rows(named=True)),
            name: ids_by_split(rows),
        },
        split.filter(pl.col("split") == "test")["prompt_id"].to_list(),
    )
    for side in ("train", "validation"):
        write_mix([row for row in rows if row["split"] == side], outputs[side])
    counts = [
        count_mix(rows, lengths, target).with_columns(target=pl.lit(target)) for target in targets
    ]
    write_text(pl.concat(counts).write_csv(), outputs["counts"])
