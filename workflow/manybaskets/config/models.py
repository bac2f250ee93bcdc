"""Config sections `models` and `prompting`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from manybaskets.config.sections import Section


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


class EmbeddedModelSize(Section):
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

    renamed: ClassVar = {"parameters_billion": "billions"}
    operational: ClassVar = frozenset({"family"})
    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `meta-llama/Llama-3.1-8B-Instruct`.")
    revision: str = Field(description="Commit hash or tag; a branch name is not reproducible.")
    chat_template: str | None = Field(
        None,
        description="File with a chat template in place of the repository's; base models often have none.",
    )
    parameters_billion: float | None = Field(
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
