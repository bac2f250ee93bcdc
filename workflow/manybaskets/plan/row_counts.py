"""Number of rows of a study: counted in files, from the config, or unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from manybaskets.config.data import EmbeddedDataset, FilePromptSet, HubDataset
from manybaskets.config.study import Study
from manybaskets.experiments import StudyRows
from manybaskets.layout import Files

COUNTED, CONFIG, UNKNOWN = "counted", "config", "unknown"


# Questions per conversation if not counted.
PRIOR_TURNS = 2.0


def rows_of(files: Files) -> StudyRows:
    """Rows of a study: from its split if finished, otherwise from the config.

    Cleaning may drop some of the rows given in the config.

    Raises:
        UserError: a user's file cannot be read.
    """
    study = files.study
    if files.data.split().is_file():
        return _counted(files)
    raw = _raw_rows(study)
    share, wanted = study.split, study.split.max_train_prompts
    test = None if raw is None else math.ceil(share.test_share * raw)
    train = wanted if raw is None else min(wanted or raw, raw - test)
    if raw is None and share.max_test_prompts is None:
        test = None
    else:
        test = min(each for each in (test, share.max_test_prompts) if each is not None)
    validation = None if train is None else math.ceil(share.validation_share * train)
    fit = None if train is None else train - validation
    sets = {"test": test} | {name: _set_rows(study, name) for name in study.prompt_sets}
    fields = getattr(study.dataset, "fields", None)
    turns = PRIOR_TURNS if fields is not None and fields.messages else 1.0
    known = train is not None and None not in sets.values()
    return StudyRows(train, fit, validation, sets, turns, CONFIG if known else UNKNOWN)


def _counted(files: Files) -> StudyRows:
    import polars as pl

    study = files.study
    frame = pl.read_parquet(files.data.split(), columns=["split", "used", "follow_ups"]).filter(
        "used"
    )
    sizes = {side: int((frame["split"] == side).sum()) for side in ("train", "validation", "test")}
    train = frame.filter(pl.col("split") != "test")
    turns = 1.0 + (train["follow_ups"].list.len().mean() or 0.0)
    sets: dict[str, int | None] = {"test": sizes["test"]}
    for name in study.prompt_sets:
        made = files.data.prompts(name)
        sets[name] = count_rows(made) if made.is_file() else _set_rows(study, name)
    return StudyRows(train.height, sizes["train"], sizes["validation"], sets, turns, COUNTED)


def _raw_rows(study: Study) -> int | None:
    dataset = study.dataset
    if dataset is None:
        return 0
    if isinstance(dataset, EmbeddedDataset | HubDataset):
        return dataset.rows
    from manybaskets.data.reading import read_rows

    return _if_there(dataset.path, lambda path: read_rows(path, dataset.fields).height)


def _set_rows(study: Study, name: str) -> int | None:
    chosen = study.prompt_sets[name]
    if not isinstance(chosen, FilePromptSet):
        return getattr(chosen, "count", None)
    from manybaskets.data.reading import read_prompts

    return _if_there(chosen.path, lambda path: read_prompts(path, chosen.fields).height)


def _if_there(path: str, count: Callable[[Path], int]) -> int | None:
    return count(Path(path)) if Path(path).is_file() else None


def count_rows(path: Path) -> int:
    """Rows of a Parquet file, from its footer alone."""
    import polars as pl

    return pl.scan_parquet(path).select(pl.len()).collect().item()


def shard_rows(prompts: int | None, shard: int, shards: int) -> int | None:
    """Number of prompts in shard `shard` (from 0) of `shards`."""
    return None if prompts is None else max(0, math.ceil((prompts - shard) / shards))
