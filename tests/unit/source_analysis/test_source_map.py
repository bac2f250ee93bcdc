"""The map of the sources' answers: who is on it, and that it is the same map again."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from manybaskets.measures.embedding import Vectors, text_key
from manybaskets.records.responses import RESPONSES, write_responses
from manybaskets.source_analysis.map import MAP, place_answers, sampled_answers


def answers(path, texts):
    """Responses to prompts, by prompt."""
    rows = [
        {"prompt_id": prompt, "sample": 0, "turn": 0, "text": text, "finish_reason": "stop"}
        for prompt, text in texts.items()
    ]
    write_responses([dict.fromkeys(RESPONSES) | row for row in rows], path, {})
    return path


@pytest.fixture
def files(tmp_path):
    """Two sources of 30 answers; one of them left the first prompt empty."""
    prompts = [f"p{i:02}-0" for i in range(30)]
    return {
        "qwen": answers(tmp_path / "q.parquet", {p: f"Qwen says {p}." for p in prompts}),
        "llama": answers(
            tmp_path / "l.parquet", {p: f"Llama says {p}." if p != "p00-0" else "" for p in prompts}
        ),
    }


def vectors_of(texts, spread=1.0):
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(len(texts), 8)) * spread
    vectors[:, 0] += [3.0 if text.startswith("Llama") else -3.0 for text in texts]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Vectors(vectors.astype(np.float16), [text_key(text) for text in texts])


def test_the_sample_holds_prompts_that_all_sources_answered(files):
    sample = sampled_answers(files, 10, 42)
    assert sample.height == 20 and sample["prompt_id"].n_unique() == 10
    assert "p00-0" not in sample["prompt_id"].to_list()
    assert sample.equals(sampled_answers(dict(reversed(files.items())), 10, 42))
    assert not sample.equals(sampled_answers(files, 10, 43))
    assert sampled_answers(files, 500, 42)["prompt_id"].n_unique() == 29


def test_the_same_answers_give_the_same_map_and_apart_what_is_apart(files):
    sample = sampled_answers(files, 29, 42)
    vectors = vectors_of(sample["text"].to_list())
    first, second = (place_answers(sample, vectors, 42) for _ in range(2))
    assert first.schema == MAP and first.equals(second)
    assert first.height == 58
    places = first.select("x", "y").to_numpy()
    own = (first["source"] == "llama").to_numpy()
    apart = np.linalg.norm(places[own].mean(axis=0) - places[~own].mean(axis=0))
    within = np.linalg.norm(places[own] - places[own].mean(axis=0), axis=1).mean()
    assert apart > within


def test_the_map_shows_who_answers_and_not_what_is_asked(files):
    """Vectors that hold the prompt and, ten times smaller, the source."""
    sample = sampled_answers(files, 29, 42)
    texts = sample["text"].to_list()
    rng = np.random.default_rng(5)
    of_prompt = {prompt: rng.normal(size=16) for prompt in sorted(set(sample["prompt_id"]))}
    rows = sample.select("prompt_id", "source").rows()
    vectors = np.array([of_prompt[prompt] for prompt, _ in rows]) / 4
    vectors[:, 0] += [0.1 if source == "llama" else -0.1 for _, source in rows]
    vectors += rng.normal(size=vectors.shape) * 0.005
    places = place_answers(sample, Vectors(vectors.astype(np.float16), map(text_key, texts)), 42)
    xy, own = places.select("x", "y").to_numpy(), (places["source"] == "llama").to_numpy()
    nearest = np.linalg.norm(xy[:, None] - xy[None], axis=2) + 1e9 * np.eye(len(xy))
    assert (own[nearest.argmin(axis=1)] == own).mean() > 0.9


def test_answers_without_a_sentence_and_too_few_answers_are_no_points(files):
    sample = sampled_answers(files, 29, 42)
    texts = sample["text"].to_list()
    first = sample["prompt_id"][0]
    blank = sample.with_columns(
        text=pl.when(pl.col("prompt_id") == first).then(pl.lit("…")).otherwise("text")
    )
    assert place_answers(blank, vectors_of(texts), 42)["prompt_id"].n_unique() == 28
    assert place_answers(sample.head(6), vectors_of(texts), 42).height == 0


def test_answers_that_are_all_alike_are_no_map(files):
    sample = sampled_answers(files, 29, 42).with_columns(text=pl.lit("Always the same."))
    vectors = Vectors(np.ones((1, 4), dtype=np.float16) / 2, [text_key("Always the same.")])
    assert place_answers(sample, vectors, 42).height == 0
