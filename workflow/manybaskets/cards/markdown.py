"""Quote untrusted text inside Markdown."""

from __future__ import annotations

import re
from typing import Any


def code(value: Any) -> str:
    """Any value as inline code in Markdown."""
    text = " ".join("".join(mark if mark.isprintable() else " " for mark in str(value)).split())
    fence = _fence(text, 1)
    # If a text begins or ends with a backtick, or is empty, the fence needs a space.
    room = " " if not text or "`" in (text[0], text[-1]) else ""
    return f"{fence}{room}{text}{room}{fence}"


def block(text: str) -> str:
    """Any text as a code block in Markdown."""
    fence = _fence(text, 3)
    return f"{fence}text\n{text}\n{fence}"


def _fence(text: str, shortest: int) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(shortest, longest + 1)
