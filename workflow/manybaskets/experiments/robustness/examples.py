"""A page of examples in the restricted folder, if enabled in the config."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import polars as pl

from manybaskets.records.ids import row_seed
from manybaskets.records.responses import read_responses
from manybaskets.records.writing import write_text

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
    runs: Sequence[tuple[str, str, int]],
    targets: Sequence[str],
    prompt_sets: Sequence[str],
    *,
    prompts: Sequence[str],
    responses: Sequence[str],
    judged: Sequence[str],
    count: int,
    seed: int,
    output: Path,
) -> None:
    """Write `count` examples per prompt set and run, escaped and truncated, with their scores.

    Args:
        runs: target, mix and training seed.
        prompts: files by target, then set; responses: by run, then set.
        judged: files by run, then judge.
    """
    sets, judges = len(prompt_sets), len(judged) // len(runs)
    asked = {
        (target, name): file
        for (target, name), file in zip(product(targets, prompt_sets), prompts, strict=True)
    }
    blocks = []
    for place, (target, mix, training_seed) in enumerate(runs):
        blocks.append(f"<h2>{html.escape(f'{target}, {mix}, seed {training_seed}')}</h2>")
        own = judged[place * judges : (place + 1) * judges]
        scores = pl.concat([pl.read_parquet(file) for file in own])
        said = responses[place * sets : (place + 1) * sets]
        for name, file in zip(prompt_sets, said, strict=True):
            rows = pl.read_parquet(asked[target, name]).join(
                read_responses(Path(file)), on="prompt_id", how="inner"
            )
            keys = [row_seed(seed, "examples", each) for each in rows["prompt_id"]]
            chosen = rows.with_columns(rank=pl.Series(keys, dtype=pl.Int64)).sort("rank", "sample")
            for row in chosen.head(count).iter_rows(named=True):
                blocks.append(_example(name, row, scores))
    write_text(_PAGE.format(body="\n".join(blocks)), output)


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
