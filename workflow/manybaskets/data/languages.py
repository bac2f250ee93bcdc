"""Languages and scripts of texts, and which of them an encoder or a tokeniser knows."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

# Short texts, names, numbers and code do not identify a language.
LETTERS_TO_JUDGE = 40
CERTAIN = 0.9
_NO_LANGUAGE = "zxx"  # what the library calls addresses, numbers and the like
MAX_UNKNOWN = 0.1  # share of a set's answers; with more, the set has no value
# Share of a text's letters. Names, code and borrowed words are in Latin letters in any language.
MAX_FOREIGN, MAX_FOREIGN_LATIN = 0.25, 0.5
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
PICTURES = "pictures"  # emoji and other symbols, of a text that has nothing else
UNDIVIDED = frozenset(
    {"thai", "lao", "khmer", "myanmar", "tibetan", "javanese", "balinese", PICTURES}
)


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
    """Script of most of a text's letters, such as `latin` or `han`; null without a letter.

    `PICTURES` for a text of emoji or other symbols without letters and digits.
    """
    counts = _scripts(text)
    if counts:
        return max(counts, key=lambda script: (counts[script], script))
    if text.isascii() or any(map(str.isalnum, text)):
        return None
    return PICTURES if any(unicodedata.category(each) in ("So", "Sk") for each in text) else None


def _scripts(text: str) -> Mapping[str, int]:
    """Number of letters of each script."""
    if text.isascii():
        letters = sum(map(str.isalpha, text))
        return {"latin": letters} if letters else {}
    return Counter(script for letter in text if (script := _script(letter)))


@cache
def _script(letter: str) -> str | None:
    if not letter.isalpha():
        return None
    name = unicodedata.name(letter, "").partition(" ")[0].lower()
    return _OF_NAMES.get(name, name) or None


def known_in(text: str, languages: Collection[str] | None) -> bool:
    """Whether a text may be in one of these languages; null for any.

    A text without letters may, unless it consists of emoji. More than a quarter of letters in another
    script shows in any text (in Latin letters more than half), another language of the same script
    only in one that is long enough to identify it.
    """
    if languages is None:
        return True
    counts = _scripts(text)
    if not counts:
        return script_of(text) != PICTURES
    known = frozenset().union(*(_SCRIPTS.get(code, {"latin"}) for code in languages))
    letters, latin = sum(counts.values()), counts.get("latin", 0)
    foreign = letters - sum(count for script, count in counts.items() if script in known)
    if "latin" not in known and latin > MAX_FOREIGN_LATIN * letters:
        return False
    if foreign - (0 if "latin" in known else latin) > MAX_FOREIGN * letters:
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
