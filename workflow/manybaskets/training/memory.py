"""How many tokens fit into one pass, and whether activations are kept: from the model and the memory."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from manybaskets.config.training import Launch
from manybaskets.errors import UserError

log = logging.getLogger(__name__)
# Numbers that a layer keeps per token for its backward pass, in widths of the hidden state and of the
# feed-forward layer: inputs of the norms, of the seven projections and of their adapters, after
# Korthikanti et al. 2022 for a gated feed-forward layer. `benchmarks/training.py` compares with what is used.
_HIDDEN, _FEED_FORWARD = 16, 7
_HEAD_COPIES = 4  # of a chunk's logits: as computed, as float32, their softmax, their gradient
_CHUNK_BYTES = 2**27
_ROOM = 0.8  # of what the weights leave free; allocators waste some
# For the price of a pass: Python and launched kernels of a layer, forward and backward; products a second;
# products of a token with a weight that is not trained, forward and backward.
_SECONDS_OF_A_LAYER, _CPU_SPEED, _GPU_SPEED, _PRODUCTS_OF_A_WEIGHT = 2.5e-3, 2e11, 2e14, 4
# A pass of so many times its cost wastes little on CPUs, where larger ones are no faster.
USEFUL_COSTS = 16
_BASE_BYTES = 1.2e9  # Python, torch and the rows of a process on CPUs
_LEAST_BYTES = 0.8e9  # the same, without what allocators waste


class Passes(NamedTuple):
    """How a batch is computed.

    Attributes:
        tokens: most tokens of one pass, padding included.
        checkpointing: whether activations inside the layers are computed again.
        cost: of a pass, in tokens.
    """

    tokens: int
    checkpointing: bool
    cost: int = 0


def bytes_per_token(config: Any, element_bytes: int, checkpointing: bool) -> float:
    """Memory that one token's activations take until the backward pass, in bytes.

    Args:
        config: of a model of transformers.
        element_bytes: bytes of a number in the forward pass.
    """
    text = config.get_text_config()
    hidden, layers = text.hidden_size, text.num_hidden_layers
    inside = _HIDDEN * hidden + _FEED_FORWARD * getattr(text, "intermediate_size", 4 * hidden)
    kept = layers * hidden + inside if checkpointing else layers * (hidden + inside)
    return float(kept * element_bytes)


def choose_passes(
    config: Any,
    longest_row: int,
    *,
    element_bytes: int,
    free_bytes: float,
    checkpointing: bool | None = None,
    tokens: int | None = None,
    useful: int | None = None,
) -> Passes:
    """Choose the tokens of a pass and whether activations are kept.

    Activations are kept where the longest row fits with them: checkpointing costs about a third more
    time, several passes cost nothing to speak of.

    Args:
        longest_row: tokens of the longest row; at least one row makes a pass.
        free_bytes: memory that activations may take.
        checkpointing, tokens: what the config fixes; None to choose.
        useful: tokens from which larger passes are no faster; None for as many as fit.
    """
    if checkpointing is None:
        whole = bytes_per_token(config, element_bytes, checkpointing=False)
        checkpointing = longest_row * whole > free_bytes
    each = bytes_per_token(config, element_bytes, checkpointing)
    fitting = min(int(free_bytes // each), sys.maxsize if useful is None else useful)
    return Passes(tokens or max(longest_row, fitting), checkpointing)


def free_bytes(weight_bytes: float, memory_mb: int | None) -> float:
    """Memory that activations may take: of the GPU, or of the job where it has none, in bytes.

    Args:
        weight_bytes: what the weights that this process holds take.
        memory_mb: memory of the job for this process; None for what the machine has free.
    """
    import torch

    if torch.cuda.is_available():
        available = float(torch.cuda.mem_get_info()[1])
    else:
        import psutil

        machine = float(psutil.virtual_memory().available)
        available = (min(machine, memory_mb * 1e6) if memory_mb else machine) - _BASE_BYTES
    return max(0.0, _ROOM * (available - weight_bytes) - _HEAD_COPIES * _CHUNK_BYTES)


def bytes_for_passes(
    config: Any, tokens: int, *, element_bytes: int, weight_bytes: float, checkpointing: bool
) -> float:
    """Memory of a process on CPUs for which `free_bytes` leaves room for such passes, in bytes.

    Args:
        config: of a model of transformers.
        tokens: of a pass, padding included.
        element_bytes: bytes of a number in the forward pass.
        weight_bytes: what the weights that the process holds take.
        checkpointing: whether activations inside the layers are computed again.
    """
    activations = tokens * bytes_per_token(config, element_bytes, checkpointing)
    return _BASE_BYTES + weight_bytes + (activations + _HEAD_COPIES * _CHUNK_BYTES) / _ROOM


def bytes_of_one_row(
    config: Any, tokens: int, *, element_bytes: int, weight_bytes: float, checkpointing: bool
) -> float:
    """Least memory of a process in which one row makes a pass, in bytes.

    Args:
        config: of a model of transformers.
        tokens: of the row.
        element_bytes: bytes of a number in the forward pass.
        weight_bytes: what the weights that this process holds take.
        checkpointing: whether activations inside the layers are computed again.
    """
    logits = min(_CHUNK_BYTES, 4 * tokens * config.get_text_config().vocab_size)
    activations = tokens * bytes_per_token(config, element_bytes, checkpointing)
    return _LEAST_BYTES + weight_bytes + activations + _HEAD_COPIES * logits


def check_one_row_fits(
    need: float, memory_mb: int | None, launch: Launch, tokens: int, name: str
) -> None:
    """Check that a pass of one row fits in the memory of the GPU, or of the job without one.

    Args:
        need: of `bytes_of_one_row`, or of the rows that always make one pass.
        memory_mb: memory of the job for this process; None for no limit.
        tokens: of the longest row.
        name: of the target.

    Raises:
        UserError: it does not; says what is needed, what is given and which settings change either.
    """
    import torch

    cuda = torch.cuda.is_available()
    if not cuda and memory_mb is None:
        return
    given = float(torch.cuda.mem_get_info()[1]) if cuda else memory_mb * 1e6
    if need <= given:
        return
    raising = (
        f"raise `processes` in `training.per_target.{name}` with `strategy: fsdp` in "
        f"`training.launch.{name}`"
        if cuda
        else f"raise the memory of rule `train` to at least {need / 1e6:.0f} MB a process "
        "(`--set-resources train:mem_mb=…`)"
    )
    fixed = (
        f", remove `gradient_checkpointing: false` from `training.launch.{name}`"
        if launch.gradient_checkpointing is False
        else ""
    )
    raise UserError(
        what=f"the longest training row, of {tokens} tokens, needs {need / 1e9:.2f} GB of memory "
        f"with the model's weights; a process has {given / 1e9:.2f} GB",
        where=f"target '{name}', {'memory of the GPU' if cuda else 'mem_mb of rule train'}",
        expected="memory for the weights and for one row at a time",
        remedy=f"{raising}{fixed}, or lower `training.max_length`",
    )


def pass_cost(config: Any, weights: float, cuda: bool) -> int:
    """What a pass costs however few tokens it has, in tokens that are computed in that time.

    Args:
        config: of a model of transformers.
        weights: number of the model's weights.
        cuda: whether it is computed on a GPU.
    """
    per_layer = weights / config.get_text_config().num_hidden_layers
    speed = _GPU_SPEED if cuda else _CPU_SPEED
    return round(_SECONDS_OF_A_LAYER * speed / (_PRODUCTS_OF_A_WEIGHT * per_layer))


def micro_batches(lengths: Sequence[int], tokens: int, cost: int = 0) -> list[list[int]]:
    """Split the rows of a batch into passes, so that few tokens are padding.

    Args:
        lengths: tokens of every row.
        tokens: most tokens of a pass, padding included.
        cost: of a pass, in tokens, as `pass_cost`.

    Returns:
        Numbers of the rows of each pass, rows of like length together, for which the padded tokens
        and the costs of the passes are fewest; a row that is longer than `tokens` is a pass of its
        own.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    # Of the first rows alone: fewest tokens, and where their last pass begins.
    best: list[tuple[float, int]] = [(0, 0)]
    for end in range(1, len(order) + 1):
        ways = []
        for start in range(end):
            padded = lengths[order[start]] * (end - start)
            if padded <= tokens or end - start == 1:
                ways.append((best[start][0] + padded + cost, start))
        best.append(min(ways))
    passes: list[list[int]] = []
    end = len(order)
    while end:
        start = best[end][1]
        passes.append(order[start:end])
        end = start
    return passes[::-1]
