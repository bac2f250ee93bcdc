"""Sections of the config: articles, and how they are summarised."""

from __future__ import annotations

import string
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Section, Share

LONGEST_PROMPT = (
    "Longest prompt, in tokens. An article is never cut: what does not fit, or not into the model's own "
    "context, is left out and counted."
)


class EmbeddedArticles(Section):
    """Short notices about the towns of the embedded world, each with a summary by its people."""

    kind: Literal["embedded"]


class ArticleFields(Section):
    """Which column holds what."""

    article: str = Field("article", description="Column with the text to be summarised.")
    reference: str = Field("reference", description="Column with the summary by a person.")


class FileArticles(Section):
    """A file of articles: JSONL, CSV or Parquet, gzipped (`.gz`) or not."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, relative to the repository's root or absolute."
    )
    fields: ArticleFields = Field(default_factory=ArticleFields, description="Column names.")


class HubArticles(Section):
    """Articles of the Hugging Face hub at a fixed revision, fetched in a local rule."""

    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `abisee/cnn_dailymail`.")
    config: str | None = Field(
        None, description="Configuration of the dataset, e.g. `3.0.0`; null where it has one only."
    )
    revision: str = Field(description="Commit hash or tag; a branch name is not reproducible.")
    split: str = Field("test", description="Split of the dataset.")
    fields: ArticleFields = Field(
        default_factory=lambda: ArticleFields(reference="highlights"), description="Column names."
    )


Articles = Annotated[EmbeddedArticles | FileArticles | HubArticles, Field(discriminator="kind")]


def _slots(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def check_slots(template: str, needed: set[str], allowed: set[str]) -> str:
    """Check that a template has all slots that it needs and no others.

    Raises:
        ValueError: it has not, or is no template.
    """
    try:
        found = _slots(template)
    except ValueError as error:
        raise ValueError(f"no template: {error}; write a brace of the text as two") from None
    if needed - found:
        raise ValueError(f"the slots {{{'}, {'.join(sorted(needed - found))}}} are missing")
    if found - allowed:
        raise ValueError(
            f"{{{'}, {'.join(sorted(found - allowed))}}} is no slot; there are "
            f"{{{'}, {'.join(sorted(allowed))}}}"
        )
    return template


class Summaries(Section):
    """How authors, and the judged runs themselves, summarise the articles."""

    operational: ClassVar = frozenset({"max_error_share"})
    instruction: str = Field(
        "Summarise the text above in about {words} words.",
        description="What is asked after the article, with the slot `{words}`; empty: the article "
        "alone is the question.",
    )
    words: int = Field(
        50, ge=1, description="Length that is asked for, in words, the same for all authors."
    )
    system_prompt: str | None = Field(
        None, description="System prompt of the summaries; null for that of `prompting`."
    )
    sampling: Sampling = Field(
        default_factory=lambda: Sampling(max_new_tokens=256), description="How they are drawn."
    )
    seed: int | None = Field(None, description="Seed of the draws; null for the study's.")
    batch_size: int = Field(
        32,
        ge=1,
        description="Articles per batch of engine `transformers`; others batch themselves.",
    )
    max_prompt_tokens: int = Field(4096, ge=16, description=LONGEST_PROMPT)
    max_error_share: Share = Field(
        0.0,
        description="Share of an author's summaries that the engine may fail on; above it the stage "
        "stops, up to it they are counted and their pairs left out.",
    )

    @field_validator("instruction")
    @classmethod
    def _instruction_has_slots(cls, text: str) -> str:
        return check_slots(text, set(), {"words"})

    def request(self) -> dict[str, Any]:
        """What authors are asked, which judges are told too."""
        return self.model_dump(include={"instruction", "words", "system_prompt"})
