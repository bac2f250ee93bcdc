"""Main memory of a training without a GPU, before its model is there: from the number of weights."""

from __future__ import annotations

import math
from typing import NamedTuple

from manybaskets.config.training import Training
from manybaskets.training.memory import USEFUL_COSTS, bytes_for_passes, pass_cost

_BYTES = {"float32": 4, "bfloat16": 2}
# Layers of models with up to 8 billion parameters, 30, and of larger ones: 80 with 70 billion.
_LAYERS, _LAYERS_UP_TO, _GROWTH = 30, 8e9, 0.45
_WEIGHTS_OF_A_LAYER = (
    12  # in squares of the width: attention four, a gated feed-forward layer eight
)
_FEED_FORWARD = 4.5  # width of the feed-forward layer, in widths of the hidden state
_WIDTHS_OF_ADAPTERS = (
    23  # inputs and outputs of the seven linear layers, in widths of the hidden state
)
_COPIES_OF_ADAPTERS = 4  # weights, gradients and the two moments of AdamW, all in float32


class LikelyShape(NamedTuple):
    """As much of a model's config as memory follows from."""

    hidden_size: int
    num_hidden_layers: int
    intermediate_size: int

    def get_text_config(self) -> LikelyShape:
        """Itself, as configs of text models do."""
        return self


def likely_shape(parameters: float) -> LikelyShape:
    """Shape of a chat model with so many parameters, rather too wide than too narrow."""
    layers = round(_LAYERS * max(1.0, parameters / _LAYERS_UP_TO) ** _GROWTH)
    width = math.ceil(math.sqrt(parameters / (_WEIGHTS_OF_A_LAYER * layers)))
    return LikelyShape(width, layers, round(_FEED_FORWARD * width))


def training_mb(training: Training, target: str, parameters: float | None) -> int:
    """Main memory of a training on CPU cores, in MB: weights, adapters with their optimizer, activations.

    It suffices for passes that are as large as is useful, with rows of `max_length` and, unless the
    config says otherwise, without recomputing activations. A training does with less.

    Args:
        training: the target's recipe from `Training.of_target`.
        parameters: number of the target's parameters; None for an embedded model.
    """
    if parameters is None:
        return 0
    shape, element = likely_shape(parameters), _BYTES[training.precision]
    launch, processes = training.launch[target], training.processes or 1
    rows = training.batch_size if processes > 1 else 1
    useful = USEFUL_COSTS * pass_cost(shape, parameters, cuda=False)
    tokens = launch.tokens_per_pass if processes == 1 else None
    adapters = shape.num_hidden_layers * training.rank * _WIDTHS_OF_ADAPTERS * shape.hidden_size
    shared = processes if launch.strategy == "fsdp" else 1
    weights = (parameters * element + _COPIES_OF_ADAPTERS * _BYTES["float32"] * adapters) / shared
    return math.ceil(
        processes
        * bytes_for_passes(
            shape,
            tokens or max(rows * training.max_length, useful),
            element_bytes=element,
            weight_bytes=weights,
            checkpointing=bool(launch.gradient_checkpointing),
        )
        / 1e6
    )
