"""Passes follow from the model's size, the rows and the memory."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from repository import ROOT

from manybaskets.config import load_study
from manybaskets.config.training import Launch, Training
from manybaskets.errors import UserError
from manybaskets.training import fit_settings, fitting
from manybaskets.training.memory import (
    Passes,
    bytes_of_one_row,
    bytes_per_token,
    check_one_row_fits,
    choose_passes,
    micro_batches,
    pass_cost,
)
from manybaskets.training.task import Task

LLAMA_8B = SimpleNamespace(hidden_size=4096, num_hidden_layers=32, intermediate_size=14336)
LLAMA_8B.get_text_config = lambda: LLAMA_8B


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=40),
    st.integers(1, 1000),
    st.integers(0, 300),
)
def test_every_row_is_in_one_pass_and_passes_keep_to_the_tokens(lengths, tokens, cost):
    passes = micro_batches(lengths, tokens, cost)
    assert sorted(row for each in passes for row in each) == list(range(len(lengths)))
    for each in passes:
        width = max(lengths[row] for row in each)
        assert width * len(each) <= tokens or len(each) == 1


def partitions(items):
    """All ways to cut a list into stretches."""
    for cuts in itertools.product((False, True), repeat=len(items) - 1):
        starts = [0, *(place for place, cut in enumerate(cuts, 1) if cut), len(items)]
        yield [items[start:end] for start, end in itertools.pairwise(starts)]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 200),
       st.integers(0, 60))  # fmt: skip
def test_no_other_passes_cost_less(lengths, tokens, cost):
    def price(passes):
        return sum(max(each) * len(each) + cost for each in passes)

    made = [[lengths[row] for row in each] for each in micro_batches(lengths, tokens, cost)]
    possible = [
        passes
        for passes in partitions(sorted(lengths, reverse=True))
        if all(max(each) * len(each) <= tokens or len(each) == 1 for each in passes)
    ]
    assert price(made) == min(map(price, possible))


def test_a_long_row_does_not_widen_short_ones_unless_a_pass_costs_more():
    lengths = [50, 640, 50, 50]
    assert sorted(map(len, micro_batches(lengths, 10_000, 35))) == [1, 3]
    assert [sorted(each) for each in micro_batches(lengths, 10_000, 2000)] == [[0, 1, 2, 3]]


def test_a_pass_costs_few_tokens_of_a_large_model_and_many_of_a_tiny_one():
    on_cores = pass_cost(LLAMA_8B, 8e9, cuda=False)
    assert on_cores < 2 < pass_cost(LLAMA_8B, 1e8, cuda=False)
    assert 300 < pass_cost(LLAMA_8B, 8e9, cuda=True) < 2000


def test_activations_of_an_8b_layer_are_of_the_measured_size():
    """Spec: one layer of the 8B saves 414 kB per token in bfloat16."""
    one_layer = bytes_per_token(LLAMA_8B, 2, checkpointing=False) / 32
    assert one_layer == pytest.approx(414e3, rel=0.25)


def test_checkpointing_is_chosen_where_the_longest_row_does_not_fit():
    wide = choose_passes(LLAMA_8B, 8192, element_bytes=2, free_bytes=50e9)
    assert wide.checkpointing and wide.tokens >= 8192
    short = choose_passes(LLAMA_8B, 512, element_bytes=2, free_bytes=50e9)
    assert not short.checkpointing
    assert short.tokens * bytes_per_token(LLAMA_8B, 2, False) <= 50e9


def test_the_config_may_fix_both():
    given = choose_passes(
        LLAMA_8B, 8192, element_bytes=2, free_bytes=1e9, checkpointing=False, tokens=8192
    )
    assert (given.tokens, given.checkpointing) == (8192, False)


def test_passes_are_no_larger_than_is_useful_but_hold_the_longest_row():
    known = {"element_bytes": 2, "free_bytes": 50e9}
    assert choose_passes(LLAMA_8B, 300, useful=512, **known).tokens == 512
    assert choose_passes(LLAMA_8B, 700, useful=512, **known).tokens == 700
    assert choose_passes(LLAMA_8B, 700, useful=0, **known).tokens == 700  # of a large model on CPUs
    assert choose_passes(LLAMA_8B, 300, useful=512, tokens=2000, **known).tokens == 2000
    assert choose_passes(LLAMA_8B, 300, **known).tokens > 2000


def test_memory_of_one_row_of_a_real_model_is_that_measured():
    """SmolLM2-135M in float32, 637 tokens: peaks of 2.03 GB, and of 2.73 GB without recomputing."""
    small = SimpleNamespace(
        hidden_size=576, num_hidden_layers=30, intermediate_size=1536, vocab_size=49152
    )
    small.get_text_config = lambda: small
    known = {"element_bytes": 4, "weight_bytes": 4 * 134.5e6}
    again = bytes_of_one_row(small, 637, checkpointing=True, **known)
    kept = bytes_of_one_row(small, 637, checkpointing=False, **known)
    assert again == pytest.approx(2.03e9, rel=0.1) and again < kept


def test_memory_too_small_for_one_row_is_an_error_with_both_numbers():
    check_one_row_fits(1.94e9, 1940, Launch(), 637, "small")
    check_one_row_fits(1.94e9, None, Launch(), 637, "small")
    with pytest.raises(UserError) as told:
        check_one_row_fits(1.94e9, 1900, Launch(), 637, "small")
    assert "637 tokens, needs 1.94 GB" in told.value.what
    assert "a process has 1.90 GB" in told.value.what
    assert "at least 1940 MB" in told.value.remedy and "max_length" in told.value.remedy
    assert "gradient_checkpointing" not in told.value.remedy
    with pytest.raises(UserError) as told:
        check_one_row_fits(1.94e9, 1900, Launch(gradient_checkpointing=False), 637, "small")
    assert (
        "remove `gradient_checkpointing: false` from `training.launch.small`" in told.value.remedy
    )


def test_at_least_one_row_makes_a_pass():
    assert choose_passes(LLAMA_8B, 8192, element_bytes=2, free_bytes=0.0).tokens == 8192


def test_a_training_of_the_published_study_fits_on_its_gpu():
    """Two rows of 8,192 tokens on 80 GiB beside 16 GB of weights: 178 GB if nothing is computed again."""
    study = load_study(ROOT / "config/wildchat-50m.yaml")
    own = study.training.of_target("llama-3.1-8b-base", 4)
    assert (own.processes, own.batch_size * own.accumulation * own.processes) == (4, 64)
    tokens, free = own.batch_size * own.max_length, 0.8 * (80 * 2**30 - 16e9)
    passes = choose_passes(LLAMA_8B, tokens, element_bytes=2, free_bytes=free)
    assert passes.checkpointing
    assert tokens * bytes_per_token(LLAMA_8B, 2, checkpointing=True) < free / 4
    assert tokens * bytes_per_token(LLAMA_8B, 2, checkpointing=False) > 2 * free


@pytest.mark.parametrize(("processes", "rows"), [(1, 1), (2, 3)])
def test_all_rows_of_a_process_count_where_several_train(
    tiny_models, tmp_path, monkeypatch, processes, rows
):
    """Their batches make one pass, so that all processes are at the same pass."""
    seen = []
    monkeypatch.setattr(
        fit_settings,
        "choose_passes",
        lambda config, longest, **_: seen.append(longest) or Passes(100, False),
    )
    training = Training(batch_size=3, processes=processes).of_target("llama")
    task = Task(model=str(tiny_models["llama"]), name="llama", recipe=training.model_dump(),
                        seed=1, threads=1, pad=0, vocabulary=10, trackers="", run="")  # fmt: skip
    fit_settings.passes_of(task, [{"input_ids": [1] * 7}, {"input_ids": [1] * 40}])
    assert seen == [rows * 40]


def test_a_batch_of_one_pass_keeps_the_order_of_its_rows():
    """Dropout falls on rows by their place: another order would be another training."""
    lengths = [3, 9, 5]
    mask = torch.tensor([[1] * length + [0] * (9 - length) for length in lengths])
    batch = {"input_ids": torch.arange(27).reshape(3, 9), "attention_mask": mask}
    (one,) = fitting._parts(batch, Passes(tokens=100, checkpointing=False, cost=1000))
    assert torch.equal(one["input_ids"], batch["input_ids"])
    several = fitting._parts(batch, Passes(tokens=9, checkpointing=False))
    assert [part["input_ids"].shape for part in several] == [(1, 9), (1, 5), (1, 3)]
