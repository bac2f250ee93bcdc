"""Generation through the journal: resumed runs give the bytes of undisturbed ones."""

from __future__ import annotations

import polars as pl
import pytest

from manybaskets.config.parts import Prompting, Sampling
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.generation import answer_prompts, collect_shards, shard_of
from manybaskets.records import read_metadata, read_responses


@pytest.fixture(scope="module")
def prompts() -> pl.DataFrame:
    texts = [
        f"Who founded town number {number}{' and why' * (number % 4)}?" for number in range(22)
    ]
    ids = [f"p{number:02d}" for number in range(22)]
    return pl.DataFrame({"prompt_id": ids, "instruction": texts, "context": [""] * 22})


@pytest.fixture(scope="module")
def engine(tiny_models):
    return TransformersEngine(tiny_models["qwen"], Prompting(), "float32", 2, "qwen")


def answer(engine, prompts, folder, output, *, temperature=0.7, samples=1):
    answer_prompts(
        prompts,
        engine,
        who="qwen",
        sampling=Sampling(temperature=temperature, max_new_tokens=8),
        samples=samples,
        batch_size=4,
        max_prompt_tokens=200,
        max_error_share=0.0,
        study_seed=1,
        work=folder,
        output=output,
    )


class Interrupted(Exception):
    pass


def interrupt_after(engine, monkeypatch, batches: int) -> None:
    whole, calls = engine.generate, []

    def generate(batch, sampling):
        calls.append(1)
        if len(calls) > batches:
            raise Interrupted
        return whole(batch, sampling)

    monkeypatch.setattr(engine, "generate", generate)


def test_an_interrupted_shard_resumes_to_the_same_bytes(engine, prompts, tmp_path, monkeypatch):
    answer(engine, prompts, tmp_path / "a", tmp_path / "whole.parquet")
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_after(engine, patch, 3)
        answer(engine, prompts, tmp_path / "b", tmp_path / "resumed.parquet")
    assert not (tmp_path / "resumed.parquet").exists()
    # A torn batch: some of its rows are there, some are not.
    journal = next((tmp_path / "b").glob("*.jsonl"))
    lines = journal.read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 3 * 4
    journal.write_text("".join(lines[:-2]) + lines[-1][:9])
    answer(engine, prompts, tmp_path / "b", tmp_path / "resumed.parquet")
    assert (tmp_path / "resumed.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_a_finished_shard_is_not_made_again(engine, prompts, tmp_path, monkeypatch):
    answer(engine, prompts, tmp_path / "w", tmp_path / "one.parquet")
    interrupt_after(engine, monkeypatch, 0)
    answer(engine, prompts, tmp_path / "w", tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_changed_sampling_reuses_no_row(engine, prompts, tmp_path, monkeypatch):
    answer(engine, prompts, tmp_path / "w", tmp_path / "one.parquet")
    interrupt_after(engine, monkeypatch, 0)
    with pytest.raises(Interrupted):
        answer(engine, prompts, tmp_path / "w", tmp_path / "two.parquet", temperature=0.8)


def test_shards_together_are_every_prompt_once(engine, prompts, tmp_path):
    paths = []
    for shard in range(3):
        paths.append(tmp_path / f"{shard}.parquet")
        answer(engine, shard_of(prompts, shard, 3), tmp_path / f"w{shard}", paths[-1])
    collect_shards(paths, prompts, 0.0, tmp_path / "all.parquet")
    collected = read_responses(tmp_path / "all.parquet")
    assert collected["prompt_id"].to_list() == prompts["prompt_id"].to_list()
    made = read_metadata(tmp_path / "all.parquet")
    assert made["model"] == "qwen" and made["sampling"]["temperature"] == 0.7
    assert made["template"] == engine.renderer.template_hash
    with pytest.raises(UserError, match="prompts are not answered"):
        collect_shards(paths[:2], prompts, 0.0, tmp_path / "few.parquet")
    with pytest.raises(UserError, match="doubled"):
        collect_shards([*paths, paths[0]], prompts, 0.0, tmp_path / "many.parquet")


def test_several_samples_have_seeds_of_their_own(engine, prompts, tmp_path):
    answer(engine, prompts, tmp_path / "w", tmp_path / "out.parquet", samples=2)
    by_sample = read_responses(tmp_path / "out.parquet").partition_by("sample", as_dict=True)
    first, second = (by_sample[(sample,)].sort("prompt_id")["text"] for sample in (0, 1))
    assert (first != second).sum() > 15
