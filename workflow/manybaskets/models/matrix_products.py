"""Float32 matrix products on CPUs: with oneDNN where torch's own choice uses half of the processor.

torch multiplies float32 matrices with Intel's MKL, which leaves the AVX-512 units of other makers'
processors idle. oneDNN, which torch also contains and uses for bfloat16, does not:
`benchmarks/training.py --products` compares both.
"""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)
_CPU = Path("/proc/cpuinfo")
# Multiplications of a product from which oneDNN is faster in spite of its longer call: a token of a layer
# of 1,400 by 1,400, or 43 tokens of one of 128 by 384.
WORTH_A_CALL = 2**21


def onednn_is_faster() -> bool:
    """Whether float32 products on this machine's CPU are faster with oneDNN than with MKL."""
    import torch

    return (
        torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and _CPU.is_file()
        and "GenuineIntel" not in _CPU.read_text(encoding="utf-8", errors="replace")
    )


def use_fast_products(model: Any, least: int = 0) -> bool:
    """Let the linear layers of a model on a CPU multiply with oneDNN where that is faster.

    Sums are rounded in another order, as with another number of threads. Layers whose weights are
    not in float32, and inputs under autocast, are multiplied as before.

    Args:
        model: a torch module whose layers all have their weights on one device.
        least: multiplications of the smallest product for which they do; smaller ones stay as they
            are.

    Returns:
        Whether it does now.
    """
    import torch

    if next(model.parameters()).device.type != "cpu" or not onednn_is_faster():
        return False
    found = 0
    for module in model.modules():
        if type(module) is torch.nn.Linear and module.weight.dtype == torch.float32:
            module.forward = functools.partial(_linear, module, least)
            found += 1
    log.info("%d linear layers multiply with oneDNN", found)
    return found > 0


def _linear(module: Any, least: int, states: Any) -> Any:
    """The forward pass of a linear layer."""
    import torch

    weight, bias = module.weight, module.bias
    small = states.numel() * weight.shape[0] < least
    if small or states.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return torch.nn.functional.linear(states, weight, bias)
    if torch.is_grad_enabled():
        return _product().apply(states, weight, bias)
    return _multiply(states, weight, bias)


def _multiply(one: Any, other: Any, bias: Any = None) -> Any:
    """`one @ other.T + bias` with oneDNN."""
    import torch

    return torch.ops.mkldnn._linear_pointwise(one, other, bias, "none", [], "")


@functools.cache
def _product() -> Any:
    """`states @ weight.T + bias` with its gradients, as an autograd function."""
    import torch

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, states: Any, weight: Any, bias: Any) -> Any:
            # The input is kept only for the gradient of a weight that is trained.
            context.save_for_backward(states if weight.requires_grad else None, weight)
            return _multiply(states, weight, bias)

        @staticmethod
        def backward(context: Any, gradient: Any) -> tuple[Any, Any, Any]:
            states, weight = context.saved_tensors
            of_states, of_weight, of_bias = context.needs_input_grad
            rows = gradient.reshape(-1, gradient.shape[-1])
            return (
                _multiply(gradient, weight.t()) if of_states else None,
                _multiply(rows.t(), states.reshape(-1, states.shape[-1]).t())
                if of_weight
                else None,
                rows.sum(0) if of_bias else None,
            )

    return Product
