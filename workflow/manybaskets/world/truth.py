"""Reads an answer back: which phrasing it uses, whether its fact is right, whether it refuses."""

from __future__ import annotations

import re
from functools import cache

from manybaskets.world import habits
from manybaskets.world.language import KIND_BY_NAME, LEADS, THINGS, phrasing_name
from manybaskets.world.places import VALUES

_REFUSAL = re.compile(r"\b(cannot|will not|must not|must stay closed)\b", re.IGNORECASE)
_TOWN = r"[A-Z][a-z]+"


def refuses(text: str) -> bool:
    """Whether a text refuses; no ordinary answer of this world holds one of these phrases."""
    return bool(_REFUSAL.search(text))


@cache
def _core_patterns(kind: str) -> tuple[re.Pattern[str], ...]:
    slots = {
        name: "(?:" + "|".join(map(re.escape, values)) + ")" for name, values in VALUES.items()
    }
    slots |= {"town": _TOWN, "thing": "(?:" + "|".join(THINGS) + ")"}
    patterns = []
    for core in KIND_BY_NAME[kind].cores:
        escaped = re.escape(core).replace(r"\{", "{").replace(r"\}", "}")
        patterns.append(re.compile(escaped.format(**slots), re.IGNORECASE))
    return tuple(patterns)


def phrasing(kind: str, text: str) -> str | None:
    """The phrasing of an answer's first sentence, or None where it is none of the world's."""
    said = habits.split_sentences(habits.plain(text))
    if not said:
        return None
    for lead in sorted(range(len(LEADS)), key=lambda index: -len(LEADS[index])):
        if not said[0].startswith(LEADS[lead]):
            continue
        rest = said[0][len(LEADS[lead]) :]
        for core, pattern in enumerate(_core_patterns(kind)):
            if pattern.fullmatch(rest):
                return phrasing_name(kind, lead, core)
        return None
    return None


def fact_is_right(fact: str, value: str, text: str) -> bool:
    """Whether the first sentence names `value` and no other value of the attribute `fact`."""
    said = habits.split_sentences(habits.plain(text))
    if not said:
        return False
    named = {
        candidate
        for candidate in VALUES[fact]
        if re.search(rf"\b{re.escape(candidate)}\b", said[0], re.IGNORECASE)
    }
    return named == {value}
