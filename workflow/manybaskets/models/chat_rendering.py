"""The renderer of a model's prompts and answers, as a study's settings ask for it."""

from __future__ import annotations

from typing import Any

from manybaskets.chat import ChatRenderer
from manybaskets.config.models import Prompting


def renderer_of(
    tokenizer: Any, prompting: Prompting, name: str, *, shorten: bool = True
) -> ChatRenderer:
    """A renderer with the study's system prompt, date and template arguments.

    Args:
        tokenizer: as `load_tokenizer` gives it.
        name: how errors call the model.
        shorten: as for `ChatRenderer`.

    Raises:
        UserError: as `ChatRenderer`.
    """
    return ChatRenderer(
        tokenizer,
        prompting.system_prompt,
        prompting.date,
        name,
        shorten,
        prompting.template_values(),
    )
