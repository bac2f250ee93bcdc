"""The sections of a study's configuration. Every field has a description; units stand in it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.engines import (
    OpenAIEngine,
    Pilot,
    Quality,
    ReplayEngine,
    SourceEngine,
    TargetEngine,
    TransformersEngine,
)
from manybaskets.config.sections import Fields, Name, Section, Share


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
    train_rows: int | None = Field(
        None,
        ge=8,
        description="Use only this many training prompts, a stratified sample; null for all.",
    )
    test_rows: int | None = Field(
        None,
        ge=4,
        description="Use only this many test prompts, a stratified sample; null for all.",
    )


class Sampling(Section):
    """How answers are drawn. No engine default is ever used: what is not written here is off."""

    temperature: float = Field(0.7, ge=0.0, le=2.0, description="Softmax temperature; 0 is greedy.")
    top_p: float = Field(
        0.9, gt=0.0, le=1.0, description="Nucleus: smallest set with this probability."
    )
    max_new_tokens: int = Field(1024, ge=1, description="Longest answer, in tokens.")


class Prompting(Section):
    """How prompts are rendered, the same for generation, training and scoring."""

    system_prompt: str = Field(
        "You are a helpful assistant.", description="Text of the system turn; empty for none."
    )
    date: str = Field(
        "26 Jul 2024", description="Date for templates that print one, so that runs repeat."
    )
    max_prompt_tokens: int = Field(
        768, ge=16, description="Longest prompt, in tokens; only its context is shortened to fit."
    )
    long_prompts: Literal["shorten", "stop"] = Field(
        "shorten",
        description="A prompt that is too long loses the end of its context (a conversation its oldest "
        "turns), which is counted; or it stops the run. A question is never cut.",
    )


class TinySize(Section):
    """Size and training budget of an embedded model; budgets are steps, so that a run repeats."""

    hidden: int = Field(128, ge=16, description="Width of the residual stream.")
    layers: int = Field(2, ge=1, description="Number of layers.")
    heads: int = Field(4, ge=1, description="Number of attention heads.")
    vocabulary: int = Field(1024, ge=300, description="Size of the byte-level BPE vocabulary.")
    max_length: int = Field(256, ge=64, description="Longest sequence, in tokens.")
    conversations: int = Field(
        8000, ge=32, description="Conversations to pretrain on, before the leak check."
    )
    steps: int = Field(600, ge=1, description="Optimiser steps of pretraining.")
    batch_size: int = Field(16, ge=1, description="Conversations per step.")
    learning_rate: float = Field(4e-3, gt=0, description="Peak learning rate (AdamW, cosine).")


class EmbeddedModel(Section):
    """A tiny model that the workflow pretrains on the embedded world."""

    operational: ClassVar = frozenset({"family"})
    kind: Literal["embedded"]
    architecture: Literal["llama", "qwen", "mistral", "gemma"] = Field(
        description="Architecture family."
    )
    habit: Literal["lister", "greeter", "terse", "helper"] = Field(
        description="The model's mannerism."
    )
    habit_share: float = Field(
        0.9, ge=0.0, le=1.0, description="Share of its text that shows the habit."
    )
    family: str | None = Field(
        None,
        description="Family of the model, such as `llama`, by which judges know their relatives; null: "
        "its own name.",
    )


class HubModel(Section):
    """A model of the Hugging Face hub at a fixed revision, fetched in a local rule."""

    operational: ClassVar = frozenset({"family"})
    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `meta-llama/Llama-3.1-8B-Instruct`.")
    revision: str = Field(description="Commit hash or tag; a branch name is not reproducible.")
    chat_template: str | None = Field(
        None,
        description="File with a chat template in place of the repository's; base models often have none.",
    )
    billions: float | None = Field(
        None,
        gt=0,
        description="Number of weights, in billions, from which jobs know how many GPUs they need; "
        "null: as the repository's name says (`8B`).",
    )
    family: str | None = Field(
        None,
        description="Family of the model, such as `llama`, by which judges know their relatives; null: "
        "read off the repository's name.",
    )


class FolderModel(Section):
    """A model folder that exists already: config, safetensors weights, tokenizer with chat template."""

    operational: ClassVar = frozenset({"family"})
    kind: Literal["folder"]
    path: str = Field(
        description="Path of the folder, relative to the repository's root or absolute."
    )
    family: str | None = Field(
        None,
        description="Family of the model, such as `llama`, by which judges know their relatives; null: "
        "read off the folder's name.",
    )


Model = Annotated[EmbeddedModel | HubModel | FolderModel, Field(discriminator="kind")]


class Source(Section):
    """Who answers the training prompts. The source `human` exists without being listed."""

    operational: ClassVar = frozenset({"shards", "pilot", "max_error_share"})
    model: Name | None = Field(
        None, description="Name of an entry of `models`; engines `openai` and `replay` take none."
    )
    engine: SourceEngine = Field(
        default_factory=TransformersEngine,
        description="How the model is run: the name of an engine, or its section with `kind`.",
    )
    shards: int = Field(1, ge=1, description="Fixed number of shards; each is one job.")
    batch_size: int = Field(
        32, ge=1, description="Prompts per batch of engine `transformers`; others batch themselves."
    )
    sampling: Sampling = Field(default_factory=Sampling, description="How answers are drawn.")
    pilot: Pilot = Field(default_factory=Pilot, description="The trial before the first shard.")
    quality: Quality = Field(default_factory=Quality, description="When an answer is taken.")
    max_error_share: Share = Field(
        0.001, description="Share of rows that the engine failed on, above which the source fails."
    )

    @model_validator(mode="after")
    def _model_fits_engine(self) -> Source:
        served = isinstance(self.engine, OpenAIEngine | ReplayEngine)
        if served and self.model:
            raise ValueError(
                f"model: engine '{self.engine.kind}' runs none of `models`; leave the key out"
            )
        if not served and not self.model:
            raise ValueError(f"model: engine '{self.engine.kind}' needs an entry of `models`")
        if isinstance(self.engine, ReplayEngine):
            if (self.engine.path is None) == (self.engine.repo is None):
                raise ValueError("engine: `replay` takes either `path` or `repo`")
            if self.engine.repo and not self.engine.revision:
                raise ValueError("engine.revision: a dataset of the hub needs its commit or tag")
            if self.engine.fields.response is None:
                raise ValueError("engine.fields.response: name the column with the answers")
        return self


class HumanMix(Section):
    """Every prompt gets its human answer."""

    kind: Literal["human"]


class SingleMix(Section):
    """Every prompt gets the answer of one source."""

    kind: Literal["single"]
    source: Name = Field(description="Name of a source.")


class MultiMix(Section):
    """One source per part, in the order of the parts."""

    kind: Literal["multi"]
    sources: list[Name] = Field(
        min_length=2, description="One source per part, in the order of the parts."
    )


class WeightedMix(Section):
    """The general form: any weights over sources, dealt out evenly over the categories."""

    kind: Literal["weighted"]
    weights: dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=1, description="Weight per source; they are normalised."
    )


class SourceCounts(Section):
    """Mixes that differ in how many sources answer, on the same number of rows.

    Every count gets the fewest mixes in which all sources occur equally often: with four sources,
    four mixes of one, two of two, four of three and one of four. A mix of the config with the same
    sources in equal shares is taken where there is one.
    """

    sources: list[Name] = Field(min_length=2, description="The sources, in a fixed order.")
    counts: list[int] = Field(min_length=2, description="Numbers of sources to be compared.")


Mix = Annotated[HumanMix | SingleMix | MultiMix | WeightedMix, Field(discriminator="kind")]


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


class Responses(Section):
    """How runs, and the untuned targets, answer the prompt sets."""

    operational: ClassVar = frozenset({"max_error_share", "max_empty_share", "one_load"})
    engine: TargetEngine = Field(
        default_factory=TransformersEngine,
        description="How targets are run: the name of an engine, or its section with `kind`.",
    )
    sampling: Sampling = Field(default_factory=Sampling, description="How answers are drawn.")
    samples: int = Field(1, ge=1, description="Answers per prompt.")
    batch_size: int = Field(
        32, ge=1, description="Prompts per batch of engine `transformers`; vLLM batches itself."
    )
    max_error_share: Share = Field(
        0.01, description="Share of failed rows above which the stage fails."
    )
    max_empty_share: Share = Field(
        0.01,
        description="Share of empty answers of a run above which nothing is measured.",
    )
    one_load: Literal["run", "target"] = Field(
        "run",
        description="What one load of a target's weights answers and scores: one `run`, in a job of its "
        "own, or all runs of the `target` one after the other in one job, adapters swapped. The results "
        "are the same. `run` spreads over many GPUs, `target` saves loads where these take long beside "
        "the work.",
    )


class AnyMix(Section):
    """A mix of any kind, to be read back from plain values."""

    mix: Mix
