"""A tokenizer from the config that divides answers into words, in place of the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from manybaskets.data.languages import known_in
from manybaskets.errors import UserError
from manybaskets.models.libraries import import_libraries

_MAX_UNKNOWN_TOKENS = 0.1  # of a text; with more, the tokenizer does not know it


def tokenizer_file(tokenizer: str) -> Path:
    """The file of a tokenizer: `tokenizer.json`, alone or in a model's folder.

    Raises:
        UserError: it does not exist.
    """
    path = Path(tokenizer)
    path = path / "tokenizer.json" if path.is_dir() else path
    if not path.is_file():
        raise UserError(
            what="the tokenizer of words does not exist",
            where=f"words.tokenizer: {tokenizer}",
            expected="a tokenizer.json, or a folder that contains one",
            remedy="set `words.tokenizer` to such a file, or remove `words` to divide texts by rules",
        )
    return path


class WordTokenizer:
    """Words of texts as a tokenizer gives them; its file is read at first use.

    Args:
        tokenizer, languages: as in the config, `words`.
    """

    def __init__(self, tokenizer: str, languages: list[str] | None = None) -> None:
        self.file, self.languages = tokenizer_file(tokenizer), languages

    @cached_property
    def _tokenizer(self) -> Any:
        import_libraries("tokenizers")
        from tokenizers import Tokenizer

        made = Tokenizer.from_file(str(self.file))
        made.no_truncation()
        made.no_padding()
        return made

    @cached_property
    def _unknown(self) -> int | None:
        """Number of the token for what the tokenizer does not know; null if it knows every byte."""
        model = json.loads(self.file.read_text(encoding="utf-8"))["model"]
        token = model.get("unk_token")
        return model.get("unk_id") if token is None else self._tokenizer.token_to_id(token)

    def words(self, text: str) -> list[str]:
        """Tokens of a text, without special tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).tokens

    def first_words(self, text: str, count: int) -> str:
        """A text truncated after its first tokens; unchanged if it has no more."""
        if count < 1:
            return ""
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return text if len(offsets) <= count else text[: offsets[count - 1][1]]

    def divides(self, text: str) -> bool:
        """Whether it knows a text: its language, as far as stated, and nine tokens of ten."""
        if not known_in(text, self.languages):
            return False
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids.count(self._unknown) <= _MAX_UNKNOWN_TOKENS * len(ids)


@lru_cache(maxsize=2)
def _opened(tokenizer: str, languages: tuple[str, ...] | None) -> WordTokenizer:
    return WordTokenizer(tokenizer, None if languages is None else list(languages))


def word_tokenizer(settings: Mapping[str, Any] | None) -> WordTokenizer | None:
    """The tokenizer of the config section `words`; None for the rules.

    Raises:
        UserError: it does not exist.
    """
    if settings is None:
        return None
    languages = settings.get("languages")
    return _opened(settings["tokenizer"], None if languages is None else tuple(languages))
