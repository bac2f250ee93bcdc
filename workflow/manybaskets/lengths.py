"""How many tokens prompts and answers have under a target's template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from manybaskets.chat import ChatRenderer, Prompt
from manybaskets.config.parts import Prompting
from manybaskets.models.folder import check_folder

_LENGTHS = {
    "prompt_id": pl.String,
    "source": pl.String,
    "target": pl.String,
    "prompt_tokens": pl.Int32,
    "answer_tokens": pl.Int32,
}


def count_tokens(
    split: pl.DataFrame,
    responses: Mapping[str, pl.DataFrame],
    model: Path,
    target: str,
    prompting: Prompting,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Count tokens of the training prompts and of every source's answers, end token included.

    Returns:
        lengths (prompt_id, source, target, prompt_tokens, answer_tokens), and for every prompt how
        many characters of its context fit (prompt_id, context_characters; null: all of it).
    """
    from transformers import AutoTokenizer

    check_folder(model, target)
    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    renderer = ChatRenderer(tokenizer, prompting.system_prompt, prompting.date, target)
    prompt_tokens, contexts = {}, []
    used = split.filter(pl.col("used") & (pl.col("split") != "test"))
    for row in used.select("prompt_id", "instruction", "context").iter_rows(named=True):
        rendered = renderer.render(Prompt(**row), prompting.max_prompt_tokens)
        prompt_tokens[row["prompt_id"]] = len(rendered.ids)
        kept = rendered.context_characters if rendered.shortened else None
        contexts.append((row["prompt_id"], kept))
    rows = []
    for source, frame in responses.items():
        answered = frame.filter(pl.col("text").is_not_null() & (pl.col("sample") == 0))
        texts = [text + renderer.end_text for text in answered["text"]]
        encoded = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        for prompt_id, ids in zip(answered["prompt_id"], encoded, strict=True):
            if prompt_id in prompt_tokens:
                rows.append((prompt_id, source, target, prompt_tokens[prompt_id], len(ids)))
    context_schema = {"prompt_id": pl.String, "context_characters": pl.Int32}
    return (
        pl.DataFrame(rows, schema=_LENGTHS, orient="row"),
        pl.DataFrame(contexts, schema=context_schema, orient="row"),
    )


def shortest_contexts(contexts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The context that fits every target: all of them are trained on the same text."""
    together = pl.concat(contexts)
    return together.group_by("prompt_id").agg(pl.col("context_characters").min()).sort("prompt_id")
