"""Prompts that are too long for a model: which turns and how much context are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from manybaskets.chat.prompts import Prompt, Rendered, chat_turn
from manybaskets.errors import UserError


def shorten_to_fit(
    prompt: Prompt,
    answers: Sequence[str],
    max_tokens: int,
    encode: Callable[[Sequence[Mapping[str, str]]], tuple[int, ...]],
    name: str,
    *,
    may_shorten: bool,
) -> Rendered:
    """Encode a conversation up to the question after `answers` in at most `max_tokens` tokens.

    If it is too long, the oldest turns are dropped first, then the end of the first question's
    context. The newest question is never truncated.

    Args:
        encode: token ids of turns, up to the header of the next answer.
        name: name of the model in errors.
        may_shorten: whether to drop anything; otherwise a prompt that is too long is an error.

    Raises:
        UserError: the newest question alone is too long.
    """
    whole = len(prompt.context)
    ids = encode(prompt.conversation(answers))
    if len(ids) > max_tokens and not may_shorten:
        raise UserError(
            what=f"prompt {prompt.prompt_id} has {len(ids)} tokens",
            where=f"model '{name}': {prompt.instruction[:80]!r}",
            expected=f"at most {max_tokens} tokens (`max_prompt_tokens`)",
            remedy="raise `max_prompt_tokens`, or set `prompting.long_prompts: shorten`",
        )
    for dropped in range(len(answers) + 1):
        turns = prompt.conversation(answers)[2 * dropped :]
        ids = encode(turns)
        if len(ids) <= max_tokens:
            return Rendered(_frozen(turns), ids, whole, dropped > 0, dropped)
    bare = [chat_turn("user", prompt.text(0))] if not answers else turns
    ids = encode(bare)
    if len(ids) > max_tokens:
        raise UserError(
            what=f"prompt {prompt.prompt_id} has {len(ids)} tokens without its context",
            where=f"model '{name}': {bare[-1]['content'][:80]!r}",
            expected=f"at most {max_tokens} tokens (`max_prompt_tokens`)",
            remedy="raise `max_prompt_tokens`, or drop such rows with "
            "`cleaning.max_instruction_characters`",
        )
    low, high = 0, whole  # `low` characters of context fit, `high` do not
    while high - low > 1:
        middle = (low + high) // 2
        turns = [chat_turn("user", prompt.text(middle))]
        attempt = encode(turns)
        if len(attempt) <= max_tokens:
            low, ids, bare = middle, attempt, turns
        else:
            high = middle
    return Rendered(_frozen(bare), ids, low, True)


def _frozen(turns: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((turn["role"], turn["content"]) for turn in turns)
