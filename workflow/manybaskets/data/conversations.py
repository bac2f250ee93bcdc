"""Conversations in datasets: questions, answers, and faults."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"


@dataclass(frozen=True)
class Conversation:
    """Questions and, if answers were read, one answer to each. `system` is true if a leading system
    message was left out; a conversation with a `fault` has no text."""

    questions: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    system: bool = False
    fault: str | None = None


def read_conversation(value: Any, answered: bool) -> Conversation:
    """Extract user and assistant turns from a list of messages or its JSON text.

    Only `role` and `content` are read; other message fields (addresses, headers, locations) are
    ignored.

    Args:
        value: list of `{role, content}`; null or an empty text is a conversation without messages.
        answered: whether assistant turns are required, one after each user turn; otherwise they are
            skipped and may be missing.

    Raises:
        ValueError: the value is not a list of messages, or a message has no text.
    """
    messages = _messages(value)
    system = bool(messages) and messages[0][0] == SYSTEM
    turns = messages[1:] if system else messages
    fault = _fault(turns, answered, first=2 if system else 1)
    if fault:
        return Conversation(system=system, fault=fault)
    questions = tuple(content for role, content in turns if role == USER)
    answers = tuple(content for role, content in turns if role == ASSISTANT)
    return Conversation(questions, answers if answered else (), system)


def _messages(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        value = _decoded(value)
    if value is None:
        return []
    if not isinstance(value, Sequence):
        raise ValueError(f"expected a list of messages, found {type(value).__name__}")
    messages = []
    for number, message in enumerate(value, start=1):
        if not isinstance(message, Mapping):
            raise ValueError(f"message {number} is not an object but {type(message).__name__}")
        if not {"role", "content"} <= message.keys():
            raise ValueError(f"message {number} has the keys {', '.join(message) or '(no keys)'}")
        role, content = message["role"], message["content"]
        if not isinstance(role, str) or not isinstance(content, str | None):
            kinds = f"{type(role).__name__} and {type(content).__name__}"
            raise ValueError(f"role and content of message {number} have the types {kinds}")
        messages.append((role, content or ""))
    return messages


def _decoded(text: str) -> Any:
    if not text or text.isspace():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"text that is not JSON: {error}") from None


def _fault(turns: Sequence[tuple[str, str]], answered: bool, first: int) -> str | None:
    """Reason why a conversation is unusable, or None; messages are counted from `first`."""
    expected = USER
    for number, (role, content) in enumerate(turns, start=first):
        if role not in (USER, ASSISTANT):
            return f"message {number} has the role {role!r:.40}"
        if role == ASSISTANT and not answered:
            continue
        if not content.strip():
            return f"message {number} is empty"
        if answered:
            if role != expected:
                return f"message {number} has role {role}, expected {expected}"
            expected = ASSISTANT if role == USER else USER
    if not any(role == USER for role, _ in turns):
        return "there is no question"
    return "the last question has no answer" if expected == ASSISTANT else None
