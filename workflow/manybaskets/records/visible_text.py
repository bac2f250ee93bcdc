"""Whether a text shows anything: spaces, control characters and invisible marks show nothing."""

from __future__ import annotations

import unicodedata

import polars as pl

_HIDDEN_CATEGORIES = ("Cc", "Cf", "Zs", "Zl", "Zp")
# Letters and symbols that are drawn as nothing: fillers, the empty Braille cell, variation selectors.
_HIDDEN = frozenset("\u115f\u1160\u2800\u3164\uffa0") | set(map(chr, range(0xFE00, 0xFE10)))
_SHOWN = r"[^\p{Cc}\p{Cf}\p{Z}\u{115F}\u{1160}\u{2800}\u{3164}\u{FFA0}\u{FE00}-\u{FE0F}]"


def shows_nothing(text: str) -> bool:
    """Whether a text has no visible character."""
    return all(
        unicodedata.category(character) in _HIDDEN_CATEGORIES or character in _HIDDEN
        for character in text
    )


def has_visible_text(column: str) -> pl.Expr:
    """Whether the texts of a column have a visible character; null stays null."""
    return pl.col(column).str.contains(_SHOWN)
