"""Loading the tokenizer of a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from manybaskets.errors import UserError


def load_tokenizer(folder: Path, name: str) -> Any:
    """Load the tokenizer of a model folder; no code of the folder runs and no hub is asked.

    Args:
        name: how errors call the model.

    Raises:
        UserError: the tokenizer needs code of its own, or its files do not load.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (ValueError, OSError, KeyError, TypeError) as error:
        first = str(error).strip().partition("\n")[0]
        own_code = "custom code" in first or "trust_remote_code" in str(error)
        raise UserError(
            what=f"the tokenizer of model '{name}' needs code of its own"
            if own_code
            else f"the tokenizer of model '{name}' does not load: {first:.200}",
            where=str(folder),
            expected="a fast tokenizer that transformers loads by itself (tokenizer.json)",
            remedy="use a version of the model without custom code; code from model folders never runs"
            if own_code
            else "download the model again, or save its tokenizer with "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
        ) from None


def padding_id(tokenizer: Any, name: str, *others: int | None) -> int:
    """Token id that fills up the rows of a batch, where it is masked.

    Args:
        name: how errors call the model.
        others: ids to take if the tokenizer has neither a padding token nor an end token.

    Raises:
        UserError: there is none.
    """
    for each in (tokenizer.pad_token_id, tokenizer.eos_token_id, *others):
        if each is not None:
            return each
    raise UserError(
        what=f"the tokenizer of model '{name}' has neither a padding token nor an end token",
        where=str(tokenizer.name_or_path),
        expected="`pad_token` or `eos_token` in tokenizer_config.json",
        remedy="set `pad_token` in tokenizer_config.json to a token that the model knows",
    )
