"""Which rows a training sees, and when: each once per pass, for any number of processes."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from manybaskets.training.encoded_rows import (
    IGNORED,
    LengthBuckets,
    answer_tokens,
    filler_row,
    pad_batch,
)


def shares(lengths, batch_size, processes, epoch):
    """The batches of every process, cut by accelerate as in a training."""
    from accelerate.data_loader import BatchSamplerShard
    from torch.utils.data import BatchSampler

    order = LengthBuckets(lengths, batch_size, seed=5, together=processes)
    order.set_epoch(epoch)
    batches = BatchSampler(order, batch_size, drop_last=False)
    if processes == 1:
        return [list(batches)]
    return [list(BatchSamplerShard(batches, processes, rank)) for rank in range(processes)]


sizes = st.lists(st.integers(1, 40), min_size=1, max_size=90)


@given(sizes, st.integers(1, 5), st.integers(2, 4), st.integers(0, 3))
def test_each_row_is_seen_once_by_one_process(lengths, batch_size, processes, epoch):
    of_ranks = shares(lengths, batch_size, processes, epoch)
    assert len({len(batches) for batches in of_ranks}) == 1, "a process would wait for ever"
    assert all(len(batch) == batch_size for batches in of_ranks for batch in batches)
    seen = [row for batches in of_ranks for batch in batches for row in batch]
    filler = len(lengths)
    assert sorted(row for row in seen if row != filler) == list(range(len(lengths)))
    assert seen.count(filler) < batch_size * processes


@given(sizes, st.integers(1, 5), st.integers(2, 4), st.integers(0, 3))
def test_a_step_has_the_rows_of_one_process_that_adds_up(lengths, batch_size, processes, epoch):
    of_ranks = shares(lengths, batch_size, processes, epoch)
    alone = shares(lengths, batch_size, 1, epoch)[0]
    steps = math.ceil(len(alone) / processes)
    assert len(of_ranks[0]) == steps
    for step in range(steps):
        together = {row for batches in of_ranks for row in batches[step]} - {len(lengths)}
        added = alone[step * processes : (step + 1) * processes]
        assert together == {row for batch in added for row in batch}


def test_passes_differ_and_repeat():
    lengths = [number % 7 for number in range(50)]
    first, second, again = (shares(lengths, 4, 2, epoch) for epoch in (0, 1, 0))
    assert first == again != second


def test_of_a_filler_nothing_is_learned():
    rows = [{"input_ids": [1, 2, 3], "labels": [IGNORED, 2, 3]}, {"input_ids": [4, 5], "labels": [4, 5]}]  # fmt: skip
    filler = filler_row(rows)
    assert filler["input_ids"] == [4, 5] and set(filler["labels"]) == {IGNORED}
    assert answer_tokens(pad_batch([*rows, filler], pad=0)) == 3  # a first token follows none
