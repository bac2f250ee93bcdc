"""Parse a judge's answer strictly: exactly one score on the scale, or the cause of failure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from manybaskets.judging.base import Answer
from manybaskets.judging.rubrics import Form, Rubric

# Emphasis, quotes and a full stop around a score are ignored.
_DRESS = " \t\r\n*_`\"'\u201c\u201d."
_NUMBER = re.compile(r"(-?[0-9]{1,9})(?:\.(0+)|\.[0-9]+)?(?:[ \t]*/[ \t]*([0-9]{1,9}))?")
_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_TAGS = re.compile(r"#the(reason|score):", re.IGNORECASE)
# A score in the prose around an answer that contradicts the answer.
_ASIDE = re.compile(r"\b(?:score|rating)\b[^0-9\n]{0,20}([0-9]+)", re.IGNORECASE)
_FENCE = re.compile(r"\A```[a-z]*\s*|\s*```\Z", re.IGNORECASE)


class _Unreadable(ValueError):
    """Contains the code of the cause."""


def read_answer(text: str | None, rubric: Rubric, form: Form, cut: bool = False) -> Answer:
    """Parse a judge's answer.

    Args:
        cut: the answer ended at its token limit; it is not parsed, because its score may be
            missing.

    Form `published` is parsed as in the published study, truncated or not
    (`judging.published_parsing`).

    Returns:
        The score, or a cause: `no_answer`, `truncated`, `not_json`, `no_score`, `no_reason`,
        `two_scores`, `not_a_number`, `not_whole`, `out_of_range`, `not_a_choice`.
    """
    if form == "published":
        from manybaskets.judging.published_parsing import PARSERS

        return PARSERS[rubric.name](text or "")
    text = _THOUGHT.sub("", text or "").strip()
    if cut or text.startswith("<think>"):
        return Answer(cause="truncated")
    if not text:
        return Answer(cause="no_answer")
    try:
        value, reason = _from_json(text, rubric) if form == "json" else _from_tags(text, rubric)
        return Answer(_score(value, rubric), None, reason)
    except _Unreadable as fault:
        return Answer(cause=str(fault))


def _from_json(text: str, rubric: Rubric) -> tuple[Any, str | None]:
    """Value and reason of the one JSON object in a text.

    It must start at the first brace. A brace inside a malformed object never starts a new one: a
    judge that quotes a response may quote a score with it.
    """
    start = text.find("{")
    if start < 0:
        raise _Unreadable("not_json")
    found, end = _object(text, start)
    if "score" not in found:
        raise _Unreadable("no_score")
    value, reason = found["score"], found.get("reason")
    around = _FENCE.sub("", f"{text[:start].strip()}\n{text[end:].strip()}".strip()).strip("` \n")
    if around and "reason" not in found:
        # Inside prose it may be a quotation; a real answer has both keys.
        raise _Unreadable("no_reason")
    _check_alone(text[end:], around, value, rubric)
    return value, reason if isinstance(reason, str) else None


def _check_alone(after: str, around: str, value: Any, rubric: Rubric) -> None:
    """Check that the rest of a text names no score other than `value`."""
    start = after.find("{")
    while start >= 0:
        try:
            other, end = _object(after, start)
        except _Unreadable:
            raise _Unreadable("two_scores") from None
        if "score" in other and other["score"] != value:
            raise _Unreadable("two_scores")
        start = after.find("{", end)
    if not rubric.choices:
        said = {int(number[:9]) for number in _ASIDE.findall(around)}
        if said - {_score(value, rubric)}:
            raise _Unreadable("two_scores")


def _object(text: str, start: int) -> tuple[Mapping[str, Any], int]:
    # Not strict: judges write line ends and tabs inside of their texts as they are.
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, strict=False)
    try:
        found, end = decoder.raw_decode(text, start)
    except _Unreadable:
        raise
    except (ValueError, RecursionError):
        raise _Unreadable("not_json") from None
    return found, end


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object's keys in lower case; a key with two different values gives no answer."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        name = key.strip().casefold()
        if name == "score" and name in found and found[name] != value:
            raise _Unreadable("two_scores")
        found[name] = value
    return found


def _from_tags(text: str, rubric: Rubric) -> tuple[str, str | None]:
    """Value and reason after the tags #thereason: and #thescore:, each up to the next tag."""
    sections: dict[str, list[str]] = {"reason": [], "score": []}
    tags = list(_TAGS.finditer(text))
    ends = [*(tag.start() for tag in tags[1:]), len(text)] if tags else []
    for tag, end in zip(tags, ends, strict=True):
        sections[tag[1].lower()].append(text[tag.end() : end].strip())
    if not sections["score"]:
        raise _Unreadable("no_score")
    values = [section.split("\n")[0].strip(_DRESS) for section in sections["score"]]
    if len(set(values)) > 1:
        raise _Unreadable("two_scores")
    _check_alone("", "\n".join(sections["score"]).partition("\n")[2], values[0], rubric)
    return values[0], "\n".join(sections["reason"]).strip() or None


def _score(value: Any, rubric: Rubric) -> float:
    if rubric.choices:
        name = value.strip(_DRESS).casefold() if isinstance(value, str) else None
        if name not in rubric.choices:
            raise _Unreadable("not_a_choice")
        return rubric.choices[name]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Unreadable("no_score" if value is None else "not_a_number")
    number = _number(value, rubric)
    if not rubric.has(number):
        raise _Unreadable("out_of_range")
    return float(number)


def _number(value: int | float | str, rubric: Rubric) -> int:
    """A whole number, also as text: `4`, `**4**`, `4.0`, and `4/5` on a scale up to 5."""
    if isinstance(value, str):
        bare = value.strip(_DRESS)
        found = _NUMBER.fullmatch(bare)
        if not bare:
            raise _Unreadable("no_score")
        if not found:
            raise _Unreadable("not_a_number")
        if "." in bare and found[2] is None:
            raise _Unreadable("not_whole")
        if found[3] and int(found[3]) != rubric.high:
            raise _Unreadable("out_of_range")
        return int(found[1])
    if value != value or value in (float("inf"), float("-inf")):
        raise _Unreadable("not_a_number")
    if value != int(value):
        raise _Unreadable("not_whole")
    return int(value)
