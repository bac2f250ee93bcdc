"""LoRA adapters as vLLM takes them: their number, rank and layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from manybaskets.errors import UserError


@dataclass(frozen=True)
class Needs:
    """Adapters' requirements for a running vLLM: largest rank, and changed layers."""

    rank: int = 0
    layers: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(max(self.rank, other.rank), self.layers | other.layers)


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: vLLM's number, folder, requirements, fingerprint."""

    number: int
    folder: Path
    needs: Needs
    weights: str


def needs_of(folder: Path) -> Needs:
    """What an adapter requires of vLLM.

    Raises:
        UserError: its rank exceeds vLLM's limit.
    """
    from safetensors import safe_open

    adapter = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    rank = max([adapter["r"], *adapter.get("rank_pattern", {}).values()])
    # The config may name the layers by a pattern; the weights name them one by one.
    with safe_open(folder / "adapter_model.safetensors", framework="numpy") as weights:
        names = weights.keys()
    layers = {name.partition(".lora_")[0].rpartition(".")[2] for name in names}
    return Needs(_allowed_rank(rank, folder), frozenset(layers))


def _allowed_rank(rank: int, folder: Path) -> int:
    """The smallest rank supported by vLLM that is at least this rank."""
    from vllm.config.lora import MaxLoRARanks

    allowed = sorted(get_args(MaxLoRARanks))
    if rank > allowed[-1]:
        raise UserError(
            what=f"the adapter has rank {rank}",
            where=str(folder),
            expected=f"at most {allowed[-1]} with engine `vllm`",
            remedy="use engine `transformers` for this model's responses, or lower `training.rank`",
        )
    return next(size for size in allowed if size >= rank)
