"""Conversations in datasets: questions, answers, and faults."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"
# Keys of a message's speaker and text: of the standard form, and of ShareGPT.
_FORMS = (("role", "content"), ("from", "value"))
_ROLES = {
    "human": USER,
    "gpt": ASSISTANT,
    "chatgpt": ASSISTANT,
    "bot": ASSISTANT,
    "model": ASSISTANT,
}
_CALLS = ("tool_calls", "function_call")


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

    Messages are `{role, content}`, `{from, value}` (ShareGPT) or texts of user and assistant by turns
    (UltraChat). Other keys of a message (addresses, headers, locations) are ignored. What cannot be
    trained on, such as a tool call or an image, is a fault of its conversation.

    Args:
        value: list of messages; null or an empty text is a conversation without messages.
        answered: whether assistant turns are required, one after each user turn; otherwise they are
            skipped and may be missing.

    Raises:
        ValueError: the value is not a list of messages, or a message has no text.
    """
    messages = _messages(value)
    system = bool(messages) and messages[0][0] == SYSTEM
    first = 2 if system else 1
    turns = messages[1:] if system else messages
    fault = next((f"message {number} {content.fault}"
                  for number, (_, content) in enumerate(turns, start=first)
                  if isinstance(content, _Unusable)), None)  # fmt: skip
    fault = fault or _fault(turns, answered, first)
    if fault:
        return Conversation(system=system, fault=fault)
    questions = tuple(content for role, content in turns if role == USER)
    answers = tuple(content for role, content in turns if role == ASSISTANT)
    return Conversation(questions, answers if answered else (), system)


@dataclass(frozen=True)
class _Unusable:
    """Content of a message that is no text."""

    fault: str


def _messages(value: Any) -> list[tuple[str, str | _Unusable]]:
    if isinstance(value, str):
        value = _decoded(value)
    if value is None:
        return []
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"expected a list of messages, found {type(value).__name__}")
    if value and all(isinstance(message, str) for message in value):
        return [(ASSISTANT if place % 2 else USER, text) for place, text in enumerate(value)]
    return [_message(message, number) for number, message in enumerate(value, start=1)]


def _message(message: Any, number: int) -> tuple[str, str | _Unusable]:
    if not isinstance(message, Mapping):
        raise ValueError(f"message {number} is not an object but {type(message).__name__}")
    form = next((form for form in _FORMS if form[0] in message), None)
    if form is None:
        raise ValueError(f"message {number} has the keys {', '.join(message) or '(no keys)'}")
    role, content = message[form[0]], message.get(form[1])
    if not isinstance(role, str):
        raise ValueError(f"the role of message {number} has the type {type(role).__name__}")
    return _ROLES.get(role, role), _text(content, message)


def _text(content: Any, message: Mapping[str, Any]) -> str | _Unusable:
    """The text of a message, which may be given in pieces."""
    if any(message.get(key) for key in _CALLS):
        return _Unusable("calls a tool")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    pieces = content if isinstance(content, list) else [content]
    texts = [piece.get("text") if isinstance(piece, Mapping) else piece for piece in pieces]
    if all(isinstance(text, str) for text in texts):
        return "".join(texts)
    kinds = {str(piece.get("type")) if isinstance(piece, Mapping) else type(piece).__name__
             for piece in pieces}  # fmt: skip
    return _Unusable(f"has content that is not text ({', '.join(sorted(kinds))})"[:80])


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
