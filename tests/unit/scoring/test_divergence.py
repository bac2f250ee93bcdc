"""Divergence of distributions: values, which runs are compared, contexts, intervals, sentences."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from tiny_adapters import make_adapters

from manybaskets.config.models import Prompting
from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.errors import UserError
from manybaskets.report.divergence import divergence_findings, divergence_table
from manybaskets.scoring.divergence import (
    DIVERGENCE,
    PER_PROMPT,
    UNTUNED,
    Compared,
    comparisons_of,
    contexts,
    divergences,
    summarise_divergences,
)

MIXES = {"human": "human", "single-a": "single", "single-b": "single", "multi": "multi"}
SEEDS = {name: [1, 2] for name in MIXES}
COUNT = 12
PROMPTS = pl.DataFrame(
    {
        "prompt_id": [f"p{n:02d}-0" for n in range(COUNT)],
        "instruction": [f"Who founded town {'x' * n}?" for n in range(COUNT)],
        "context": [""] * COUNT,
        "follow_ups": [[]] * COUNT,
    },
    schema_overrides={"follow_ups": pl.List(pl.String)},
)
SPLIT = PROMPTS.with_columns(
    response=pl.concat_str(pl.lit("Queen Ilva did "), "instruction"),
)


@pytest.fixture(scope="module")
def engine(tiny_models):
    return TransformersEngine(tiny_models["llama"], Prompting(), "float32", 1, "llama")


@pytest.fixture(scope="module")
def adapters(tiny_models, tmp_path_factory):
    """Two adapters; the second has the head adapted, too."""
    folder = tmp_path_factory.mktemp("adapters")
    with_head = ("q_proj", "v_proj", "lm_head")
    return [
        *make_adapters(tiny_models["llama"], folder, [1]),
        *make_adapters(tiny_models["llama"], folder, [2], with_head),
    ]


@pytest.fixture(scope="module")
def texts(engine):
    return contexts(PROMPTS, SPLIT, engine, 200, COUNT, seed=1)


class Given:
    """An engine whose logits are given: [run, position, vocabulary] for one row after the other."""

    torch = torch

    def __init__(self, logits, lengths):
        self.given, self.run = torch.tensor(logits), 0
        self.start = dict(zip(lengths, np.cumsum([0, *lengths.values()]).tolist(), strict=False))

    def use_adapter(self, folder):
        self.run = folder

    def answer_states(self, pairs):
        places = [self.start[prompt] + k for prompt, answer in pairs for k in range(len(answer))]
        return torch.tensor(places)

    def logits(self, states):
        return self.given[self.run][states]

    def chunks(self, positions, cells):
        size = max(1, cells // self.given.shape[2])
        return [slice(start, start + size) for start in range(0, positions, size)]


def answers(*lengths):
    """Prompts that are told apart by their tokens, with answers of these lengths."""
    return {f"p{n}": ((n,), (0,) * length) for n, length in enumerate(lengths)}


def probabilities(logits):
    weights = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def by_key(frame):
    keys = ["first", "first_seed", "second", "second_seed", "prompt_id"]
    return {tuple(row[key] for key in keys): row["value"] for row in frame.iter_rows(named=True)}


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32, (3, 7, 5), elements=st.one_of(st.floats(-300, 300, width=32), st.just(-np.inf))
    ),
    st.integers(1, 60),
    st.integers(1, 12),
)
def test_the_value_is_the_mean_of_scipys_over_positions(logits, cells, tokens):
    logits[..., 0] = np.clip(logits[..., 0], -300, 300)  # something is always possible
    texts = answers(4, 1, 2)
    engine = Given(logits, {prompt: len(answer) for prompt, answer in texts.values()})
    runs = {("a", 1): 0, ("b", 1): 1, ("c", 2): 2}
    compared = [Compared("mixes", first, second) for first in runs for second in runs]
    found = by_key(divergences(engine, texts, runs, compared, tokens, cells))
    p = probabilities(logits)
    bounds = {"p0": (0, 4), "p1": (4, 5), "p2": (5, 7)}
    for (first, one, second, other, prompt_id), value in found.items():
        wanted = [
            jensenshannon(p[runs[first, one]][place], p[runs[second, other]][place], 2) ** 2
            for place in range(*bounds[prompt_id])
        ]
        assert value == pytest.approx(np.nan_to_num(wanted).mean(), abs=3e-6)
        assert 0.0 <= value <= 1.0 + 1e-6
        assert value == pytest.approx(found[second, other, first, one, prompt_id], abs=1e-6)
        assert value == 0.0 or first != second


def test_runs_of_a_model_against_an_explicit_loop(engine, adapters, texts):
    runs = {UNTUNED: None, ("a", 1): adapters[0], ("b", 1): adapters[1]}
    compared = [Compared("mixes", UNTUNED, ("a", 1)), Compared("mixes", ("a", 1), ("b", 1))]
    frame = divergences(engine, texts, runs, compared, 300)
    assert frame.columns == PER_PROMPT.names()[1:] and frame.height == 2 * COUNT
    found = by_key(frame)
    for prompt_id, (prompt, answer) in list(texts.items())[:4]:
        predicted = {}
        for run, folder in runs.items():
            engine.use_adapter(folder)
            with torch.inference_mode():
                logits = engine.model(torch.tensor([[*prompt, *answer]])).logits[0]
            predicted[run] = probabilities(logits[len(prompt) - 1 : -1].numpy())
        for each in compared:
            p, q = predicted[each.first], predicted[each.second]
            wanted = np.mean([jensenshannon(x, y, 2) ** 2 for x, y in zip(p, q, strict=True)])
            value = found[*each.first, *each.second, prompt_id]
            assert value == pytest.approx(wanted, abs=1e-5) and value > 1e-3
            tokens = frame.filter(pl.col("prompt_id") == prompt_id)["tokens"].unique().to_list()
            assert tokens == [len(answer)]
    engine.use_adapter(None)


def test_the_same_adapter_is_at_no_distance_and_batches_and_chunks_mean_nothing(
    engine, adapters, texts
):
    runs = {("a", 1): adapters[0], ("a", 2): adapters[0], ("b", 1): adapters[1]}
    compared = [Compared("seeds", ("a", 1), ("a", 2)), Compared("mixes", ("a", 1), ("b", 1))]
    whole = divergences(engine, texts, runs, compared, 100_000)
    assert set(whole.filter(kind="seeds")["value"]) == {0.0}
    backwards = dict(reversed(texts.items()))
    parts = divergences(engine, backwards, runs, compared, 50, 10 * engine.vocabulary)
    assert parts.drop("value").equals(whole.drop("value"))
    assert np.allclose(parts["value"], whole["value"], atol=1e-5)
    assert divergences(engine, backwards, runs, compared, 100_000).equals(whole)


def test_which_runs_are_compared():
    found = comparisons_of(MIXES, SEEDS)
    mixes = {(each.first[0], each.second[0]) for each in found if each.kind == "mixes"}
    assert mixes == {
        ("multi", "single-a"), ("multi", "single-b"), ("multi", "human"),
        ("human", "single-a"), ("human", "single-b"),
        *(("vanilla", mix) for mix in MIXES),
    }  # fmt: skip
    for each in found:
        if each.kind == "seeds":
            assert each.first[0] == each.second[0] and each.first[1] < each.second[1]
        elif each.first != UNTUNED:
            assert each.first[1] == each.second[1]
    assert sum(each.kind == "seeds" for each in found) == len(MIXES)
    assert len(found) == len(set(found)) == 5 * 2 + 4 * 2 + 4


def test_mixes_with_other_seeds_are_paired_by_place_and_one_seed_has_no_floor():
    kinds = {"multi": "multi", "single": "single"}
    found = comparisons_of(kinds, {"multi": [1, 2, 3], "single": [7]})
    assert [each for each in found if each.second[0] == "single" and each.first != UNTUNED] == [
        Compared("mixes", ("multi", 1), ("single", 7))
    ]
    assert {each.first[0] for each in found if each.kind == "seeds"} == {"multi"}


def test_contexts_are_a_seeded_sample_of_different_texts(engine):
    repeated = PROMPTS.with_columns(
        prompt_id=pl.Series([f"p{n // 2}-{n % 2}" for n in range(COUNT)])
    )
    split = repeated.with_columns(
        response=pl.when(pl.col("prompt_id").str.starts_with("p0")).then(None).otherwise(
            pl.lit("She did."))
    )  # fmt: skip
    chosen = contexts(repeated, split, engine, 200, 3, seed=1)
    assert len(chosen) == 3 and len({key[:2] for key in chosen}) == 3
    everything = contexts(repeated, split, engine, 200, 99, seed=1)
    assert {key[:2] for key in everything} == {"p1", "p2", "p3", "p4", "p5"}
    assert set(chosen) <= set(everything)
    order = list(range(COUNT))
    random.Random(1).shuffle(order)
    assert set(contexts(repeated[order], split[order], engine, 200, 3, seed=1)) == set(chosen)
    others = [set(contexts(repeated, split, engine, 200, 3, seed=seed)) for seed in range(2, 8)]
    assert any(other != set(chosen) for other in others)
    with pytest.raises(UserError, match="no test prompt has a human answer"):
        contexts(repeated, split.with_columns(response=pl.lit(" ")), engine, 200, 3, seed=1)


def per_prompt(rng, first, second, seeds, prompts=30, kind="mixes", level=0.1):
    return [
        {"model": "m", "kind": kind, "first": first, "first_seed": seed, "second": second,
         "second_seed": seed + (kind == "seeds"), "prompt_id": f"p{n:02d}",
         "value": level * rng.gamma(4.0) / 4.0, "tokens": n + 1}
        for seed in seeds for n in range(prompts)
    ]  # fmt: skip


def frame_of(rows):
    return pl.DataFrame(rows, schema=PER_PROMPT)


def test_the_summary_is_a_mean_over_seeds_and_prompts_with_an_interval():
    rng = np.random.default_rng(5)
    rows = per_prompt(rng, "multi", "single-a", [1, 2, 3])
    rows += per_prompt(rng, "multi", "multi", [1], kind="seeds", level=0.01)
    found = summarise_divergences(frame_of(rows), 0.95, 2000, 7)
    assert found.schema == DIVERGENCE and found.height == 2
    row = found.row(by_predicate=pl.col("kind") == "mixes", named=True)
    values = np.array([r["value"] for r in rows[:90]]).reshape(3, 30)
    assert row["value"] == pytest.approx(values.mean())
    assert (row["n_prompts"], row["n_tokens"], row["n_seeds"]) == (30, 30 * 31 // 2, 3)
    error = values.mean(0).std(ddof=1) / 30**0.5
    assert row["low"] == pytest.approx(row["value"] - 1.96 * error, abs=0.4 * error)
    assert row["high"] == pytest.approx(row["value"] + 1.96 * error, abs=0.6 * error)
    shuffled = frame_of(random.Random(2).sample(rows, len(rows)))
    assert summarise_divergences(shuffled, 0.95, 2000, 7).equals(found)


def test_one_prompt_has_no_interval_and_equal_values_a_point():
    rng = np.random.default_rng(5)
    single = summarise_divergences(
        frame_of(per_prompt(rng, "multi", "human", [1], 1)), 0.95, 200, 7
    )
    assert single.select("low", "high").row(0) == (None, None)
    same = frame_of(per_prompt(rng, "multi", "human", [1])).with_columns(value=pl.lit(0.0))
    found = summarise_divergences(same, 0.95, 200, 7)
    assert found.select("value", "low", "high").row(0) == (0.0, 0.0, 0.0)


def summary(*rows):
    lines = [
        {"model": "m", "first": first, "second": second, "value": value, "low": value * 0.9,
         "high": value * 1.1, "n_prompts": 30, "n_tokens": 900,
         "kind": "seeds" if first == second else "mixes", "n_seeds": 2}
        for first, second, value in rows
    ]  # fmt: skip
    return pl.DataFrame(lines, schema=DIVERGENCE)


def test_the_table_sets_every_distance_beside_that_of_two_trainings():
    frame = summary(("multi", "multi", 0.01), ("multi", "single-a", 0.06), ("single-a", "single-a", 0.03),
                    ("multi", "human", 0.05), ("vanilla", "human", 0.4))  # fmt: skip
    table = divergence_table(frame)
    assert table["second"].to_list() == [
        "single-a",
        "human",
        "human",
        "another seed",
        "another seed",
    ]
    assert table["floor"].to_list() == [pytest.approx(0.02), None, None, None, None]
    assert table["times the floor"].to_list() == [pytest.approx(3)] + [None] * 4


def test_the_sentences_name_the_nearest_and_the_farthest():
    frame = summary(("multi", "multi", 0.01), ("multi", "single-a", 0.06), ("multi", "single-b", 0.02),
                    ("multi", "human", 0.05), ("human", "single-a", 0.07), ("two", "single-a", 0.03),
                    ("single-a", "single-a", 0.03), ("single-b", "single-b", 0.01))  # fmt: skip
    assert divergence_findings(frame, MIXES | {"two": "multi"}) == [
        "m: on the same contexts, next-token distributions of mixes of several sources and of one lie "
        "0.0200 (multi, single-b; 95 % interval 0.0180 to 0.0220) to 0.0600 (multi, single-a; 95 % "
        "interval 0.0540 to 0.0660) bits per token apart: 2.0 to 3.0 times as far as two trainings of "
        "the same mix (2 of 3 pairs; in the others a mix was trained once).",
        "m: on the same contexts, next-token distributions of mixes of several sources and of human "
        "answers lie 0.0500 (multi, human; 95 % interval 0.0450 to 0.0550) bits per token apart; the "
        "effect of another training seed is unknown, because no two of these mixes were both trained "
        "more than once.",
    ]
    both = summary(("multi", "human", 0.05), ("multi", "multi", 0.01), ("human", "human", 0.03))
    assert divergence_findings(both, MIXES)[0].endswith(
        "apart: 2.5 times as far as two trainings of the same mix."
    )
    assert divergence_findings(frame.clear(), MIXES) == []
