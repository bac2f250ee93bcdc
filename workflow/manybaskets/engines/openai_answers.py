"""What a server with OpenAI's API answers: chat completions and their token counts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from manybaskets.engines.base import WITHHELD, Completion

LARGEST = 2**31 - 1  # seed accepted by every server; token counts that responses can contain
# JSON can encode these, but files cannot contain them.
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


# Other names that servers give to the two ends of an answer.
_ENDS = {"eos_token": "stop", "eos": "stop", "end_turn": "stop", "stop_sequence": "stop"}
_ENDS |= {"max_tokens": "length", "max_length": "length"}
_THOUGHTS = ("reasoning_content", "reasoning")


class MalformedAnswer(ValueError):
    """The response is not a chat completion."""


def decoded(content: bytes) -> dict[str, Any]:
    """The JSON object of a response.

    Raises:
        MalformedAnswer: it is not an answer.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise MalformedAnswer(f"not a JSON object: {content!r}")
    return answer


def token_counts(answer: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens of prompt and answer counted by the server, or null."""
    usage = answer.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return _count(prompt), _count(completion)


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST else None


def completion_of(answer: Mapping[str, Any]) -> Completion:
    """The answer in a chat completion.

    Raises:
        MalformedAnswer: it contains no answer, or has an invalid finish reason.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise MalformedAnswer(f"no choices: {json.dumps(answer)}")
    prompt_tokens, completion_tokens = token_counts(answer)
    served = answer.get("model")
    served = storable(served) if isinstance(served, str) else None
    reason, text = choice.get("finish_reason"), message.get("content")
    reason = _ENDS.get(reason, reason) if isinstance(reason, str) else reason
    if reason == "content_filter":
        return Completion(None, "error", completion_tokens, prompt_tokens, WITHHELD, served)
    if reason not in ("stop", "length"):
        raise MalformedAnswer(f"finish_reason is {reason!r}")
    if not text:
        text = message.get("refusal") or text
    if text is None and reason == "length":
        text = ""  # a reasoning model may reach the limit before its answer begins
    if not isinstance(text, str):
        thoughts = next((key for key in _THOUGHTS if message.get(key)), None)
        hint = f", but it has text in `{thoughts}`: the server's reasoning parser kept the answer"
        raise MalformedAnswer(f"its text is {text!r}{hint if thoughts else ''}")
    text = storable(text.strip())
    return Completion(text, reason, completion_tokens, prompt_tokens, served=served)


def storable(text: str) -> str:
    """The text with a replacement character for what no file can contain."""
    return _LONE_SURROGATES.sub("\ufffd", text)
