"""The loss on answers alone: the output head is applied only where a token is learned, in chunks.

A causal language model computes logits for every position, several copies of `rows × width × vocabulary`
numbers, though the loss reads those of the answers. Here the decoder runs as it is, its hidden states are
picked where a label follows, and cross-entropy is computed over chunks of them, whose logits are computed
again in the backward pass instead of being kept.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from manybaskets.training.encoded_rows import IGNORED, pad_batch

log = logging.getLogger(__name__)
_CHUNK_LOGITS = 2**25  # numbers of a chunk's logits: 128 MiB in float32
_TOLERANCE = 1e-4


def agrees(model: Any, rows: Sequence[Mapping[str, Any]], pad: int) -> bool:
    """Whether `answer_loss` is the model's own loss: its head or its attention may do more than that.

    Args:
        model: a causal language model of transformers, or a peft model around one.
        rows: training rows; the shortest and one that is longer are used.
        pad: token id that fills up rows.
    """
    import torch

    causal = _causal(model)
    ordered = sorted(rows, key=lambda row: len(row["input_ids"]))
    longer = [row for row in ordered if len(row["input_ids"]) > len(ordered[0]["input_ids"])]
    batch = pad_batch([ordered[0], *longer[:1]], pad)
    batch = {key: value.to(_device(causal)) for key, value in batch.items()}
    was_training = causal.training
    causal.eval()
    with torch.no_grad():
        expected = causal.forward(**batch, use_cache=False).loss
        actual = answer_loss(causal, batch["input_ids"], batch["labels"])
    causal.train(was_training)
    equal = torch.allclose(expected.float(), actual.float(), rtol=_TOLERANCE, atol=_TOLERANCE)
    if not equal:
        log.info(
            "the model's own loss is %.6f, that of labelled tokens alone %.6f: logits are computed "
            "for every token, which takes more memory",
            float(expected),
            float(actual),
        )
    return equal


def install(model: Any) -> None:
    """Let a model compute its loss on labelled tokens alone.

    Its `forward` is replaced, so that DDP, FSDP, autocast and adapters wrap it like the model's own.

    Args:
        model: a causal language model of transformers for which `agrees` holds, or a peft model
            around one.
    """
    causal = _causal(model)
    own = causal.forward

    def forward(
        input_ids: Any = None,
        attention_mask: Any = None,
        labels: Any = None,
        num_items_in_batch: Any = None,
        **arguments: Any,
    ) -> Any:
        if labels is None:
            return own(input_ids=input_ids, attention_mask=attention_mask, **arguments)
        from transformers.modeling_outputs import CausalLMOutput

        loss = answer_loss(causal, input_ids, labels, num_items_in_batch)
        return CausalLMOutput(loss=loss)

    causal.forward = forward


def answer_loss(
    causal: Any,
    input_ids: Any,
    labels: Any,
    num_items_in_batch: Any = None,
) -> Any:
    """Cross-entropy of the labelled tokens, in nats.

    Args:
        causal: a causal language model of transformers.
        input_ids, labels: rows × width, padded on the right; what is not learned is labelled -100.
        num_items_in_batch: number that the sum is divided by; the labelled tokens unless given.
    """
    from torch.nn.functional import cross_entropy
    from torch.utils.checkpoint import checkpoint

    # Rows are padded on the right, where a causal model's tokens do not look: without a mask,
    # attention skips what lies ahead of a token.
    hidden = causal.base_model(input_ids=input_ids, use_cache=False).last_hidden_state
    learned = labels[:, 1:] != IGNORED
    picked, wanted = hidden[:, :-1][learned], labels[:, 1:][learned]
    head, finish = causal.get_output_embeddings(), _finisher(causal.config)

    def loss_of(states: Any, tokens: Any) -> Any:
        return cross_entropy(finish(head(states)).float(), tokens, reduction="sum")

    size = max(64, _CHUNK_LOGITS // head.weight.shape[0])
    total = hidden.sum() * 0.0  # rows of which nothing is learned have a gradient, too
    for start in range(0, len(picked), size):
        chunk = picked[start : start + size], wanted[start : start + size]
        total = total + checkpoint(loss_of, *chunk, use_reentrant=False)
    count = max(1, len(wanted)) if num_items_in_batch is None else num_items_in_batch
    return total / count


def _finisher(config: Any) -> Any:
    """What families do to the logits after the head."""
    text = config.get_text_config()
    cap = getattr(text, "final_logit_softcapping", None)  # Gemma 2
    scale = getattr(text, "logit_scale", None)  # Cohere
    divisor = getattr(text, "logits_scaling", None)  # Granite

    def finish(logits: Any) -> Any:
        logits = logits * scale if scale else logits
        logits = logits / divisor if divisor else logits
        return (logits / cap).tanh() * cap if cap else logits

    return finish


def _causal(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _device(model: Any) -> Any:
    return next(model.parameters()).device
