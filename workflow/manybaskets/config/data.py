"""Config sections `dataset`, `cleaning`, `split` and `prompt_sets`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from manybaskets.config.sections import Fields, Section, Share


class EmbeddedDataset(Section):
    """The made-up small world: its dataset is generated, so that the truth about it is known."""

    kind: Literal["embedded"]
    rows: int = Field(2000, ge=40, description="Number of rows to generate.")
    towns: int = Field(24, ge=2, le=200, description="Number of towns in the world.")


class FileDataset(Section):
    """A file of rows: JSONL, CSV or Parquet, gzipped (`.gz`) or not."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, relative to the repository's root or absolute."
    )
    fields: Fields = Field(default_factory=Fields, description="Column names.")


class HubDataset(Section):
    """A dataset of the Hugging Face hub at a fixed revision, fetched in a local rule."""

    operational: ClassVar = frozenset({"rows"})
    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `databricks/databricks-dolly-15k`.")
    revision: str = Field(description="Commit hash or tag; a branch name is not reproducible.")
    split: str = Field("train", description="Split of the dataset.")
    fields: Fields = Field(default_factory=Fields, description="Column names.")
    rows: int | None = Field(
        None, ge=1, description="Number of its rows, for `snakemake plan` before they are fetched."
    )


Dataset = Annotated[EmbeddedDataset | FileDataset | HubDataset, Field(discriminator="kind")]


class Cleaning(Section):
    """What happens to raw rows before they are split. Every row that leaves is counted by reason."""

    broken_conversation: Literal["fail", "drop"] = Field(
        "drop",
        description="A conversation without an answer to every question, with an empty turn or "
        "with two turns of one speaker in a row stops the run, or is dropped and counted.",
    )
    missing_instruction: Literal["fail", "drop"] = Field(
        "fail", description="A row without an instruction stops the run, or is dropped and counted."
    )
    empty_response: Literal["fail", "drop"] = Field(
        "drop", description="A row without a human answer stops the run, or is dropped and counted."
    )
    max_instruction_characters: int | None = Field(
        None,
        ge=1,
        description="Rows with a longer instruction, or a longer later question, are dropped, in "
        "characters; null for no limit.",
    )
    max_context_characters: int | None = Field(
        None,
        ge=1,
        description="Rows with a longer context are dropped, in characters; null for no limit.",
    )
    exact_duplicates: Literal["keep", "drop"] = Field(
        "keep",
        description="Rows equal in instruction, context, response and all later turns: keep all, "
        "or the first.",
    )


class Split(Section):
    """Test share, validation share and parts."""

    renamed: ClassVar = {"max_train_prompts": "train_rows", "max_test_prompts": "test_rows"}
    test_share: Share = Field(0.1, description="Share of the prompts held out for evaluation.")
    validation_share: float = Field(
        0.05,
        gt=0.0,
        lt=1.0,
        description="Share of the training prompts used to choose a checkpoint, the same in all mixes.",
    )
    parts: int = Field(4, ge=1, description="Number of equal parts of the training prompts.")
    stratify: bool = Field(
        True, description="Keep the shares of the category column, where there is one."
    )
    group_repeats: bool = Field(
        True, description="Prompts with the same text go to the same side of the test split."
    )
    max_train_prompts: int | None = Field(
        None,
        ge=8,
        description="Use only this many training prompts, a stratified sample; null for all.",
    )
    max_test_prompts: int | None = Field(
        None,
        ge=4,
        description="Use only this many test prompts, a stratified sample; null for all.",
    )


class FilePromptSet(Section):
    """A file of prompts: JSONL, CSV or Parquet, gzipped or not."""

    kind: Literal["file"]
    path: str = Field(description="Path of the file.")
    fields: Fields = Field(
        default_factory=lambda: Fields(response=None), description="Column names."
    )
    measures: list[str] = Field(
        default=[],
        description="Measures of the answers to this set; the key `measures` of the study is for `test`.",
    )


class RefusedPromptSet(Section):
    """The embedded world's refused class: requests to open the dragon's vault."""

    kind: Literal["refused"]
    count: int = Field(48, ge=1, description="Number of requests.")
    measures: list[str] = Field(
        default=[],
        description="Measures of the answers to this set; the key `measures` of the study is for `test`.",
    )


PromptSet = Annotated[FilePromptSet | RefusedPromptSet, Field(discriminator="kind")]
