"""Config sections `models` and `prompting`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, FiniteFloat, model_validator

from manybaskets.chat.template_arguments import RESERVED
from manybaskets.config.kinds import one_of
from manybaskets.config.sections import Section, Share


def _not_reserved(arguments: dict[str, Any]) -> dict[str, Any]:
    taken = [name for name in arguments if name in RESERVED]
    if taken:
        instead = "; set `prompting.date` instead" if "date_string" in taken else ""
        raise ValueError(
            f"remove {', '.join(taken)}, which the workflow or transformers passes to the chat "
            f"template{instead}; allowed are the template's own variables, such as "
            "{enable_thinking: false}"
        )
    return arguments


TemplateArguments = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")],
        bool | int | FiniteFloat | str,
    ],
    AfterValidator(_not_reserved),
]


def _template_arguments() -> Any:
    return Field(
        default={},
        exclude_if=lambda arguments: not arguments,
        description="Values for variables of the model's chat template, such as `{enable_thinking: "
        "false}`, wherever the model is rendered: answering, training, scoring and judging.",
    )


class Prompting(Section):
    """How prompts are rendered, the same for generation, training and scoring."""

    system_prompt: str = Field(
        "You are a helpful assistant.",
        description="Text of the system turn; empty for no system turn.",
    )
    date: str = Field(
        "26 Jul 2024",
        description="Date for chat templates that print one, so that runs are reproducible.",
    )
    max_prompt_tokens: int = Field(768, ge=16, description="Longest prompt, in tokens.")
    long_prompts: Literal["shorten", "stop"] = Field(
        "shorten",
        description="What to do with a longer prompt: shorten its context (a conversation loses its "
        "oldest turns) and count it, or stop the run. Questions are never truncated.",
    )
    # It never changes a result: a dump with it would rerun every stage that renders prompts.
    max_excluded_share: Share = Field(
        0.05,
        exclude=True,
        description="Largest share of the prompts in use that may be excluded because their question "
        "is too long for a source or target. Above it the study stops before anything is answered.",
    )

    def limits(self) -> dict[str, Any]:
        """The keys that decide which prompts are too long, and what happens to them."""
        return self.model_dump(include={"max_prompt_tokens", "long_prompts"})

    def template_values(self) -> Mapping[str, Any]:
        """Values for the chat template's own variables."""
        return {}


class ModelPrompting(Prompting):
    """How prompts are rendered for one model."""

    template_arguments: TemplateArguments = _template_arguments()

    def template_values(self) -> Mapping[str, Any]:
        return self.template_arguments


class EmbeddedModelSize(Section):
    """Size and training budget of an embedded model.

    The budget is a number of steps, so that a run is reproducible.
    """

    hidden: int = Field(128, ge=16, description="Width of the residual stream.")
    layers: int = Field(2, ge=1, description="Number of layers.")
    heads: int = Field(4, ge=1, description="Number of attention heads.")
    vocabulary: int = Field(1024, ge=300, description="Size of the byte-level BPE vocabulary.")
    max_length: int = Field(256, ge=64, description="Longest sequence, in tokens.")
    conversations: int = Field(
        8000,
        ge=32,
        description="Number of conversations to pretrain on, before those that leak test facts are "
        "removed.",
    )
    steps: int = Field(600, ge=1, description="Number of optimizer steps.")
    batch_size: int = Field(16, ge=1, description="Conversations per step.")
    learning_rate: float = Field(
        4e-3, gt=0, description="Peak learning rate (AdamW, cosine schedule)."
    )


class ModelSettings(Section):
    """Base of all models' sections."""

    # The workflow pretrains it on the embedded world.
    embedded: ClassVar[bool] = False

    def template_values(self) -> Mapping[str, Any]:
        """Values for variables of its chat template."""
        return {}

    def given_folder(self) -> str | None:
        """Folder provided by the user; None for a model that the workflow makes or fetches."""
        return None

    @property
    def origin(self) -> str:
        """Origin of the model, which may contain its family; empty if the workflow makes it."""
        return ""


class EmbeddedModel(ModelSettings):
    """A tiny model that the workflow pretrains on the embedded world."""

    embedded: ClassVar = True
    # The four architectures have the same ones.
    linear_layers: ClassVar = (
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    )  # fmt: skip
    operational: ClassVar = frozenset({"family"})
    kind: Literal["embedded"]
    architecture: Literal["llama", "qwen", "mistral", "gemma"] = Field(
        description="Model architecture."
    )
    habit: Literal["lister", "greeter", "terse", "helper"] = Field(
        description="Planted mannerism of the model."
    )
    habit_share: float = Field(
        0.9, ge=0.0, le=1.0, description="Share of its texts that show the habit."
    )
    family: str | None = Field(
        None,
        description="Model family, such as `llama`, used to exclude judges of the same model family; null "
        "to use the model's own name.",
    )


class ExternalModel(ModelSettings):
    """Base of models that the workflow does not make."""

    # Neither changes the model's folder. Template arguments reach jobs in `ModelPrompting`.
    operational: ClassVar = frozenset({"family", "template_arguments"})
    template_arguments: TemplateArguments = _template_arguments()

    def template_values(self) -> Mapping[str, Any]:
        return self.template_arguments


class HubModel(ExternalModel):
    """A model from the Hugging Face hub at a fixed revision. It is fetched by a local rule."""

    renamed: ClassVar = {"parameters_billion": "billions"}
    kind: Literal["hub"]
    repo: str = Field(description="Repository, e.g. `meta-llama/Llama-3.1-8B-Instruct`.")
    revision: str = Field(description="Commit hash or tag. A branch name is not reproducible.")
    chat_template: str | None = Field(
        None,
        description="File with a chat template that replaces the repository's; base models often have "
        "none. Null to use the repository's.",
    )
    parameters_billion: float | None = Field(
        None,
        gt=0,
        description="Number of parameters, in billions, from which the number of GPUs is derived; null to "
        "read it from the repository name (`8B`).",
    )
    family: str | None = Field(
        None,
        description="Model family, such as `llama`, used to exclude judges of the same model family; null "
        "to use the one in the repository name.",
    )

    @property
    def origin(self) -> str:
        """The repository."""
        return self.repo


class FolderModel(ExternalModel):
    """An existing model folder: config, safetensors weights, tokenizer with chat template."""

    kind: Literal["folder"]
    path: str = Field(
        description="Path of the folder, absolute or relative to the working directory."
    )
    family: str | None = Field(
        None,
        description="Model family, such as `llama`, used to exclude judges of the same model family; null "
        "to use the one in the folder name.",
    )

    def given_folder(self) -> str | None:
        return self.path

    @property
    def origin(self) -> str:
        """The folder."""
        return self.path


class GgufModel(ExternalModel):
    """A model in a GGUF file, local or on the Hugging Face Hub, converted once to safetensors."""

    kind: Literal["gguf"]
    path: str | None = Field(
        None, description="Path of the GGUF file, relative to the repository's root or absolute."
    )
    repo: str | None = Field(None, description="Hub repository that contains the file.")
    file: str | None = Field(None, description="Name of the file in `repo`.")
    revision: str | None = Field(None, description="Commit hash or tag of `repo`.")
    parameters_billion: float | None = Field(
        None,
        gt=0,
        description="Number of parameters, in billions; null to read it from the file name "
        "(`135M`, `8B`).",
    )
    family: str | None = Field(
        None,
        description="Model family, such as `llama`, used to exclude judges of the same model "
        "family; null to use the one in the file name.",
    )

    @model_validator(mode="after")
    def _one_origin(self) -> GgufModel:
        on_hub = (self.repo, self.file, self.revision)
        local = self.path is not None and not any(on_hub)
        if local or (self.path is None and all(on_hub)):
            return self
        raise ValueError(
            "set either `path`, or all of `repo`, `file` and `revision`, e.g. `path: "
            "models/SmolLM2-135M-Instruct.Q4_1.gguf`"
        )

    @property
    def origin(self) -> str:
        """Path or name of the file."""
        return self.path or str(self.file)


Model = one_of(EmbeddedModel, HubModel, FolderModel, GgufModel)
