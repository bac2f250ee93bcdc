"""The dataset card of a mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.cards.origins import Origin, _dataset_licence, _made_by, _origin_licence
from manybaskets.cards.rendering import _ROWS_AT_A_TIME, _header, _lengths, _template, _write_rows
from manybaskets.config.mixes import read_mix_settings
from manybaskets.jobs.provenance import git_commit
from manybaskets.mixes.mix_rows import read_mix
from manybaskets.records.responses import FITTED
from manybaskets.records.writing import write_text

MIX_ROWS = pl.Schema(
    {
        "messages": pl.List(pl.Struct({"role": pl.String, "content": pl.String})),
        "prompt_id": pl.String,
        "source": pl.String,
        "sample": pl.Int32,
        "part": pl.Int32,
        "split": pl.String,
    }
)


def write_mix_card(
    name: str,
    origins: Sequence[Origin],
    *,
    study: str,
    dataset: Mapping[str, Any],
    recipe: Mapping[str, Any],
    system_prompt: str,
    seed: int,
    splits: Mapping[str, Path],
    counts: Path,
    lengths: pl.DataFrame,
    long_prompts: Mapping[str, Mapping[str, int]],
    rows: Mapping[str, Path],
    card: Path,
) -> None:
    """Write the rows of a mix as Parquet and their card.

    Args:
        origins: the mix's sources in config order.
        study: name of the study.
        dataset: result of `dataset_settings`.
        recipe: the mix's section of the config.
        splits: JSON lines of `train` and `validation`.
        counts: counts of `mixes.describe` for every target.
        lengths: `prompt_id, source, target, answer_tokens, control_text`, for all targets.
        long_prompts: as `records.responses.long_prompt_counts`.
        rows: Parquet files of `train` and `validation` to write; the card is written to the same
            folder.

    Raises:
        UserError: a line of the mix is damaged.
    """
    settings = read_mix_settings(recipe)
    texts: list[tuple[str, str, int, int]] = []
    for split, file in splits.items():
        conversations = read_mix(file)
        _write_rows(_mix_chunks(conversations), MIX_ROWS, rows[split])
        texts += map(_measured, conversations)
    columns = ("prompt_id", "source", "characters", "words")
    frame = pl.DataFrame(texts, schema=columns, orient="row")
    tokens = frame.join(lengths, on=["prompt_id", "source"])
    names = dict.fromkeys(("split", "source", "target"), pl.String)
    counted = pl.read_csv(counts, schema_overrides=names)
    text = _template("mix_card.md.j2").render(
        header=_header(
            f"Training set {name} ({study})",
            origins,
            dataset,
            frame.height,
            {split: file.name for split, file in rows.items()},
        ),
        name=name,
        study=study,
        recipe=settings.about,
        notes=settings.notes_on_sources(),
        origins=[(origin, _made_by(origin)) for origin in origins],
        system=system_prompt,
        counts=_by_source(counted),
        long_prompts=long_prompts.get(FITTED),
        tokens=counted.group_by("target", "split", maintain_order=True)
        .agg(pl.col("prompt_tokens", "answer_tokens").sum())
        .iter_rows(named=True),
        control_text=_control_text(tokens),
        lengths=_lengths(
            {"characters": frame["characters"], "words": frame["words"]}
            | {
                f"tokens of {target}": rows["answer_tokens"]
                for (target,), rows in tokens.group_by("target", maintain_order=True)
            }
        ),
        licences=[_dataset_licence(dataset), *map(_origin_licence, origins)],
        seed=seed,
        folder=card.parent.as_posix(),
        files=[card.name, *(file.name for file in rows.values())],
        commit=git_commit(),
    )
    write_text(text, card)


def _mix_chunks(rows: Sequence[Mapping[str, Any]]) -> Iterable[pl.DataFrame]:
    remaining = iter(rows)
    while rows := list(islice(remaining, _ROWS_AT_A_TIME)):
        yield pl.DataFrame(rows, schema=MIX_ROWS)


def _measured(row: Mapping[str, Any]) -> tuple[str, str, int, int]:
    said = [turn["content"] for turn in row["messages"] if turn["role"] == "assistant"]
    words = sum(len(text.split()) for text in said)
    return row["prompt_id"], row["source"], sum(map(len, said)), words


def _control_text(tokens: pl.DataFrame) -> list[tuple[str, int]]:
    """Rows that spell a control token, by target; targets whose rows were not checked are left out."""
    checked = tokens.filter(pl.col("control_text").is_not_null())
    counted = checked.group_by("target", maintain_order=True).agg(pl.col("control_text").sum())
    return counted.rows()


def _by_source(counted: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows and shares by split and source, equal for all targets."""
    rows = counted.unique(["split", "source"], keep="first", maintain_order=True)
    return rows.select("split", "source", "rows", "share").rows(named=True)
