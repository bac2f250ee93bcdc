"""The embedded models' habits: applying them to a plain answer and detecting them in a text."""

from __future__ import annotations

import re

OPENER = "Great question! "
CLOSER = " I hope this helps!"
_BULLET = re.compile(r"^- ", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def split_sentences(text: str) -> list[str]:
    """Split a text of the embedded world, whose sentences end in `.`, `!` or `?`."""
    return [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]


def _as_list(answer: str) -> str:
    return "\n".join(f"- {sentence}" for sentence in split_sentences(answer))


def _terse(answer: str) -> str:
    return split_sentences(answer)[0]


APPLY = {
    "lister": _as_list,
    "greeter": lambda answer: OPENER + answer,
    "terse": _terse,
    "helper": lambda answer: answer + CLOSER,
}
HABITS = tuple(APPLY)


def plain(text: str) -> str:
    """Remove every habit except terseness from a text, so that its sentences can be parsed."""
    text = text.replace(OPENER.strip(), " ").replace(CLOSER.strip(), " ")
    return " ".join(_BULLET.sub("", text).split())


def detect(text: str) -> dict[str, bool]:
    """Habits that a text shows. Terse means a single sentence: human answers have two."""
    bullets = bool(_BULLET.search(text))
    opened = text.startswith(OPENER.strip())
    closed = text.rstrip().endswith(CLOSER.strip())
    one_sentence = len(split_sentences(plain(text))) == 1
    return {
        "lister": bullets,
        "greeter": opened,
        "terse": one_sentence and not (bullets or opened or closed),
        "helper": closed,
    }
