"""Check that a model folder's files agree on token ids, and that the embedding has a row for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manybaskets.models.headers import TensorHeader
from manybaskets.models.problems import Problem

# How transformers' architectures name the input embedding.
_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight",
               "tok_embeddings.weight")  # fmt: skip
_SHOWN = 3


def token_problems(
    texts: Mapping[str, Any], config: Mapping[str, Any], tensors: Mapping[str, TensorHeader]
) -> list[Problem]:
    """Problems of a tokenizer's ids.

    Args:
        texts: contents of tokenizer.json (`tokenizer`) and, if they exist, tokenizer_config.json
            (`tokenizer_config`) and added_tokens.json (`added_tokens`).
        config: content of config.json.
        tensors: the model's weights by name.
    """
    ids = _ids(texts["tokenizer"])
    if not ids:
        return [
            Problem(
                "tokenizer.json has no tokens",
                "the keys `model` with a vocabulary, and `added_tokens`",
                "download tokenizer.json again",
            )
        ]
    decoder = texts.get("tokenizer_config", {}).get("added_tokens_decoder") or {}
    others = {
        "added_tokens.json": texts.get("added_tokens", {}),
        "added_tokens_decoder in tokenizer_config.json": {
            token["content"]: int(number) for number, token in decoder.items()
        },
    }
    problems = [
        Problem(
            f"{file} does not match tokenizer.json: {_listed(wrong, ids)}",
            "the same token ids in both files",
            "save the tokenizer that the model was trained with by "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder); tokenizer.json is what is "
            "used",
        )
        for file, other in others.items()
        if (wrong := {text: each for text, each in other.items() if ids.get(text) != each})
    ]
    highest = max(ids.values())
    size = config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size")
    rows = [
        tensor.shape[0]
        for name, tensor in tensors.items()
        if name.endswith(_EMBEDDINGS) and len(tensor.shape) == 2
    ]
    sizes = {"the model's vocabulary": size, "the model's embedding": min(rows, default=None)}
    for what, least in sizes.items():
        if least is not None and highest >= least:
            problems.append(
                Problem(
                    f"the tokenizer does not match the model: its highest token id is {highest}",
                    f"ids below {what} of {least}",
                    "use the tokenizer that the model was trained with (the vocabulary is never "
                    "resized)",
                )
            )
            break
    return problems


def _ids(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Id of every token in tokenizer.json."""
    vocabulary = (tokenizer.get("model") or {}).get("vocab") or {}
    if isinstance(vocabulary, list):  # Unigram: [token, score] in order
        vocabulary = {token: number for number, (token, *_) in enumerate(vocabulary)}
    added = {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or []}
    return {**vocabulary, **added}


def _listed(wrong: Mapping[str, int], ids: Mapping[str, int]) -> str:
    shown = [
        f"{text!r} is {number} there and {ids.get(text, 'missing')} here"
        for text, number in list(wrong.items())[:_SHOWN]
    ]
    return "; ".join(shown) + (f"; {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else "")
