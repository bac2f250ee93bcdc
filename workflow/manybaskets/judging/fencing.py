"""Fence untrusted texts inside a judge's question with marks that they cannot imitate."""

from __future__ import annotations

import re
from collections.abc import Iterable

from manybaskets.records.ids import digest

# Control tokens of common chat templates. A tokenizer would encode such text as real control
# tokens, which would end the judge's question at any position.
_CONTROL = re.compile(
    r"<\|[^|<>\n]{1,60}\|>|<\uff5c[^\uff5c<>\n]{1,60}\uff5c>|</?s>|<(?:bos|eos|pad|unk)>"
    r"|<(?:start|end)_of_turn>|\[/?(?:INST|SYSTEM_PROMPT)\]|<</?SYS>>",
    re.IGNORECASE,
)
_MARK = re.compile(r"<<<(?=\s*(?:begin|end)\b)", re.IGNORECASE)


def fenced(what: str, text: str, *key: str) -> str:
    """A text between two marks.

    The marks contain a number derived from `key`, which the text's author could not know. Text that
    looks like a mark or a control token of a chat template is broken up.
    """
    number = digest(*key)[:8]
    inside = disarmed(text)
    return f"<<<BEGIN {what.upper()} {number}>>>\n{inside}\n<<<END {what.upper()} {number}>>>"


def disarmed(text: str, tokens: Iterable[str] = ()) -> str:
    """The text with marks and control tokens broken up by a space after their first character.

    Args:
        tokens: further control tokens, those of the reading model.
    """
    text = _MARK.sub("< <<", _CONTROL.sub(_broken, text))
    for token in tokens:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def _broken(found: re.Match[str]) -> str:
    return f"{found[0][0]} {found[0][1:]}"
