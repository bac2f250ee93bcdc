"""Names with a fixed meaning in every study: the human source, the untuned run, the sides of the split."""

from __future__ import annotations

HUMAN = "human"
VANILLA = "vanilla"
# Measured for every prompt set, listed or not: no other value is read without the answers' length.
LENGTHS = ("response_words", "response_tokens", "truncated")

TRAIN, VALIDATION, TEST = "train", "validation", "test"
Run = tuple[str, int]  # mix and training seed; the untuned target is (`vanilla`, 0)
