"""How a chat template ends an answer, which is what a model learns to write last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from manybaskets.chat.control_tokens import special_tokens
from manybaskets.chat.prompts import chat_turn
from manybaskets.errors import UserError

# Placeholder for the answer when reading the surrounding text from the template.
_ANSWER = "\u27e6012345\u27e7"


def end_of_answer(
    render: Callable[[Sequence[Mapping[str, str]]], str],
    system: Sequence[Mapping[str, str]],
    tokenizer: Any,
    name: str,
) -> str:
    """The text that ends an answer, up to and including the end-of-turn token.

    Args:
        render: the chat template, for finished turns.
        system: the system turn, if there is one.
        tokenizer: of the template.
        name: name of the model in errors.

    Raises:
        UserError: the template fails on an answer, leaves it out, or never ends it.
    """
    finished = [*system, chat_turn("user", "?"), chat_turn("assistant", _ANSWER)]
    try:
        rendered = render(finished)
    except Exception as error:  # jinja2 raises whatever the template's author chose
        raise UserError(
            what=f"the chat template of model '{name}' fails on a question with its answer: "
            f"{error}",
            where=str(tokenizer.name_or_path),
            expected="a template that renders user and assistant turns",
            remedy="correct the template, or set the values that it needs in "
            f"`models.{name}.template_arguments`",
        ) from None
    if _ANSWER not in rendered:
        raise UserError(
            what=f"the chat template of model '{name}' leaves out the text of an answer",
            where=str(tokenizer.name_or_path),
            expected="a template for messages whose content is text",
            remedy="save a text template with the tokenizer; this one may be for images",
        )
    tail = rendered.rpartition(_ANSWER)[2]
    special = [token for token in special_tokens(tokenizer) if token in tail]
    if not special:
        # Some families (GLM) end an answer with the token that opens the next turn.
        longer = render([*finished, chat_turn("user", "?")])
        tail = longer.rpartition(_ANSWER)[2]
        special = [token for token in special_tokens(tokenizer) if token in tail]
    if not special:
        raise UserError(
            what=f"the chat template of model '{name}' never ends an answer",
            where=f"{tokenizer.name_or_path}: {tail!r} follows an answer",
            expected="a special token that ends the assistant's turn, such as the tokenizer's eos_token",
            remedy="end the assistant turn in the template, or add its end token to the "
            "tokenizer's special tokens",
        )
    first = min(special, key=tail.index)
    return tail[: tail.index(first) + len(first)]
