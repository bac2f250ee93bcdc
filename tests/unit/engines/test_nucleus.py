"""The nucleus is that of transformers, whatever its size and the vocabulary's."""

from __future__ import annotations

import pytest
import torch
from transformers import TopPLogitsWarper

from manybaskets.engines.nucleus import nucleus


def logits(vocabulary: int, spread: float) -> torch.Tensor:
    """Six rows; a larger spread leaves fewer likely tokens."""
    return torch.randn(6, vocabulary, generator=torch.Generator().manual_seed(5)) * spread


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.3, 2.0, 4.0, 40.0])
@pytest.mark.parametrize("vocabulary", [300, 20_000])
def test_the_same_logits_are_left_as_by_the_sort(vocabulary, spread, top_p):
    scores = logits(vocabulary, spread)
    before = scores.clone()
    left = nucleus(scores, top_p)
    assert torch.equal(left, TopPLogitsWarper(top_p)(None, before))
    assert torch.equal(scores, before), "the logits of others are not changed"


def test_rows_with_a_wide_nucleus_are_sorted_and_only_these(monkeypatch):
    """A model that is almost sure of a word beside one that has no idea."""
    scores = torch.cat([logits(20_000, 4.0), logits(20_000, 0.1)])
    sorted_rows = []
    own = TopPLogitsWarper.__call__

    def counted(self, ids, rows):
        sorted_rows.append(len(rows))
        return own(self, ids, rows)

    monkeypatch.setattr(TopPLogitsWarper, "__call__", counted)
    left = nucleus(scores, 0.9)
    assert sorted_rows == [6]
    sizes = left.isfinite().sum(1)
    assert (sizes[:6] < 1024).all() and (sizes[6:] > 10_000).all()
    assert torch.equal(left, own(TopPLogitsWarper(0.9), None, scores))


def test_impossible_tokens_and_sure_ones():
    scores = torch.full((2, 8000), float("-inf"))
    scores[0, 17] = 3.0
    scores[1, :3] = torch.tensor([1.0, 5.0, 5.0])
    left = nucleus(scores, 0.5)
    assert left[0].isfinite().nonzero().flatten().tolist() == [17]
    # Of two equally likely tokens one is enough for a half.
    assert left[1].isfinite().sum() == TopPLogitsWarper(0.5)(None, scores)[1].isfinite().sum()
