"""A study's prompt sets as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.sections import Fields
from manybaskets.data.reading import read_prompts
from manybaskets.records.ids import prompt_ids
from manybaskets.records.responses import PROMPTS
from manybaskets.records.writing import write_table
from manybaskets.world.dataset_rows import make_refused


def write_prompt_sets(
    split: pl.DataFrame,
    prompt_sets: Mapping[str, Mapping[str, Any]],
    *,
    towns: int | None,
    seed: int,
    train: Path,
    sets: Mapping[str, Path],
    long_prompts: Mapping[str, Any],
    long_prompts_of_sets: Mapping[str, Mapping[str, int | None]],
) -> None:
    """Write training (with validation) and test prompts and every prompt set of the config.

    Args:
        split: rows of the stage `split`; only rows in use become prompts.
        prompt_sets: settings by name, as in the config.
        sets: file by name, including `test`.
        long_prompts: counts of the split (`long_prompt_counts`), passed on with the training
            prompts, which keep the whole of a shortened context in `whole_context`.
        long_prompts_of_sets: of the split: by prompt set, which prompts leave or become shorter.
    """
    used = split.filter(pl.col("used"))
    whole = [name for name in used.columns if name == "whole_context"]
    write_table(_prompts(used.filter(pl.col("split") != "test"), whole), train, long_prompts)
    for name, file in sets.items():
        if name == "test":
            frame = used.filter(pl.col("split") == "test")
        elif prompt_sets[name]["kind"] == "refused":
            frame = pl.DataFrame(make_refused(prompt_sets[name]["count"], towns, seed))
            frame = frame.with_columns(prompt_ids(frame))
        else:
            settings = prompt_sets[name]
            frame = read_prompts(
                Path(settings["path"]), Fields(**settings["fields"]), f"prompt_sets.{name}"
            )
        write_table(_fitted(_prompts(frame), long_prompts_of_sets.get(name, {})), file)


def _fitted(prompts: pl.DataFrame, kept: Mapping[str, int | None]) -> pl.DataFrame:
    """The prompts without those of which nothing is kept, and with shorter contexts of others.

    Args:
        kept: characters of context by prompt id.
    """
    if not kept:
        return prompts
    schema = {"prompt_id": pl.String, "characters": pl.Int64}
    known = pl.DataFrame(list(kept.items()), schema=schema, orient="row").with_columns(known=True)
    both = prompts.join(known, on="prompt_id", how="left", maintain_order="left")
    short = pl.col("context").str.head(pl.col("characters")).str.strip_chars()
    return (
        both.filter(pl.col("known").is_null() | pl.col("characters").is_not_null())
        .with_columns(
            context=pl.when(pl.col("characters").is_null()).then("context").otherwise(short)
        )
        .drop("characters", "known")
    )


def _prompts(frame: pl.DataFrame, more: Sequence[str] = ()) -> pl.DataFrame:
    if "follow_ups" not in frame.columns:
        frame = frame.with_columns(follow_ups=pl.lit([], dtype=PROMPTS["follow_ups"]))
    return frame.select(*PROMPTS, *more).sort("prompt_id")
