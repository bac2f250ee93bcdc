"""Config sections for articles and their summaries."""

from __future__ import annotations

import string
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from manybaskets.config.kinds import one_of
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Section, Seed, Share

LONGEST_PROMPT = (
    "Longest prompt, in tokens. Articles are never truncated: those that exceed it, or "
    "the model's own context, are left out and counted."
)


class EmbeddedArticles(Section):
    """Short notices about the towns of the embedded world, with reference summaries."""

    kind: Literal["embedded"]


class ArticleFields(Section):
    """Column names of the articles."""

    article: str = Field("article", description="Column with the text to summarise.")
    reference: str = Field("reference", description="Column with the human summary.")


class FileArticles(Section):
    """A file of articles: JSONL, CSV or Parquet, optionally gzipped (`.gz`)."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, absolute or relative to the working directory."
    )
    fields: ArticleFields = Field(default_factory=ArticleFields, description="Column names.")


class HubArticles(Section):
    """Articles from the Hugging Face hub at a fixed revision. They are fetched by a local rule."""

    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `abisee/cnn_dailymail`.")
    config: str | None = Field(
        None, description="Configuration of the dataset, e.g. `3.0.0`; null if it has only one."
    )
    revision: str = Field(description="Commit hash or tag. A branch name is not reproducible.")
    split: str = Field("test", description="Split of the dataset.")
    fields: ArticleFields = Field(
        default_factory=lambda: ArticleFields(reference="highlights"), description="Column names."
    )


Articles = one_of(EmbeddedArticles, FileArticles, HubArticles)


def _slots(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def check_slots(template: str, needed: set[str], allowed: set[str]) -> str:
    """Check that a template has all required slots and no others.

    Raises:
        ValueError: a slot is missing or unknown, or the text is not a template.
    """
    try:
        found = _slots(template)
    except ValueError as error:
        raise ValueError(f"not a template: {error}; write a literal brace as two braces") from None
    if needed - found:
        raise ValueError(f"add the missing slots {{{'}, {'.join(sorted(needed - found))}}}")
    if found - allowed:
        raise ValueError(
            f"{{{'}, {'.join(sorted(found - allowed))}}} is not a slot; the slots are "
            f"{{{'}, {'.join(sorted(allowed))}}}"
        )
    return template


class Summaries(Section):
    """How authors and judged runs summarise the articles."""

    operational: ClassVar = frozenset({"max_error_share"})
    instruction: str = Field(
        "Summarise the text above in about {words} words.",
        description="Instruction after the article, with the slot `{words}`; empty to send the article "
        "alone.",
    )
    words: int = Field(
        50, ge=1, description="Requested length, in words, the same for all authors."
    )
    system_prompt: str | None = Field(
        None, description="System prompt of the summaries; null to use that of `prompting`."
    )
    sampling: Sampling = Field(
        default_factory=lambda: Sampling(max_new_tokens=256),
        description="How summaries are sampled.",
    )
    seed: Seed | None = Field(None, description="Sampling seed; null to use the study seed.")
    batch_size: int = Field(
        32,
        ge=1,
        description="Articles per batch with engine `transformers`; other engines batch by themselves.",
    )
    max_prompt_tokens: int = Field(4096, ge=16, description=LONGEST_PROMPT)
    max_error_share: Share = Field(
        0.0,
        description="Largest share of an author's summaries for which the engine may fail. Above it the "
        "stage fails; below it failed summaries are counted and their pairs left out.",
    )

    @field_validator("instruction")
    @classmethod
    def _instruction_has_slots(cls, text: str) -> str:
        return check_slots(text, set(), {"words"})

    def request(self) -> dict[str, Any]:
        """The request to authors, which judges also see."""
        return self.model_dump(include={"instruction", "words", "system_prompt"})
