"""The nucleus of top-p sampling, without sorting the whole vocabulary."""

from __future__ import annotations

from typing import Any

# A nucleus of this many tokens is found among the largest logits; a larger one needs the sort.
_LARGEST = 1024


def nucleus(scores: Any, top_p: float) -> Any:
    """Logits with −∞ outside the nucleus, as transformers' TopPLogitsWarper gives them.

    The nucleus is the smallest set of most likely tokens whose probabilities reach `top_p`
    (Holtzman et al., 2020).

    Args:
        scores: logits [rows, vocabulary], after temperature.
        top_p: probability of the nucleus, below 1.
    """
    from transformers import TopPLogitsWarper

    whole = TopPLogitsWarper(top_p)
    # For a small vocabulary the sort is as fast.
    if scores.shape[1] <= 4 * _LARGEST:
        return whole(None, scores)
    largest, tokens = scores.topk(_LARGEST, dim=1)
    probabilities = (largest - scores.logsumexp(1, keepdim=True)).exp()
    reached = probabilities.cumsum(1)
    # A token belongs to the nucleus if those before it do not reach `top_p`.
    outside = reached - probabilities >= top_p
    kept = scores.new_full(scores.shape, float("-inf"))
    kept.scatter_(1, tokens, largest.masked_fill(outside, float("-inf")))
    wide = reached[:, -1] < top_p
    if wide.any():
        kept[wide] = whole(None, scores[wide])
    return kept
