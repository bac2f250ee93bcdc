"""Whether an answer can be trusted as training data: checks of one row, and the rows set apart."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from manybaskets.config.engines import Quality
from manybaskets.generation.language import language_of
from manybaskets.records.files import write_text

# Shorter texts have too few 4-grams, and too much of zlib's own header, to judge repetition by.
WORDS_TO_JUDGE = 12
BYTES_TO_JUDGE = 200


def fault(text: str, prompt: str, quality: Quality) -> str | None:
    """The first reason not to take an answer, or none.

    Reasons: `empty`, `too short`, `broken characters`, `echo of the prompt`, `repeats itself`,
    `compresses too well`, `wrong language`.
    """
    stripped = text.strip()
    if not stripped:
        return "empty" if quality.min_words else None
    if len(stripped.split()) < quality.min_words:
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
    """Whether an answer is the prompt again, whatever its case and white space."""
    return text.casefold().split() == prompt.casefold().split()


def repeated_share(text: str, n: int = 4) -> float:
    """Share of a text's n-grams of words that stood in it before; 0 for texts of few words."""
    words = text.split()
    if len(words) < WORDS_TO_JUDGE:
        return 0.0
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return 1 - len(set(grams)) / len(grams)


def compression(text: str) -> float:
    """Bytes of a text in UTF-8 over its bytes under zlib; 1 for short texts."""
    raw = text.encode(errors="replace")
    return len(raw) / len(zlib.compress(raw)) if len(raw) >= BYTES_TO_JUDGE else 1.0


def write_quarantine(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write the answers that were not taken as JSON lines: prompt, text, reason, tries."""
    kept = ("prompt_id", "sample", "turn", "reason", "attempts", "finish_reason", "text")
    ordered = sorted(rows, key=lambda row: (row["prompt_id"], row["sample"], row["turn"]))
    lines = [json.dumps({k: row[k] for k in kept}, ensure_ascii=False) + "\n" for row in ordered]
    write_text("".join(lines), path)
