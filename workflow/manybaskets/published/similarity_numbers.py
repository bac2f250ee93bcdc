"""Compare the similarity of sources' answers with the values reported for WILDCHAT-50M."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.published.printed_digits import digit_agreement

PUBLISHED_SIMILARITY_SCHEMA = pl.Schema(
    {
        "metric": pl.String,
        "source": pl.String,
        "row": pl.String,  # the published table's name of the source
        "reported": pl.Float64,
        "reproduced": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "difference": pl.Float64,  # reproduced − reported
        "agreement": pl.String,  # to which digits: `printed_digits.digit_agreement`
        "within": pl.String,
        "n_prompts": pl.Int64,
    }
)
_TABLE = "T5"
_METRICS = {"rouge_1": "avg_rouge1", "rouge_l": "avg_rougeL", "meteor": "avg_meteor"}


def load_similarity(path: Path) -> dict[tuple[str, str], str]:
    """The published values, with their digits, by row and our name of the metric."""
    ours = {theirs: name for name, theirs in _METRICS.items()}
    frame = pl.read_csv(path, infer_schema=False).filter(pl.col("table") == _TABLE)
    return {
        (row["row"], ours[row["column"]]): row["value"]
        for row in frame.to_dicts()
        if row["column"] in ours
    }


def compare_similarity(
    reported: Mapping[tuple[str, str], str], found: pl.DataFrame, rows: Mapping[str, str]
) -> pl.DataFrame:
    """Every source that is also in the published table, in the order of the study.

    Its schema is `PUBLISHED_SIMILARITY_SCHEMA`.

    Args:
        reported: result of `load_similarity`.
        found: metric, source, value, low, high, n_prompts.
        rows: published row by source.
    """
    lines = []
    for row in found.to_dicts():
        name = rows.get(row["source"])
        printed = reported.get((name, row["metric"])) if name else None
        if printed is None or row["value"] is None:
            continue
        theirs = float(printed)
        known = row["low"] is not None and row["high"] is not None
        within = ("yes" if row["low"] <= theirs <= row["high"] else "no") if known else None
        lines.append(
            {key: row[key] for key in ("metric", "source", "low", "high", "n_prompts")}
            | {"row": name, "reported": theirs, "reproduced": row["value"], "within": within}
            | {
                "difference": row["value"] - theirs,
                "agreement": digit_agreement(printed, row["value"]),
            }
        )
    return pl.DataFrame(lines, schema=PUBLISHED_SIMILARITY_SCHEMA)


def check_similarity(study: Study, path: Path) -> None:
    """Check before a run that the rows named in the config exist and their sources are compared.

    Raises:
        UserError: a source is not analysed, or a row is not in the published table.
    """
    named = study.published_cells.similarity if study.published_cells else {}
    if not named:
        return
    described = study.analysed_sources()
    rows = sorted({row for row, _ in load_similarity(path)})
    for source, row in named.items():
        for name, known, kind in (
            (source, described, "sources listed in `source_analysis`"),
            (row, rows, f"rows of table {_TABLE}"),
        ):
            if name not in known:
                raise UserError(
                    what=f"'{name}' is not one of the {kind}",
                    where=f"published_cells.similarity.{source}",
                    expected=f"one of: {', '.join(known) or '(there are none)'}",
                    remedy="use one of these names, or remove this line",
                )
