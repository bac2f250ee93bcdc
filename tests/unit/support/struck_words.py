"""Words and phrases that texts for readers avoid, each with what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

STRUCK = [
    (r"(tell|tells|told)( \w+){0,5} apart", "distinguish"),
    (r"set apart", "quarantine, separate"),
    (r"anew", "again; made anew: rebuilt, generated again"),
    (r"(hang|hangs|hung|hanging) on", "depends on"),
    (r"mend(s|ed|ing)?", "fix"),
    (r"mistake of yours", "say whether it is a bug or a mistake in the input"),
    (r"dear(er|est)?", "expensive"),
    (r"(stand|stands|stood) (above|apart|as|at|below|beside|in|on|once|there|under|where)", "is"),
    (r"(lie|lies|lay) (about|above|apart|at|below|beside|in|on|outside|there|under|within)", "is"),
    (r"beside", "next to, in addition to, alongside"),
    (r"(?<!there )(is|are) no (?!longer|more|less)\w+", "is not a, are not"),
    (r"(of|by) people", "human"),
    (r"what came is", "the response is"),
    (r"how far it is", "progress"),
    (r"come by themselves", "are generated automatically"),
    (r"(has|have) the last word", "overrides"),
    (r"to be had", "available"),
    (r"correct it", "say what to correct"),
    (r"(go|goes|going) on", "continue, resume"),
    (r"type the (same )?command", "rerun the same command"),
    (r"(another|further) (try|tries)", "retry, retries"),
    (r"measures? of (a )?sets?", "set-level measure"),
    (r"measures? per prompt", "per-prompt measure"),
    (r"defect(s|ive|ively)?", "bug"),
    (r"sane", "allowed"),
    (r"nobody knows", "is unknown, is not included"),
    (r"throws? dice", "random"),
    (r"no liking", "is not a preference"),
    (r"spoil(s|t|ed)?", "damaged"),
    (r"at the least", "at least"),
    (r"for want of", "because … is missing"),
    (r"in the midst of", "inside"),
    (r"(is|are) told", "is reported, is shown"),
    (r"as it pleased", "without saying how"),
]
_PATTERNS = [(re.compile(rf"\b{words}\b", re.IGNORECASE), instead) for words, instead in STRUCK]


def struck_in(text: str) -> Iterator[str]:
    """Every struck phrase of a text, with its surroundings and what to write instead."""
    plain = " ".join(text.split())
    for pattern, instead in _PATTERNS:
        for found in pattern.finditer(plain):
            start, end = found.span()
            around = plain[max(start - 30, 0) : end + 30]
            yield f"'{found[0]}' in '…{around}…'; write: {instead}"
