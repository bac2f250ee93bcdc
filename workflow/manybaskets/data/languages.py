"""Languages and scripts of texts, and which of them an encoder or a tokeniser knows."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import numpy as np

# Short texts, names, numbers and code do not identify a language.
LETTERS_TO_JUDGE = 40
CERTAIN = 0.9
_NO_LANGUAGE = "zxx"  # what the library calls addresses, numbers and the like
MAX_UNKNOWN = 0.1  # share of a set's answers; with more, the set has no value
# Scripts of languages that are not written in Latin letters; kana stands for hiragana and katakana.
_SCRIPTS = {
    "am": {"ethiopic"}, "ar": {"arabic"}, "be": {"cyrillic"}, "bg": {"cyrillic"},
    "bn": {"bengali"}, "el": {"greek"}, "fa": {"arabic"}, "gu": {"gujarati"}, "he": {"hebrew"},
    "hi": {"devanagari"}, "hy": {"armenian"}, "ja": {"han", "kana"}, "ka": {"georgian"},
    "kk": {"cyrillic"}, "km": {"khmer"}, "kn": {"kannada"}, "ko": {"hangul", "han"},
    "ky": {"cyrillic"}, "lo": {"lao"}, "mk": {"cyrillic"}, "ml": {"malayalam"},
    "mn": {"cyrillic"}, "mr": {"devanagari"}, "my": {"myanmar"}, "ne": {"devanagari"},
    "pa": {"gurmukhi"}, "ps": {"arabic"}, "ru": {"cyrillic"}, "si": {"sinhala"},
    "sr": {"cyrillic", "latin"}, "ta": {"tamil"}, "te": {"telugu"}, "th": {"thai"},
    "ug": {"arabic"}, "uk": {"cyrillic"}, "ur": {"arabic"}, "yi": {"hebrew"}, "zh": {"han"},
}  # fmt: skip
_OF_NAMES = {"cjk": "han", "hiragana": "kana", "katakana": "kana", "fullwidth": "latin"}
# Scripts without spaces between words, which the project's word tokeniser cannot divide. Han and
# kana are not among them: each of their characters counts as a word.
UNDIVIDED = frozenset({"thai", "lao", "khmer", "myanmar", "tibetan", "javanese", "balinese"})


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


def script_of(text: str) -> str | None:
    """Script of most of a text's letters, such as `latin` or `han`; null without a letter."""
    if text.isascii():
        return "latin" if any(map(str.isalpha, text)) else None
    counts = Counter(script for letter in text if (script := _script(letter)))
    return max(counts, key=lambda script: (counts[script], script)) if counts else None


@cache
def _script(letter: str) -> str | None:
    if not letter.isalpha():
        return None
    name = unicodedata.name(letter, "").partition(" ")[0].lower()
    return _OF_NAMES.get(name, name) or None


def known_in(text: str, languages: Collection[str] | None) -> bool:
    """Whether a text may be in one of these languages; null for any.

    A text without letters may. Another script shows in any text, another language of the same
    script only in one that is long enough to identify it.
    """
    if languages is None:
        return True
    script = script_of(text)
    if script is None:
        return True
    if not any(script in _SCRIPTS.get(code, {"latin"}) for code in languages):
        return False
    return language_of(text) in (None, *languages)


def divided(text: str) -> bool:
    """Whether the project's word tokeniser finds the words of a text's script."""
    return script_of(text) not in UNDIVIDED


def usable(known: Sequence[bool] | np.ndarray) -> np.ndarray:
    """Mask of the texts of a set that are used, from those that are known.

    None if more than a tenth of them is unknown: the rest would be another set.
    """
    mask = np.asarray(known, dtype=bool)
    return mask if not len(mask) or mask.mean() >= 1 - MAX_UNKNOWN else np.zeros_like(mask)
