"""The context window of a model folder."""

from __future__ import annotations

import json
from pathlib import Path

_WINDOW_KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


def context_window(folder: Path, longest_sequence: int | None = None) -> int | None:
    """Maximum tokens of prompt plus answer.

    Args:
        folder: model folder.
        longest_sequence: limit of an engine's section; null for none.

    Returns:
        The smallest limit; null if neither the model's config nor the engine has one.
    """
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    texts = config.get("text_config") or {}
    sizes = [values.get(key) for values in (config, texts) for key in _WINDOW_KEYS]
    return min((size for size in (*sizes, longest_sequence) if size), default=None)
