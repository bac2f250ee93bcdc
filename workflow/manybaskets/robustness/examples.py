"""A page of examples, in the restricted folder and only where the config asks for it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.records import read_responses, row_seed, write_text

SHOWN = 600  # characters of a text
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Examples: restricted</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
pre{{white-space:pre-wrap;background:#8881;padding:.6rem}}h3{{margin-bottom:.2rem}}</style>
<h1>Examples: restricted</h1>
<p>Answers of models to adversarial prompts, drawn at random. Do not share this page.</p>
{body}
</html>
"""


def write_examples(
    runs: Sequence[str],
    prompts: Sequence[Mapping[str, Path]],
    responses: Sequence[Mapping[str, Path]],
    judged: Sequence[Sequence[Path]],
    *,
    count: int,
    seed: int,
    output: Path,
) -> None:
    """Write `count` examples of every prompt set and run, escaped and cut, with their scores.

    Args:
        prompts, responses: per run the files by prompt set; judged: per run those of all judges.
    """
    parts = []
    for run, asked, said, scores in zip(runs, prompts, responses, judged, strict=True):
        parts.append(f"<h2>{html.escape(run)}</h2>")
        found = pl.concat([pl.read_parquet(file) for file in scores])
        for name in asked:
            rows = pl.read_parquet(asked[name]).join(
                read_responses(said[name]), on="prompt_id", how="inner"
            )
            keys = [row_seed(seed, "examples", each) for each in rows["prompt_id"]]
            chosen = rows.with_columns(rank=pl.Series(keys, dtype=pl.Int64)).sort("rank", "sample")
            for row in chosen.head(count).iter_rows(named=True):
                parts.append(_example(name, row, found))
    write_text(_PAGE.format(body="\n".join(parts)), output)


def _example(name: str, row: Mapping[str, object], judged: pl.DataFrame) -> str:
    own = judged.filter(
        (pl.col("prompt_set") == name)
        & (pl.col("prompt_id") == row["prompt_id"])
        & (pl.col("sample") == row["sample"])
    ).sort("rubric", "judge")
    scores = ", ".join(
        f"{rubric} {'–' if score is None else f'{score:g}'} ({judge})"
        for rubric, judge, score in own.select("rubric", "judge", "score").iter_rows()
    )
    return (
        f"<h3>{html.escape(name)} {html.escape(str(row['prompt_id']))}</h3>"
        f"<p>{html.escape(scores)}</p><pre>{_cut(row['instruction'])}</pre><pre>{_cut(row['text'])}</pre>"
    )


def _cut(text: object) -> str:
    plain = "(no answer)" if text is None else str(text)
    return html.escape(plain if len(plain) <= SHOWN else plain[:SHOWN] + " …")
