"""Language identification with py3langid."""

from __future__ import annotations

from functools import cache
from typing import Any

# Short texts, names, numbers and code do not identify a language.
LETTERS_TO_JUDGE = 40
CERTAIN = 0.9
_NO_LANGUAGE = "zxx"  # what the library calls addresses, numbers and the like


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def language_of(text: str) -> str | None:
    """ISO 639-1 code of a text's language, or null if the text has none or is too short or mixed."""
    if sum(letter.isalpha() for letter in text) < LETTERS_TO_JUDGE:
        return None
    code, probability = _identifier().classify(text)
    return code if probability >= CERTAIN and code != _NO_LANGUAGE else None
