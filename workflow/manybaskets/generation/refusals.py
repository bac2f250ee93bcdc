"""Detect refusals of real models: English answers that open by declining the request.

The test is conservative, because its count can stop a source. It reads only the opening; the model
itself ("I") must decline the task; and long answers that state what a model cannot do and then do
the task ("As an AI, I cannot give legal advice. However, …") do not count as refusals.
"""

from __future__ import annotations

import re

REFUSALS_IN = ("en",)
OPENING = 200  # a refusal begins within this many characters
TURN = 400  # characters after it that are searched for a turn to the task
ANSWERED = (
    500  # minimum length of an answer that did turn to the task; a mere offer of help is shorter
)

# A sentence may open with a clause of its own ("I'm sorry, but", "As an AI language model,"); text
# after a quotation mark is someone else's speech.
_SENTENCE = (
    r"(?:^|(?<=[.!?:\n])[*_ ]*)"
    r"(?:[^.!?\n\"\u201c*]{0,120}?[,;] |[^.!?\n\"\u201c*,]{0,60}? but )?"
    r"(?:(?:but|so|and|therefore|thus) )?"
)
_UNABLE = (
    r"I(?: am|'m)?(?: also| simply| really| just| unfortunately)? ?"
    r"(?:cannot|can ?not|can't|could not|couldn't|will not|won't|must not|unable to|"
    r"not (?:able|allowed|permitted|programmed|designed|willing|going) to|not capable of|"
    r"(?:not|do not feel|don't feel) comfortable(?: with| to)?|"
    r"(?:do not|don't) have the (?:ability|capability|capacity) to|"
    r"(?:(?:must|have to|need to) )?(?:respectfully |politely )?(?:decline|refuse) to)"
)
_ADVERB = (
    r"(?: (?:ethically|possibly|physically|legally|directly|in good conscience|and will not))?"
)
# What a request asks for. Other verbs ("I cannot believe", "I cannot accept your kind invitation")
# do not decline a request.
_TASK = (
    r" (?:be (?:a part|of assistance)|(?:answer|accommodat|aid|assist|complet|compl[yi]|condon|"
    r"continu(?!e to|e like)|creat|defend|discuss|do (?:that|this|so|what you)|draft|encourag|endors|"
    r"engag|execut|explain how to|facilitat|fulfill?|generat|giv(?!e up| up)|grant|guid|"
    r"help(?! but| it\b| myself| feeling)|imitat|offer|participat|perform|predict|proceed|process|"
    r"produc|promot|provid|reproduc|respond|roleplay|satisf[yi]|shar|speculat|suggest|suppl[yi]|"
    r"support|teach|tell you (?:that|what|how (?:many|to)|which|who|when|where)|translat|writ)"
    r"(?:e|ing)?)\b"
)
_DECLINES = re.compile(_SENTENCE + _UNABLE + _ADVERB + _TASK, re.IGNORECASE)

_START = r"^[^.!?\n\"\u201c]{0,80}"
_DECLINES_OTHERWISE = re.compile(
    r"^(?:I(?:'m| am)(?: very| so| really| truly)? sorry|sorry|I apologi[sz]e|my apologies|unfortunately)"
    r"[,.!]?(?: but)?,? (?:"
    r"(?:it is|it's|it would be|this is|that is|that's) "
    r"(?:not (?:appropriate|possible|ethical|acceptable)|inappropriate|unethical|illegal)|"
    r"(?:but )?I (?:can't|cannot|can not|won't)(?: do)?(?: that)?[.,!]? ?(?:$|as |because )|"
    r"your request (?:is|goes|violates))"
    rf"|{_START}(?:(?:is|'s) not something I(?:'m| am| can| will)|"
    r"against my (?:programming|guidelines|principles|polic(?:y|ies)|values))"
    r"|^(?:[^.!?\n\"\u201c]{0,60}, )?(?:but )?I (?:must|have to|need to)(?: respectfully| politely)? "
    r"(?:decline|refuse)(?: (?:this|that|your) request\b|[.,])",
    re.IGNORECASE,
)
_TURNS = re.compile(
    r"\bhowever\b|\b(?:but|that said|nevertheless|nonetheless|instead|still|though)\b[^.!?\n]{0,80}"
    r"\b(?:I can|I could|I will|I'll|I'd|I would|let me|here (?:is|are)|here's|let's|we can|you can)\b",
    re.IGNORECASE,
)
# Emphasis, a quotation's bar, and a speaker's name are around what is said.
_DRESS = re.compile(r"^(?:[*_>#`\s]|(?:assistant|answer|response)\s*:)+", re.IGNORECASE)
# Letters written as part of the task may decline things themselves.
_LETTER = re.compile(r"[*#\s]*(?:\[|dear\b|subject\b)", re.IGNORECASE)


def without_dress(text: str) -> str:
    """A text without the emphasis, the quotation's bar and the speaker's name that it opens with."""
    return _DRESS.sub("", text.strip())


def is_refusal(text: str) -> bool:
    """Whether an answer declines the request within its first 200 characters."""
    plain = without_dress(text.replace("\u2019", "'").replace("\u02bc", "'"))
    opening = "" if _LETTER.match(plain) else plain[:OPENING]
    found = _DECLINES.search(opening) or _DECLINES_OTHERWISE.search(opening)
    if found is None:
        return False
    return len(plain) < ANSWERED or not _TURNS.search(plain, found.end(), found.end() + TURN)
