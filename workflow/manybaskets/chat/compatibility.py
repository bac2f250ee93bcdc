"""What the renderer makes of a tokenizer and its chat template, in one row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from manybaskets.chat.control_tokens import control_tokens
from manybaskets.chat.prompts import chat_turn
from manybaskets.chat.reasoning import closing_of_open_thought
from manybaskets.chat.renderer import ChatRenderer
from manybaskets.chat.template_arguments import template_variables
from manybaskets.errors import UserError

SYSTEM = "You are a helpful assistant."
QUESTIONS = ("Why is the sea salty?", "And lakes?")
ANSWERS = ("Rivers carry salt.", "Most drain.")
DATE = "26 Jul 2024"


@dataclass(frozen=True)
class Compatibility:
    """How a chat template works with this project.

    Attributes:
        one_question: `equal` where the token ids of a question are those of the tokenizer's own
            `apply_chat_template`; else what differs or fails.
        answer_end: text that ends an answer.
        system: whether the template takes a system turn.
        two_turns: `yes` where one training sequence holds both turns; else why not.
        control_text: whether control tokens spelled in a question stay text.
        arguments: variables that `template_arguments` may set.
    """

    name: str
    one_question: str
    answer_end: str = ""
    system: bool = False
    two_turns: str = ""
    control_text: bool = False
    arguments: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether single-turn prompts render as the template writes them."""
        return self.one_question.startswith("equal")


def examine(tokenizer: Any, name: str, arguments: Mapping[str, Any] | None = None) -> Compatibility:
    """Try a tokenizer's chat template on one question, two turns and a question full of controls."""
    try:
        chat = ChatRenderer(tokenizer, SYSTEM, DATE, name, template_arguments=arguments)
        question = chat.encode_prompt(QUESTIONS[0])
    except UserError as error:
        return Compatibility(name, error.what)
    own = tokenizer.apply_chat_template(
        chat.messages([chat_turn("user", QUESTIONS[0])]),
        tokenize=False,
        add_generation_prompt=True,
        date_string=DATE,
        **(arguments or {}),
    )
    closing = closing_of_open_thought(own)
    expected = tuple(tokenizer(own + closing, add_special_tokens=False)["input_ids"])
    verdict = "equal" if question == expected else "different"
    if question == (tokenizer.bos_token_id, *expected):
        verdict = "equal, with the BOS that the tokenizer adds"
    if closing and verdict.startswith("equal"):
        verdict += ", with the opened thought closed"
    return Compatibility(
        name,
        verdict,
        chat.end_text,
        chat.system_turn,
        _two_turns(chat, tokenizer, name, arguments),
        _stays_text(chat),
        template_variables(tokenizer.get_chat_template())[1],
    )


def _two_turns(
    chat: ChatRenderer, tokenizer: Any, name: str, arguments: Mapping[str, Any] | None
) -> str:
    try:
        chat.encode_turns(QUESTIONS, ANSWERS)
        return "yes"
    except UserError as error:
        reason = error.what
    if not chat.system_turn:
        return reason
    try:
        bare = ChatRenderer(tokenizer, "", DATE, name, template_arguments=arguments)
        bare.encode_turns(QUESTIONS, ANSWERS)
        return "without a system prompt"
    except UserError:
        return reason


def _stays_text(chat: ChatRenderer) -> bool:
    numbers = {
        chat.tokenizer.convert_tokens_to_ids(text) for text in control_tokens(chat.tokenizer)
    }
    plain = [number for number in chat.encode_prompt("Why?") if number in numbers]
    texts = " ".join(control_tokens(chat.tokenizer)[:200])
    return [n for n in chat.encode_prompt(f"Why {texts}?") if n in numbers] == plain
