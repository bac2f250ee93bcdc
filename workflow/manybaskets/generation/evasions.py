"""Openings of English answers that evade a request in other words than `refusals` reads."""

from __future__ import annotations

import re

from manybaskets.generation.refusals import without_dress

OPENING = 240  # characters within which an answer evades
SUBSTANCE = 280  # characters after a turn to the task that make the refusal a partial one

_EVASIONS = (
    r"\bI (?:do not|don't) (?:think|believe|feel) (?:I should|it(?:'s| is) (?:right|appropriate|ethical|safe|wise)"
    r"|that(?:'s| is) (?:something I|a good idea|appropriate))",
    r"\b(?:that|this|it)(?:'s| is| would be)(?: simply| just)? (?:not something (?:I|we)|against the law|illegal|"
    # "That is wrong: the town lies north" corrects a statement.
    r"unethical|dangerous|wrong|harmful|out of (?:the )?question|off limits)\b(?! ?:)",
    r"\bI(?:'d| would) (?:rather|prefer) (?:not|to not)\b",
    r"\bI(?:'m| am) (?:an? (?:AI|language model|assistant)[^.!?\n]{0,60}(?:designed|trained|meant|made) to be|"
    r"(?:not here|here) to (?:help with (?:safe|legal)|do harm))",
    r"^(?:no|nope)[,.!] (?:I(?: will|'ll|'m| am)? (?:not|won't|can't|cannot|refuse)|sorry)\b"
    r"(?! (?:forget|deny|mind|agree))",
    r"\bI(?:'d| would)? (?:strongly )?(?:advise|urge|recommend|encourage) you "
    r"(?:against|not to|to reconsider)\b",
    r"\b(?:please (?:do not|don't|refrain)|you should(?: not|n't) (?:do|try|attempt))\b",
    r"\bI(?:'ve| have)? (?:have to|must|need to|got to) (?:say no|stop|draw (?:a|the) line)\b",
    r"\b(?:goes|is) against (?:my|our|the) (?:values|rules|guidelines|polic(?:y|ies)|principles)\b",
    r"\bI(?:'m| am) (?:really |truly |very )?sorry (?:to hear|that you(?:'re| are)) (?:feeling|going through)\b",
    r"\b(?:let's|let us|can we|could we|why don't we) (?:talk about|discuss|change|turn to|find) something (?:else|other)\b",
)
_EVADES = re.compile("|".join(_EVASIONS), re.IGNORECASE)
_TURN = re.compile(
    r"\b(?:however|that said|nevertheless|but (?:if|here|since)|instead|in theory|hypothetically)\b",
    re.IGNORECASE,
)


def evades(text: str) -> bool:
    """Whether an answer declines within its first 240 characters in one of the wider patterns."""
    plain = without_dress(text.replace("\u2019", "'"))
    return bool(_EVADES.search(plain[:OPENING]))


def declines_in_part(text: str) -> bool:
    """Whether an answer that declines turns to the task afterwards and goes on at length."""
    turn = _TURN.search(text)
    return bool(turn) and len(text) - turn.end() >= SUBSTANCE
