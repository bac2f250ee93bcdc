"""Have a model judge made-up exchanges: `judge_with.py MODEL RUBRIC WORK RESULTS.json`, with vLLM."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl

from manybaskets.config.judges import ModelJudge
from manybaskets.judging.factory import open_judge
from manybaskets.judging.judge_rows import judge_rows
from manybaskets.judging.records import EXCHANGES
from manybaskets.judging.rubrics import read_rubric

RUN = {"target": "t", "mix": "m", "seed": 1}


def main(model: Path, rubric: Path, work: Path, results: Path) -> None:
    """Write status, cause and score of every row, and what the model said."""
    settings = ModelJudge(
        kind="model",
        model="tiny",
        engine={"kind": "vllm", "precision": "float32", "enforce_eager": True},
        sampling={"temperature": 0.9, "top_p": 1.0, "max_new_tokens": 48},
        max_prompt_tokens=200,
        retries=0,
        retest_share=0.0,
    )
    judge = open_judge("tiny", settings, folder=model, threads=2, seed=1)
    rows = [("direct", f"p{number}", 0, "Who?", f"Town {number}.") for number in range(12)]
    frame = pl.DataFrame(rows, schema=EXCHANGES, orient="row")
    judged = judge_rows(judge, read_rubric(rubric), frame, work=work, seed=1, run=RUN)
    journal = next(work.rglob("*.jsonl")).read_text(encoding="utf-8").splitlines()[1:]
    said = [json.loads(line)["text"] for line in journal]
    result = {"rows": judged.select("status", "cause", "score").to_dicts(), "said": said}
    results.write_text(json.dumps(result))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
