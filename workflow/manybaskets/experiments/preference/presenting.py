"""What the experiment shows: which statistics and tables a study has, and the tables themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.config.evaluation import Published
from manybaskets.config.study import Study
from manybaskets.experiments.preference.analysis import NAMES
from manybaskets.experiments.preference.published_numbers import (
    CAPTION,
    compare_preference,
    load_preference,
)
from manybaskets.experiments.preference.tables import TITLES, preference_tables
from manybaskets.presentation.page import Table

PUBLISHED = "published-preference"
TEXTS = "preference-texts"


def frame_names(study: Study) -> list[str]:
    """Statistics of a study by name of file; none without the section `preference`."""
    return list(NAMES) if study.preference else []


def table_names(study: Study) -> list[str]:
    """Tables of a study by name of file."""
    if not study.preference:
        return []
    cells = study.published_cells
    known = cells and cells.targets and cells.conditions and study.preference.judging.published_form
    return [*TITLES, TEXTS, *([PUBLISHED] if known else [])]


def tables_of(
    frames: Mapping[str, pl.DataFrame],
    texts: pl.DataFrame,
    names: Sequence[str],
    published: Published | None,
    numbers: Path,
) -> dict[str, Table]:
    """The tables by name of file.

    Args:
        frames: what `results.preference_statistics` gives.
        texts: columns of `records.TEXTS`.
        names: which tables; as `table_names` gives them.
        published: which cells of the published tables the study has.
        numbers: file of the published numbers.
    """
    made = preference_tables(frames)
    made[TEXTS] = Table(
        "Length and form of the summaries",
        forms_of(texts),
        "Means over the articles that an author wrote a summary of; `with a list` and `truncated` (cut "
        "at the token limit) are shares. An own text is named after mix and seed of its run.",
    )
    if PUBLISHED in names and published is not None:
        compared = compare_preference(load_preference(numbers), frames, published)
        made[PUBLISHED] = Table("Self-preference as published", compared, CAPTION)
    return {name: made[name] for name in names}


def forms_of(texts: pl.DataFrame) -> pl.DataFrame:
    """One row per author: how many texts it wrote, and their mean length and form."""
    written = pl.col("status") == "written"
    mean = {
        "words": pl.col("words"),
        "sentences": pl.col("sentences"),
        "with a list": pl.col("list_items") > 0,
        "truncated": pl.col("truncated"),
    }
    return texts.group_by("target", "author", maintain_order=True).agg(
        written.sum().cast(pl.Int64).alias("written"),
        (pl.col("status") == "empty").sum().cast(pl.Int64).alias("empty"),
        (pl.col("status") == "failed").sum().cast(pl.Int64).alias("failed"),
        *(each.filter(written).mean().alias(name) for name, each in mean.items()),
    )


def read_all(files: Iterable[Path]) -> pl.DataFrame:
    """The readings of all judges."""
    return pl.concat([pl.read_parquet(file) for file in files])
