"""Token counts of training rows under a target's template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.chat import load_tokenizer, prompts_of
from manybaskets.chat.conversation_check import check_conversations
from manybaskets.config.models import Prompting
from manybaskets.models.chat_rendering import renderer_of
from manybaskets.models.folder import check_folder

# A tokenizer's result takes some 50 KB per answer.
_ANSWERS_AT_ONCE = 1000
_LENGTHS = {
    "prompt_id": pl.String,
    "source": pl.String,
    "target": pl.String,
    "prompt_tokens": pl.Int32,
    "answer_tokens": pl.Int32,
    "control_text": pl.Boolean,
}


def count_tokens(
    split: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    model: Path,
    target: str,
    prompting: Prompting,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count tokens of the training prompts and of every source's answers, end tokens included.

    Returns:
        lengths (prompt_id, source, target, prompt_tokens, answer_tokens, control_text: whether the
        row spells a control token of the target, which is encoded as text), and for every prompt the
        number of context characters that fit (prompt_id, context_characters; null: all). For a
        conversation, which has a length if all its turns are answered, answer_tokens is the sum
        over answers, and prompt_tokens the rest of the training row.

    Raises:
        UserError: a question does not fit, or the template rewrites earlier turns of a
            conversation.
    """
    check_folder(model, target)
    tokenizer = load_tokenizer(model, target)
    shorten = prompting.long_prompts == "shorten"
    renderer = renderer_of(tokenizer, prompting, target, shorten=shorten)
    prompts, kept, control = {}, {}, {}
    used = split.filter(pl.col("used") & (pl.col("split") != "test"))
    asked = prompts_of(used)
    check_conversations(renderer, asked, trained=True)
    for prompt in asked:
        rendered = renderer.render(prompt, prompting.max_prompt_tokens)
        prompts[prompt.prompt_id] = (prompt, len(rendered.ids))
        control[prompt.prompt_id] = renderer.holds_control(prompt.text(), *prompt.follow_ups)
        kept[prompt.prompt_id] = rendered.context_characters if rendered.shortened else None
    rows = []
    for source, frame in responses.items():
        spoken = {key: texts for key, texts in _spoken(frame) if key in prompts}
        single = [key for key in spoken if prompts[key][0].turns == 1]
        for start in range(0, len(single), _ANSWERS_AT_ONCE):
            block = single[start : start + _ANSWERS_AT_ONCE]
            encoded = renderer.encode_answers([spoken[key][0] for key in block])
            for key, ids in zip(block, encoded, strict=True):
                spells = control[key] or renderer.holds_control(*spoken[key])
                rows.append((key, source, target, prompts[key][1], len(ids), spells))
        for key, texts in spoken.items():
            prompt, _ = prompts[key]
            if 1 < prompt.turns == len(texts):
                questions = [prompt.text(kept[key]), *prompt.follow_ups]
                pairs = renderer.encode_turns(questions, texts)
                asked, said = (sum(map(len, side)) for side in zip(*pairs, strict=True))
                spells = control[key] or renderer.holds_control(*texts)
                rows.append((key, source, target, asked, said, spells))
    context_schema = {"prompt_id": pl.String, "context_characters": pl.Int32}
    return (
        pl.DataFrame(rows, schema=_LENGTHS, orient="row"),
        pl.DataFrame(list(kept.items()), schema=context_schema, orient="row"),
    )


def _spoken(responses: pl.DataFrame) -> Iterator[tuple[str, list[str]]]:
    """The first sample's answers to each prompt in turn order, without missing answers."""
    answered = responses.filter(pl.col("text").is_not_null() & (pl.col("sample") == 0))
    turns = answered.sort("prompt_id", "turn").group_by("prompt_id", maintain_order=True)
    return turns.agg("text").iter_rows()


def read_lengths(files: Sequence[Path]) -> pl.DataFrame:
    """Lengths of all targets; `control_text` is null in files of an older version."""
    frames = [pl.read_parquet(file) for file in files]
    return pl.concat([pl.DataFrame(schema=_LENGTHS), *frames], how="diagonal_relaxed")


def shortest_contexts(contexts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The context that fits every target, so that all targets are trained on the same text."""
    together = pl.concat(contexts)
    return together.group_by("prompt_id").agg(pl.col("context_characters").min()).sort("prompt_id")
