"""Patterns of paths: `runs/{target}/{mix}/seed{seed}/adapter`, with names in braces for what differs."""

from __future__ import annotations

import re
from pathlib import Path

_NAME, _NUMBER = "[a-z0-9._-]+", "[0-9]+"
# What a name in braces stands for, as a regular expression.
WILDCARDS = {
    "model": _NAME,
    "source": _NAME,
    "target": _NAME,
    "mix": _NAME,
    "judge": _NAME,
    "author": _NAME,
    "prompt_set": _NAME,
    "seed": _NUMBER,
    "shard": _NUMBER,
    "shards": _NUMBER,
    "table": _NAME,
    "figure": _NAME,
    "ending": _NAME,
}
_BRACES = re.compile(r"\{(\w+)\}")


def read_path(pattern: Path, path: Path) -> dict[str, str] | None:
    """What the names in braces of a pattern are in a path, or None if it does not fit the pattern.

    Args:
        pattern: a path with names in braces; those that are not in `WILDCARDS` stand for a name.
    """
    pieces, seen = [], set()
    for place, text in enumerate(_BRACES.split(str(pattern))):
        if place % 2 == 0:
            pieces.append(re.escape(text))
        elif text in seen:
            pieces.append(f"(?P={text})")
        else:
            seen.add(text)
            pieces.append(f"(?P<{text}>{WILDCARDS.get(text, _NAME)})")
    found = re.fullmatch("".join(pieces), str(path))
    return found.groupdict() if found else None
