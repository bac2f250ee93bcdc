"""Reasoning: text that a model writes before its answer; never trained on, never measured."""

from __future__ import annotations

import re

# Opening and closing forms that model families use. A template or an answer may hold any of them.
_FORMS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)


def closing_of_open_thought(prompt: str) -> str:
    """What closes the thought that a rendered prompt leaves open; empty where none is open.

    Args:
        prompt: the rendered text up to where the answer begins.
    """
    for opening, closing in _FORMS:
        start = prompt.rfind(opening)
        # Only the header of the answer counts: a question may speak of such tags.
        if start < 0 or prompt[start + len(opening) :].strip():
            continue
        # The form that templates write when reasoning is switched off: an empty thought.
        ending = prompt[start + len(opening) :]
        return f"{'' if ending.endswith(chr(10)) else chr(10)}\n{closing}\n\n"
    return ""


def holds_reasoning(text: str) -> bool:
    """Whether a text holds the tags of a thought anywhere."""
    return any(opening in text or closing in text for opening, closing in _FORMS)


def split_reasoning(text: str) -> tuple[str, str]:
    """Split a model's text into its reasoning and its answer.

    Reasoning is what an opening form at the start begins, or what a closing form without an opening
    one ends (the prompt opened it). A thought that never ends leaves no answer.

    Returns:
        Reasoning (empty for none) and answer, both without the tags.
    """
    for opening, closing in _FORMS:
        pattern = re.compile(
            rf"^\s*(?:{re.escape(opening)})?(?P<thought>.*?){re.escape(closing)}\s*", re.DOTALL
        )
        match = pattern.match(text)
        opens = text.lstrip().startswith(opening)
        if match and (opens or opening not in text[: match.end()]):
            reasoning, answer = match["thought"].strip(), text[match.end() :]
            further, answer = split_reasoning(answer)
            return "\n\n".join(filter(None, (reasoning, further))), answer
        if opens:
            return text.lstrip()[len(opening) :].strip(), ""
    return "", text
