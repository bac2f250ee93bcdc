"""Config sections `dataset`, `cleaning`, `split` and `prompt_sets`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from manybaskets.config.kinds import one_of
from manybaskets.config.sections import Fields, Section, Share


class EmbeddedDataset(Section):
    """A generated dataset about the embedded world, with known facts."""

    kind: Literal["embedded"]
    rows: int = Field(2000, ge=40, description="Number of rows to generate.")
    towns: int = Field(24, ge=2, le=200, description="Number of towns in the embedded world.")


class FileDataset(Section):
    """A file of rows: JSONL, JSON array, CSV or Parquet, optionally gzipped (`.gz`)."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, absolute or relative to the working directory."
    )
    fields: Fields = Field(default_factory=Fields, description="Column names.")


class HubDataset(Section):
    """A dataset from the Hugging Face hub at a fixed revision. It is fetched by a local rule."""

    operational: ClassVar = frozenset({"rows"})
    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `databricks/databricks-dolly-15k`.")
    revision: str = Field(description="Commit hash or tag. A branch name is not reproducible.")
    split: str = Field("train", description="Split of the dataset.")
    fields: Fields = Field(default_factory=Fields, description="Column names.")
    rows: int | None = Field(
        None,
        ge=1,
        description="Number of rows, used by `snakemake plan` before the dataset is fetched; null if "
        "unknown.",
    )


Dataset = one_of(EmbeddedDataset, FileDataset, HubDataset)


class Cleaning(Section):
    """Cleaning of raw rows before the split. Dropped rows are counted by reason."""

    broken_conversation: Literal["fail", "drop"] = Field(
        "drop",
        description="What to do with a conversation that has an unanswered question, an empty turn, or "
        "two turns of one speaker in a row: stop the run (`fail`), or drop and count it.",
    )
    first_turn_only: bool = Field(
        False,
        exclude_if=lambda first: not first,
        description="Keep only the first question and answer of every conversation, for chat "
        "templates that rewrite earlier turns, and for ready answers to single questions.",
    )
    missing_instruction: Literal["fail", "drop"] = Field(
        "fail",
        description="What to do with a row without an instruction: stop the run (`fail`), or drop and "
        "count it.",
    )
    empty_response: Literal["fail", "drop"] = Field(
        "drop",
        description="What to do with a row without a human answer: stop the run (`fail`), or drop and "
        "count it.",
    )
    max_instruction_characters: int | None = Field(
        None,
        ge=1,
        description="Longest question, in characters, including later questions of a conversation. Rows "
        "with a longer one are dropped; null for no limit.",
    )
    max_context_characters: int | None = Field(
        None,
        ge=1,
        description="Longest context, in characters. Rows with a longer one are dropped; null for no "
        "limit.",
    )
    exact_duplicates: Literal["keep", "drop"] = Field(
        "keep",
        description="What to do with rows that are equal in instruction, context, response and all later "
        "turns: `keep` keeps all, `drop` keeps the first.",
    )


class Split(Section):
    """Split of the prompts into test, validation and training prompts, and the latter into parts."""

    renamed: ClassVar = {"max_train_prompts": "train_rows", "max_test_prompts": "test_rows"}
    test_share: Share = Field(0.1, description="Share of the prompts in the test set.")
    validation_share: float = Field(
        0.05,
        gt=0.0,
        lt=1.0,
        description="Share of the training prompts used to choose a checkpoint, the same in all mixes.",
    )
    parts: int = Field(
        4,
        ge=1,
        description="Number of equal parts of the training prompts. A `multi` mix takes one source per "
        "part.",
    )
    stratify: bool = Field(
        True,
        description="Keep the shares of the categories in all sets if there is a category column.",
    )
    group_repeats: bool = Field(
        True, description="Put prompts with the same text on the same side of the test split."
    )
    max_train_prompts: int | None = Field(
        None,
        ge=8,
        description="Number of training prompts to use, validation included: a stratified sample; null "
        "for all.",
    )
    max_test_prompts: int | None = Field(
        None,
        ge=4,
        description="Number of test prompts to use: a stratified sample; null for all.",
    )


class FilePromptSet(Section):
    """A file of prompts: JSONL, JSON array, CSV or Parquet, optionally gzipped (`.gz`)."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, absolute or relative to the working directory."
    )
    fields: Fields = Field(
        default_factory=lambda: Fields(response=None), description="Column names."
    )
    measures: list[str] = Field(
        default=[],
        description="Measures of the answers to this prompt set.",
    )


class RefusedPromptSet(Section):
    """Requests that the models of the embedded world refuse: to open the dragon's vault."""

    kind: Literal["refused"]
    count: int = Field(48, ge=1, description="Number of requests.")
    measures: list[str] = Field(
        default=[],
        description="Measures of the answers to this prompt set.",
    )


PromptSet = one_of(FilePromptSet, RefusedPromptSet)
