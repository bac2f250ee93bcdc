"""Prompts: what a person asks, and the messages that a chat template makes text of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


def chat_turn(role: str, content: str) -> dict[str, str]:
    """One message of a conversation."""
    return {"role": role, "content": content}


@dataclass(frozen=True)
class Prompt:
    """A user's question and the passage it refers to, if any. In a conversation, later questions
    follow; each is asked after the answer to the previous one."""

    prompt_id: str
    instruction: str
    context: str = ""
    follow_ups: tuple[str, ...] = ()  # later questions of a conversation

    @property
    def turns(self) -> int:
        """Number of answers that the conversation asks for."""
        return 1 + len(self.follow_ups)

    def conversation(
        self, answers: Sequence[str], context_characters: int | None = None
    ) -> list[dict[str, str]]:
        """User and assistant turns up to the question after `answers`."""
        questions = [self.text(context_characters), *self.follow_ups][: len(answers) + 1]
        turns = []
        for index, question in enumerate(questions):
            turns.append(chat_turn("user", question))
            turns += [chat_turn("assistant", answers[index])] if index < len(answers) else []
        return turns

    def text(self, context_characters: int | None = None) -> str:
        """The user turn: context, blank line, instruction; only the context may be truncated."""
        context = self.context if context_characters is None else self.context[:context_characters]
        context = context.strip()
        return f"{context}\n\n{self.instruction}" if context else self.instruction


@dataclass(frozen=True)
class Rendered:
    """A prompt ready for generation: its messages, their token ids up to the answer header (empty
    if a server renders), and how much of its context and history they contain."""

    messages: tuple[tuple[str, str], ...]
    ids: tuple[int, ...]
    context_characters: int
    shortened: bool
    dropped_turns: int = 0


def prompts_of(frame: pl.DataFrame) -> list[Prompt]:
    """Prompts from the rows of a prompt set (columns of `records.PROMPTS`)."""
    columns = frame.select("prompt_id", "instruction", "context", "follow_ups")
    return [
        Prompt(prompt_id, instruction, context, tuple(follow_ups))
        for prompt_id, instruction, context, follow_ups in columns.iter_rows()
    ]
