"""The articles to summarise: reading, checks, counts and seeded sampling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.articles import ArticleFields, HubArticles
from manybaskets.data.raw_tables import RawTable, read_table
from manybaskets.errors import PassingError, UserError
from manybaskets.experiments.preference.schemas import ARTICLES
from manybaskets.records.ids import digest
from manybaskets.records.writing import write_json, write_table
from manybaskets.world.notices import make_notices

KEY = "preference.articles"
RAW = pl.Schema({"article": pl.String, "reference": pl.String})


def read_articles(path: Path, fields: ArticleFields) -> pl.DataFrame:
    """Article and reference of every row of a file, unchanged; null if missing.

    Raises:
        UserError: the file or a column is missing, damaged or not text.
    """
    return _columns(read_table(Path(path), KEY), fields)


def fetch_articles(articles: HubArticles) -> pl.DataFrame:
    """Fetch articles from the Hugging Face Hub; needs the network.

    Raises:
        UserError: they cannot be fetched, or lack a column.
    """
    where = f"{articles.repo}, revision {articles.revision}, split {articles.split}"
    from datasets import load_dataset

    try:
        loaded = load_dataset(
            articles.repo, articles.config, revision=articles.revision, split=articles.split
        )
    except (
        Exception
    ) as error:  # the library raises a dozen exception types for one cause: fetching failed
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise PassingError(
            what=f"the articles could not be fetched ({type(error).__name__}: {reason})",
            where=where,
            expected="a public Hub dataset, or one that you have access to, and a network "
            "connection",
            remedy=f"check `repo`, `config`, `revision` and `split` in {KEY} and this machine's "
            f"access to the Hub, or download the file and set `{KEY}.kind: file`",
        ) from error
    columns = list(loaded.column_names)
    numbers = range(1, len(loaded) + 1)
    return _columns(
        RawTable(where, "row", numbers, columns, lambda name: list(loaded[name])), articles.fields
    )


def embedded_articles(count: int, towns: int, seed: int) -> pl.DataFrame:
    """Notices of the embedded world."""
    try:
        return pl.DataFrame(make_notices(count, towns, seed), schema=RAW)
    except ValueError as error:
        raise UserError(
            what=str(error),
            where="preference.count",
            expected="fewer articles, or more towns",
            remedy="lower `preference.count` or raise `dataset.towns`",
        ) from None


def raw_articles(
    settings: Mapping[str, Any], files: Sequence[Path], *, count: int, towns: int | None, seed: int
) -> pl.DataFrame:
    """Articles and references of any kind, unchanged.

    Args:
        settings: the section `preference.articles`.
        files: the user's file or the fetched file; empty for the embedded world.
        count, towns, seed: for the embedded world's notices.
    """
    if settings["kind"] == "embedded":
        return embedded_articles(count, towns, seed)
    if settings["kind"] == "hub":
        return pl.read_parquet(files[0])
    return read_articles(files[0], ArticleFields(**settings["fields"]))


def _columns(table: RawTable, fields: ArticleFields) -> pl.DataFrame:
    read: dict[str, list[Any]] = {}
    for field, column in (("article", fields.article), ("reference", fields.reference)):
        if column not in table.columns:
            raise UserError(
                what=f"there is no column '{column}'",
                where=table.where,
                expected=f"one of its columns: {', '.join(table.columns)}",
                remedy=f"set `{KEY}.fields.{field}` to one of these columns",
            )
        values = table.values(column)
        for index, value in enumerate(values):
            if value is not None and not isinstance(value, str):
                raise UserError(
                    what=f"column '{column}' contains {type(value).__name__} instead of text",
                    where=table.place(index),
                    expected="a text",
                    remedy=f"convert the values to text, or set `{KEY}.fields.{field}` to a text "
                    "column",
                )
        read[field] = values
    return pl.DataFrame(read, schema=RAW)


def sample_articles(raw: pl.DataFrame, count: int, seed: int, output: Path, counts: Path) -> None:
    """Sample `count` articles by seed, independent of order; write them and the skipped ones.

    Empty articles, articles without a reference, and duplicates are skipped.

    Raises:
        UserError: fewer than `count` are left.
    """
    left: Counter[str] = Counter()
    kept: dict[str, tuple[str, str, str]] = {}
    for article, reference in raw.iter_rows():
        article, reference = (article or "").strip(), (reference or "").strip()
        name = digest("article", article)[:16]
        reason = (
            "empty article" if not article else "no reference" if not reference
            else "article again" if name in kept else None
        )  # fmt: skip
        if reason:
            left[reason] += 1
        else:
            kept[name] = (name, article, reference)
    if len(kept) < count:
        raise UserError(
            what=f"only {len(kept)} articles are usable, but {count} are requested",
            where=f"{KEY}; skipped: {dict(left) or '(none)'}",
            expected=f"at least {count} articles with a reference (`preference.count`)",
            remedy="lower `preference.count`, or provide more articles",
        )
    drawn = sorted(kept, key=lambda name: digest(seed, name))[:count]
    frame = pl.DataFrame([kept[name] for name in sorted(drawn)], schema=ARTICLES, orient="row")
    write_table(frame, output)
    write_json({"read": raw.height, "left_out": dict(left), "used": frame.height}, counts)
