"""Control tokens of a tokenizer: which texts they are, and how such text in a message stays text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_PRIVATE_USE = range(0xE000, 0xF900)  # characters that no standard assigns


def special_tokens(tokenizer: Any) -> list[str]:
    """Texts of all special tokens of a tokenizer.

    `all_special_tokens` holds only the named ones (BOS, EOS, …); a base model's tokenizer declares
    those that its instruct version needs in `added_tokens_decoder` alone.
    """
    added = tokenizer.added_tokens_decoder.values()
    declared = (str(token) for token in added if token.special)
    return list(dict.fromkeys([*tokenizer.all_special_tokens, *declared]))


def control_tokens(tokenizer: Any) -> list[str]:
    """Texts that would steer a model if they were tokenised inside a message.

    These are the special tokens, and those added tokens that the chat template itself writes
    (such as `<think>`), which some tokenizers declare as ordinary ones.
    """
    template = str(tokenizer.chat_template)
    added = (str(token) for token in tokenizer.added_tokens_decoder.values())
    written = [text for text in added if text in template and not text.isalnum() and text.strip()]
    # A single character cannot be split; those are bytes or spaces, never controls.
    return [text for text in dict.fromkeys([*special_tokens(tokenizer), *written]) if len(text) > 1]


class ControlText:
    """Finds control tokens in texts of others, and encodes them as the characters that they are.

    Args:
        tokenizer: a fast tokenizer of transformers with a chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        longest_first = sorted(control_tokens(tokenizer), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    def found_in(self, text: str) -> bool:
        """Whether a text holds a control token."""
        return bool(self._pattern.search(text))

    def encode(self, text: str) -> list[int]:
        """Token ids of text that the template wrote, control tokens included."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def encode_quoted(self, text: str, quoted: Sequence[str], mark: str) -> list[int]:
        """Token ids of a rendered text in which marks hold the place of `quoted` control texts."""
        ids: list[int] = []
        for index, piece in enumerate(re.split(f"{mark}\\d+{mark}", text)):
            if index:
                ids += self._as_characters(quoted[index - 1])
            if piece:
                ids += self.encode(piece)
        return ids

    def encode_text(self, text: str) -> list[int]:
        """Token ids of somebody's text; no control token is among them."""
        if not self.found_in(text):
            return self.encode(text)
        mark = unused_mark(text)
        marked, quoted = self.quote(text, mark)
        return self.encode_quoted(marked, quoted, mark)

    def quote(self, text: str, mark: str, first: int = 0) -> tuple[str, list[str]]:
        """Replace control tokens in a text by numbered marks.

        Args:
            first: number of the first mark.

        Returns:
            The text with marks, and what each mark stands for, in order.
        """
        quoted: list[str] = []

        def numbered(match: re.Match[str]) -> str:
            quoted.append(match.group())
            return f"{mark}{first + len(quoted) - 1}{mark}"

        return self._pattern.sub(numbered, text), quoted

    def _as_characters(self, text: str) -> list[int]:
        # Split after the first character, neither half is a control token of its own.
        return [*self.encode(text[0]), *self.encode_text(text[1:])]


def unused_mark(*texts: str) -> str:
    """A private-use character that occurs in none of the texts."""
    return next(
        character
        for character in map(chr, _PRIVATE_USE)
        if not any(character in text for text in texts)
    )
