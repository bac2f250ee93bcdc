"""Quality checks for answers used as training data, and the file of rejected answers."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from manybaskets.config.engines import Quality
from manybaskets.data.languages import language_of
from manybaskets.measures.tokens import spaced
from manybaskets.records.visible_text import shows_nothing
from manybaskets.records.writing import write_text

# Shorter texts have too few 4-grams and too large a share of zlib header to measure repetition.
WORDS_TO_JUDGE = 12
BYTES_TO_JUDGE = 200


def fault(text: str, prompt: str, quality: Quality) -> str | None:
    """The first reason to reject an answer, or None.

    Reasons: `empty`, `too short`, `broken characters`, `echo of the prompt`, `repeats itself`,
    `compresses too well`, `wrong language`.
    """
    stripped = text.strip()
    if shows_nothing(stripped):
        return "empty" if quality.min_words else None
    if len(spaced(stripped).split()) < quality.min_words:
        return "too short"
    if "\ufffd" in text:
        return "broken characters"
    if quality.no_echo and echoes(text, prompt):
        return "echo of the prompt"
    if repeated_share(stripped) > quality.max_repeated_share:
        return "repeats itself"
    if compression(stripped) > quality.max_compression:
        return "compresses too well"
    if quality.languages is not None:
        found = language_of(stripped)
        if found is not None and found not in quality.languages:
            return "wrong language"
    return None


def echoes(text: str, prompt: str) -> bool:
    """Whether an answer repeats the prompt, ignoring case and whitespace."""
    return text.casefold().split() == prompt.casefold().split()


def repeated_share(text: str, n: int = 4) -> float:
    """Share of a text's word n-grams that occurred earlier in it; 0 for very short texts.

    Words are between spaces; every Han and kana is one.
    """
    words = spaced(text).split()
    if len(words) < WORDS_TO_JUDGE:
        return 0.0
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return 1 - len(set(grams)) / len(grams)


def compression(text: str) -> float:
    """UTF-8 size of a text divided by its zlib size; 1 for short texts."""
    raw = text.encode(errors="replace")
    return len(raw) / len(zlib.compress(raw)) if len(raw) >= BYTES_TO_JUDGE else 1.0


def write_quarantine(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write rejected answers as JSON lines: prompt, text, reason, attempts."""
    kept = ("prompt_id", "sample", "turn", "reason", "attempts", "finish_reason", "text")
    ordered = sorted(rows, key=lambda row: (row["prompt_id"], row["sample"], row["turn"]))
    lines = [json.dumps({k: row[k] for k in kept}, ensure_ascii=False) + "\n" for row in ordered]
    write_text("".join(lines), path)
