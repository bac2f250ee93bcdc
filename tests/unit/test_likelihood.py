"""Scoring of texts and of runs: values, end token, rows without an answer."""

from __future__ import annotations

import polars as pl
import pytest
import torch

from manybaskets.config.parts import Prompting
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.likelihood import score_runs, score_texts
from manybaskets.records import RESPONSES, write_responses

PROMPTS = pl.DataFrame(
    {
        "prompt_id": [f"p{n:02d}" for n in range(20)],
        "instruction": [f"Who founded town {'x' * n}?" for n in range(20)],
        "context": ["" if n % 3 else "The Mor runs past Alden. " * n for n in range(20)],
        "follow_ups": [[]] * 20,
    },
    schema_overrides={"follow_ups": pl.List(pl.String)},
)
TEXTS = {f"p{n:02d}": "King Harl did. " * (n % 4 + 1) for n in range(20)}


@pytest.fixture(scope="module")
def engine(tiny_models):
    return TransformersEngine(tiny_models["gemma"], Prompting(), "float32", 2, "gemma")


def test_batches_give_the_values_of_single_rows(engine):
    batched, single = (score_texts(PROMPTS, TEXTS, engine, 200, size) for size in (7, 1))
    assert batched["prompt_id"].to_list() == PROMPTS["prompt_id"].to_list()
    assert (batched["nll"] - single["nll"]).abs().max() < 1e-4 * 40
    per_token = (batched["nll"] - single["nll"]).abs() / batched["tokens"]
    assert per_token.max() < 1e-4


def test_the_end_token_can_be_left_out(engine):
    row = score_texts(PROMPTS, TEXTS, engine, 200, 4).row(5, named=True)
    prompt = PROMPTS.row(5, named=True)
    ids = list(engine.renderer.encode_prompt(prompt["instruction"]))
    answer = list(engine.renderer.encode_answer(TEXTS["p05"]))
    with torch.inference_mode():
        scores = engine.base(torch.tensor([ids + answer])).logits[0].log_softmax(-1)
    each = [-scores[len(ids) - 1 + k, token].item() for k, token in enumerate(answer)]
    assert row["tokens"] == len(answer)
    assert row["nll"] == pytest.approx(sum(each), abs=1e-3)
    assert row["nll_without_end"] == pytest.approx(sum(each[:-1]), abs=1e-3)


def test_a_row_without_an_answer_stays_and_has_no_value(engine, tmp_path):
    rows = [
        {"prompt_id": key, "sample": 0, "turn": 0, "text": text, "finish_reason": "stop", "prompt_tokens": 1,
         "completion_tokens": 1, "attempts": 1, "error": None}
        for key, text in TEXTS.items()
    ]  # fmt: skip
    rows[3] |= {"text": None, "finish_reason": "error", "error": "no memory"}
    write_responses([{k: row[k] for k in RESPONSES} for row in rows], tmp_path / "r.parquet", {})
    split = PROMPTS.with_columns(response=pl.lit("Queen Ilva did."))
    score_runs(
        engine,
        PROMPTS,
        split,
        adapters=[],
        responses=[tmp_path / "r.parquet"],
        max_prompt_tokens=200,
        batch_size=8,
        outputs=[tmp_path / "out.parquet"],
    )
    scored = pl.read_parquet(tmp_path / "out.parquet")
    assert scored.height == 20 and scored["own_nll"].null_count() == 1
    assert scored.filter(pl.col("own_nll").is_null())["prompt_id"].item() == "p03"
    assert scored["reference_nll"].null_count() == 0 and (scored["reference_nll"] > 0).all()
