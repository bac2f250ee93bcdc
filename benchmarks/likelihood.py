"""Batched likelihood scoring against one row at a time: same model, same machine, same values.

    python benchmarks/likelihood.py [--study results/embedded] [--model llama] [--rows 200] [--runs 5]
        [--threads 2]

The reference runs the model on one unpadded row and takes all logits, as the study's scorer did. The
scoring stage runs as it does in the workflow and gives the predictive entropies besides. Prints rows
per second of both, the median ratio of alternating runs, and the largest difference.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import polars as pl  # noqa: E402

from manybaskets.config.evaluation import Scoring  # noqa: E402
from manybaskets.config.models import Prompting  # noqa: E402
from manybaskets.engines.transformers_engine import TransformersEngine  # noqa: E402
from manybaskets.records.responses import PROMPTS  # noqa: E402
from manybaskets.scoring.likelihood import score_texts  # noqa: E402

LONGEST = 200  # tokens of a prompt


def one_by_one(
    engine: TransformersEngine, prompts: pl.DataFrame, texts: dict[str, str]
) -> dict[str, float]:
    """Sum of negative log-likelihoods by prompt, one row at a time."""
    import torch

    from manybaskets.chat import Prompt

    sums = {}
    for row in prompts.iter_rows(named=True):
        prompt = engine.renderer.render(
            Prompt(row["prompt_id"], row["instruction"], row["context"]), LONGEST
        ).ids
        answer = engine.renderer.encode_answer(texts[row["prompt_id"]])
        with torch.inference_mode():
            logits = engine.base(torch.tensor([[*prompt, *answer]])).logits[0].float()
        scores = logits.log_softmax(-1)[len(prompt) - 1 : -1]
        sums[row["prompt_id"]] = -scores.gather(1, torch.tensor(answer)[:, None]).sum().item()
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=ROOT / "results/embedded")
    parser.add_argument("--model", default="llama")
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    rows = pl.read_parquet(arguments.study / "data/split.parquet").head(arguments.rows)
    prompts = rows.select(
        "prompt_id",
        "instruction",
        "context",
        pl.lit([], dtype=PROMPTS["follow_ups"]).alias("follow_ups"),
    )
    texts = dict(rows.select("prompt_id", "response").iter_rows())
    folder = arguments.study / "models" / arguments.model
    engine = TransformersEngine(folder, Prompting(), "float32", arguments.threads, "model")
    ratios, worst = [], 0.0
    for run in range(arguments.runs + 1):  # the first warms up
        start = time.perf_counter()
        single = one_by_one(engine, prompts, texts)
        middle = time.perf_counter()
        batched = score_texts(prompts, texts, engine, LONGEST, Scoring())
        end = time.perf_counter()
        values = batched.select("prompt_id", "nats_with_end").iter_rows()
        worst = max(worst, *(abs(single[key] - value) for key, value in values))
        if run:
            ratios.append((middle - start) / (end - middle))
            rates = [rows.height / (middle - start), rows.height / (end - middle)]
            print(
                f"one by one {rates[0]:.0f} rows/s, batched {rates[1]:.0f} rows/s, ratio {ratios[-1]:.2f}"
            )
    print(
        f"median ratio {statistics.median(ratios):.2f}; largest difference {worst:.2e} nats per answer"
    )
    if worst > 1e-3:
        raise SystemExit("the two do not give the same values")


if __name__ == "__main__":
    main()
