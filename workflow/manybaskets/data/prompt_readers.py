"""Which prompts are too long for a model that reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from manybaskets.chat import Prompt
from manybaskets.errors import UserError

EXCLUDED, SHORTENED = "excluded", "shortened"
# What becomes of a judge's question: too long even about an empty answer, or about the longest one.
NOT_JUDGED, MAYBE_NOT_JUDGED = "not judged", "not judged if the answer is long"
LONG_PROMPTS = pl.Schema(
    {
        "prompt_id": pl.String,
        "action": pl.String,  # `excluded` or `shortened`; of a judge's question as above
        "model": pl.String,
        "tokens": pl.Int64,  # of the question alone for `excluded`, else of the whole prompt
        "limit": pl.Int64,  # longest prompt of this model, in tokens
        "context_characters": pl.Int64,  # that are kept; null if excluded
        "question": pl.String,  # how it begins; null where texts are restricted
        "prompt_set": pl.String,  # null for the dataset's prompts
        "prompts": pl.Int64,  # of the prompt set; null for the dataset
    }
)
# For a server whose tokenizer is unknown: English has about 4 characters per token, so that 3 errs
# on the safe side; a chat template adds fewer tokens than this to a question.
CHARACTERS_PER_TOKEN = 3
TEMPLATE_TOKENS = 64
# A context that another model cuts at another character may have a few tokens more.
SPARE_TOKENS = 4
_QUESTION_CHARACTERS = 80


@dataclass(frozen=True)
class PromptReader:
    """A model that reads prompts.

    Args:
        name: of the model, or of the source for a server.
        limit: its longest prompt, in tokens.
        count: tokens of a question, from BOS to the answer header.
        overhead: tokens that it adds to a question.
        evaluates: whether it reads all prompt sets and not only the training prompts.
        check: raises an error if its chat template does not take these prompts' conversations.
    """

    name: str
    limit: int
    count: Callable[[str], int]
    overhead: int
    evaluates: bool = False
    check: Callable[[Sequence[Prompt]], None] | None = None

    def fits(self, text: str, spare: int = 0) -> bool:
        """Whether a question fits, with this many tokens to spare."""
        limit = self.limit - spare
        # A token is at least one byte of text, so that most prompts need no tokenizer.
        return len(text.encode()) + self.overhead <= limit or self.count(text) <= limit


def longest_prompt(
    name: str, max_prompt_tokens: int, window: int | None, answer_tokens: int
) -> int:
    """Longest prompt that a model takes, in tokens.

    Args:
        window: maximum tokens of prompt plus answer; null if unknown.
        answer_tokens: longest answer.

    Raises:
        UserError: the answer leaves no room for a prompt.
    """
    room = math.inf if window is None else window - answer_tokens
    if room <= 0:
        raise UserError(
            what=f"answers of {answer_tokens} tokens leave no room for a prompt",
            where=f"'{name}', whose context has {window} tokens",
            expected="a context for the longest prompt and the longest answer",
            remedy="lower `sampling.max_new_tokens` of the source or of `responses`, or use a model "
            "with a longer context",
        )
    return int(min(max_prompt_tokens, room))


def estimating_reader(name: str, limit: int, system_prompt: str) -> PromptReader:
    """A server whose tokenizer is unknown: tokens are estimated from characters."""

    def count(text: str) -> int:
        characters = len(text) + len(system_prompt)
        return math.ceil(characters / CHARACTERS_PER_TOKEN) + TEMPLATE_TOKENS

    return PromptReader(name, limit, count, count(""))


def find_long(
    prompts: Sequence[Prompt],
    reader: PromptReader,
    prompt_set: str | None = None,
    *,
    quoted: bool = True,
) -> pl.DataFrame:
    """The prompts that are too long for a reader, in their order.

    A context is shortened until the prompt fits. Each question of a conversation must fit by
    itself; how many earlier turns fit as well depends on the answers.

    Args:
        prompt_set: name of the set that these are all prompts of; null for the dataset's.
        quoted: whether rows may hold how a question begins.

    Returns:
        The columns of `LONG_PROMPTS`.
    """
    of_set = {"prompt_set": prompt_set, "prompts": len(prompts) if prompt_set else None}
    rows = [row | of_set for prompt in prompts if (row := _long(prompt, reader))]
    frame = pl.DataFrame(rows, schema=LONG_PROMPTS, orient="row")
    return frame if quoted else frame.with_columns(question=pl.lit(None, dtype=pl.String))


def _long(prompt: Prompt, reader: PromptReader) -> dict[str, Any] | None:
    if over := [t for t in (prompt.text(0), *prompt.follow_ups) if not reader.fits(t)]:
        return _row(prompt, EXCLUDED, reader, max(map(reader.count, over)), None)
    if reader.fits(prompt.text()):
        return None
    kept = _longest_context(prompt, reader)
    return _row(prompt, SHORTENED, reader, reader.count(prompt.text()), kept)


def _longest_context(prompt: Prompt, reader: PromptReader) -> int:
    """Characters of context that fit, with tokens to spare; none always fit."""
    low, high = 0, len(prompt.context)
    while high - low > 1:
        middle = (low + high) // 2
        if reader.fits(prompt.text(middle), SPARE_TOKENS):
            low = middle
        else:
            high = middle
    return low


def _row(prompt: Prompt, action: str, reader: PromptReader, tokens: int, kept: int | None):
    return {
        "prompt_id": prompt.prompt_id,
        "action": action,
        "model": reader.name,
        "tokens": tokens,
        "limit": reader.limit,
        "context_characters": kept,
        "question": prompt.instruction[:_QUESTION_CHARACTERS],
    }


def listed_long(long: pl.DataFrame, count: int = 5) -> str:
    """The worst of `LONG_PROMPTS`, one a line."""
    worst = long.sort(pl.col("tokens") - pl.col("limit"), "prompt_id", descending=[True, False])
    return "".join(
        f"\n    {row['prompt_id']}: {row['tokens']} tokens for '{row['model']}', which takes "
        f"{row['limit']}" + (f": {row['question']!r}" if row["question"] is not None else "")
        for row in worst.head(count).iter_rows(named=True)
    )
