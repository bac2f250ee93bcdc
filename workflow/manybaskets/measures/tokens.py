"""Words, sentences and n-grams: the tokeniser shared by all lexical measures."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.word_tokenizer import WordTokenizer

_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*", re.IGNORECASE)
# Han and kana, which are written without spaces: every character is a word of its own.
_IDEOGRAPHS = (
    "\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U000323af"
)
_UNSPACED = re.compile(rf"[{_IDEOGRAPHS}\u3001-\u3003\u3008-\u301f\uff01-\uff0f\uff1a-\uff20]")
_LAST_SCRIPT = 0x1F000  # there are no script marks above

# A sentence ends at these marks and the closing quotes and brackets after them.
_ENDS = re.compile(r"([.!?\u2026\u061f\u06d4]+)[\"'\u2019\u201d\u00bb)\]*_]*\s+|[\u3002\uff01\uff1f\uff61\u0964\u0965]+[\u2019\u201d\u300d\u300f\uff09]*\s*")  # fmt: skip
_OPENING = "\"'\u2018\u201c\u00ab([*_"
_LIST_NUMBER = re.compile(r"\W*\d{1,3}\.\W*")
# A full stop after these does not end a sentence: a name or an example follows.
_BEFORE_ANY = re.compile(
    r"mrs?|ms|dr|prof|rev|fr|gen|col|capt|lt|sgt|sen|rep|gov|hon|st|mt|ft|vs|e\.g|i\.e|viz|cf|u\.[skn]",
    re.IGNORECASE,
)
# Nor after these, if a number follows.
_BEFORE_NUMBER = re.compile(
    r"nos?|vols?|figs?|eqs?|pp?|ch|sec|ca|approx|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec",
    re.IGNORECASE,
)


@cache
def _any_word() -> re.Pattern[str]:
    """Pattern of a word in any script: letters and digits with their marks, and inner apostrophes."""
    marks = "".join(
        chr(code)
        for code in range(0x300, _LAST_SCRIPT)
        if unicodedata.category(chr(code)) in {"Mn", "Mc"}
    )
    marks += "\u200c\u200d"  # joiners inside Persian and Indic words
    letter = rf"[^\W_{_IDEOGRAPHS}]"
    run = rf"{letter}+(?:[{marks}]+{letter}*)*"
    return re.compile(rf"[{_IDEOGRAPHS}][{marks}]*|{run}(?:['\u2019]{run})*")


def words(text: str, tokenizer: WordTokenizer | None = None) -> list[str]:
    """Words of a text: lower case, letters and digits of any script, no punctuation.

    An apostrophe inside a word belongs to it, and its two forms are one; a hyphen separates words.
    Combining marks belong to their letter (composed, NFC). Of Han and kana, which are written
    without spaces, every character is a word; other scripts without spaces (Thai, Lao, Khmer,
    Burmese) give one word per run of letters. With a tokenizer, its tokens.
    """
    if tokenizer is not None:
        return tokenizer.words(text)
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found = _any_word().findall(text)
    return [unicodedata.normalize("NFC", word.lower().replace("\u2019", "'")) for word in found]


def spaced(text: str) -> str:
    """A text with spaces around Han, kana and their punctuation, which are written without spaces."""
    return text if text.isascii() else _UNSPACED.sub(r" \g<0> ", text)


def first_words(text: str, count: int, tokenizer: WordTokenizer | None = None) -> str:
    """A text truncated after its first words; unchanged if it has no more, empty for 0 words."""
    if tokenizer is not None:
        return tokenizer.first_words(text, count)
    if count < 1:
        return ""
    pattern = _ASCII_WORD if text.isascii() else _any_word()
    found = list(islice(pattern.finditer(text), count + 1))
    return text if len(found) <= count else text[: found[count - 1].end()]


def sentences(text: str) -> list[str]:
    """Sentences of a text with at least one word, stripped, in order.

    By rules, without a trained model: every line break ends a sentence (lists, headings), and so do
    `.`, `!`, `?`, `…` before white space, unless a small letter follows, or the full stop belongs to
    a common abbreviation, an initial or the number of a list's item; `。！？।` end one anywhere.
    """
    found = []
    for line in text.splitlines():
        start = 0
        for end in _ENDS.finditer(line):
            if end.end() < len(line) and _ends_sentence(line, start, end):
                found.append(line[start : end.end()])
                start = end.end()
        found.append(line[start:])
    return [each.strip() for each in found if _has_word(each)]


def _has_word(text: str) -> bool:
    return (_ASCII_WORD if text.isascii() else _any_word()).search(text) is not None


def _ends_sentence(line: str, start: int, end: re.Match[str]) -> bool:
    if end[1] is None:
        return True
    after = line[end.end() :].lstrip(_OPENING)[:1]
    if after.islower():
        return False
    if end[1] != ".":
        return True
    before = line[start : end.start()].split()
    last = before[-1].lstrip(_OPENING) if before else ""
    if _LIST_NUMBER.fullmatch(line[start : end.end()]) or _BEFORE_ANY.fullmatch(last):
        return False
    initial = len(last) == 1 and last.isupper() and last != "I"
    return not initial and not (after.isdigit() and _BEFORE_NUMBER.fullmatch(last))


class Corpus:
    """Texts as numbers: every text is tokenised once for all counts.

    Attributes:
        ids: number of each word, text after text.
        lengths: words of each text.
        text_of: text of each word.
        vocabulary: number of every word.
    """

    def __init__(self, ids: np.ndarray, lengths: np.ndarray, vocabulary: dict[str, int]) -> None:
        self.ids, self.lengths, self.vocabulary = ids, lengths, vocabulary
        self.text_of = np.repeat(np.arange(len(lengths)), lengths)

    @classmethod
    def of(cls, listed: Sequence[Sequence[str]]) -> Corpus:
        """Corpus of texts that are already split into words."""
        vocabulary: dict[str, int] = {}
        ids = [vocabulary.setdefault(word, len(vocabulary)) for each in listed for word in each]
        lengths = np.array([len(each) for each in listed], dtype=np.int64)
        return cls(np.array(ids, dtype=np.int64), lengths, vocabulary)

    def first(self, limits: np.ndarray) -> Corpus:
        """The same texts, each with only its first words."""
        starts = np.cumsum(self.lengths) - self.lengths
        place = np.arange(len(self.ids)) - starts[self.text_of]
        kept = place < np.asarray(limits, dtype=np.int64)[self.text_of]
        lengths = np.bincount(self.text_of[kept], minlength=len(self.lengths))
        return Corpus(self.ids[kept], lengths, self.vocabulary)

    def counts(self) -> Any:
        """Counts of each word in each text: a sparse matrix `[word, text]`."""
        from scipy.sparse import csr_array

        size = max(len(self.vocabulary), 1)
        pairs, count = np.unique(self.text_of * size + self.ids, return_counts=True)
        shape = (len(self.vocabulary), len(self.lengths))
        return csr_array((count.astype(np.float32), (pairs % size, pairs // size)), shape=shape)

    def ngrams(self, order: int) -> tuple[np.ndarray, np.ndarray]:
        """Text and number of every n-gram; n-grams do not cross the end of a text."""
        gram, size = self.ids, max(len(self.vocabulary), 1)
        for longer in range(2, order + 1):
            pair = gram[: len(self.ids) - longer + 1] * size + self.ids[longer - 1 :]
            gram = np.unique(pair, return_inverse=True)[1].astype(np.int64)
        # N-grams over the end of a text are numbered, to keep positions, and left out here.
        text_of = self.text_of[: len(gram)]
        inside = text_of == self.text_of[order - 1 :][: len(gram)]
        return text_of[inside], gram[inside]


def corpus_of(inputs: Inputs) -> Corpus:
    """The corpus of the answers, computed once."""
    return inputs.shared(
        "corpus", lambda: Corpus.of([words(text, inputs.tokenizer) for text in inputs.texts])
    )


def sentences_of(inputs: Inputs) -> list[list[str]]:
    """The sentences of every answer, made once."""
    return inputs.shared("sentences", lambda: [sentences(text) for text in inputs.texts])
