"""The engines of the library, and the sections that say when a source's answers are trusted."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import EngineSettings, Opening, engine
from manybaskets.config.sections import Fields, Section, Share

Precision = Literal["float32", "bfloat16"]


def _open(module: str, settings: EngineSettings, opening: Opening) -> Any:
    """An engine's packages are imported where a job opens it, and never when a config is read."""
    return import_module(f"manybaskets.engines.{module}").open_engine(settings, opening)


@engine
class TransformersSettings(EngineSettings):
    """The transformers library: batches of fixed composition on a CPU or one GPU."""

    environment: ClassVar = "main.yaml"
    takes_adapters: ClassVar = True
    reads_probabilities: ClassVar = True
    reads_logits: ClassVar = True
    speed: ClassVar = (20.0, 2_200.0)  # H100, Llama 8B in batches of 32
    kind: Literal["transformers"] = "transformers"
    precision: Precision | None = Field(
        None, description="Number format of the weights; null takes `training.precision`."
    )

    def open(self, opening: Opening) -> Any:
        return _open("transformers_engine", self, opening)

    def weights_format(self, precision: str) -> str:
        return self.precision or precision


@engine
class VllmSettings(EngineSettings):
    """vLLM offline: continuous batches, prefix caching, all adapters of a base in one engine."""

    environment: ClassVar = "vllm.yaml"
    takes_adapters: ClassVar = True
    reads_probabilities: ClassVar = True
    takes_form: ClassVar = True
    speed: ClassVar = (80.0, 57_000.0)  # H100: a minute to compile; full batches
    operational: ClassVar = frozenset(
        {"tensor_parallel", "memory_share", "max_sequences", "prefix_caching", "enforce_eager"}
        | {"max_adapters"}
    )
    kind: Literal["vllm"] = "vllm"
    precision: Precision | None = Field(
        None, description="Number format of the weights; null takes `training.precision`."
    )
    quantization: Literal["fp8"] | None = Field(
        None, description="Quantise the weights on loading, where one node has too little memory."
    )
    tensor_parallel: int | None = Field(
        None,
        ge=1,
        description="GPUs that share one copy of the model; null: as many as its size needs on the "
        "GPUs that slurm/machine.yaml describes.",
    )
    max_model_len: int | None = Field(
        None,
        ge=64,
        description="Longest prompt with answer, in tokens; null: just what prompting and sampling need.",
    )
    memory_share: float = Field(
        0.9, gt=0.0, le=1.0, description="Share of a GPU's memory that vLLM takes for itself."
    )
    max_sequences: int = Field(256, ge=1, description="Answers that grow at the same time.")
    prefix_caching: bool = Field(True, description="Reuse the cache of prompts that begin alike.")
    enforce_eager: bool = Field(
        False, description="No CUDA graphs: slower, starts sooner and takes less memory."
    )
    max_adapters: int = Field(4, ge=1, description="Adapters held in GPU memory at a time.")

    def open(self, opening: Opening) -> Any:
        return _open("vllm_engine", self, opening)

    def weights_format(self, precision: str) -> str:
        return self.quantization or self.precision or precision

    def gpus_given(self) -> int:
        return self.tensor_parallel or 0

    def concurrent_rows(self) -> int | None:
        return self.max_sequences

    def longest_sequence(self) -> int | None:
        return self.max_model_len


@engine
class OpenAISettings(EngineSettings):
    """Any server that speaks OpenAI's chat completions: hosted ones, `vllm serve`, llama.cpp."""

    environment: ClassVar = "openai.yaml"
    runs_model: ClassVar = False
    needs_gpu: ClassVar = False
    remote: ClassVar = True
    takes_form: ClassVar = True
    operational: ClassVar = frozenset(
        {"key_variable", "concurrency", "timeout", "retries", "price_in", "price_out"}
        | {"spending_cap"}
    )
    kind: Literal["openai"] = "openai"
    base_url: str = Field(
        "https://api.openai.com/v1", description="Address of the server, with its version path."
    )
    served_model: str = Field(
        description="What the server calls the model; a dated name, no alias."
    )
    key_variable: str | None = Field(
        "OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Environment variable that holds the key (never the key itself); null for none.",
    )
    concurrency: int = Field(16, ge=1, le=1024, description="Requests under way at a time.")
    timeout: float = Field(120.0, gt=0, description="Longest wait for one answer, in seconds.")
    retries: int = Field(
        6,
        ge=0,
        description="Further tries after a rate limit, a server error or a lost connection.",
    )
    send_seed: bool = Field(
        True, description="Send each row's seed; off for servers that refuse it."
    )
    tokens_key: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="What the server calls the token limit of an answer."
    )
    price_in: float = Field(0.0, ge=0, description="Price of a million prompt tokens, in USD.")
    price_out: float = Field(0.0, ge=0, description="Price of a million answer tokens, in USD.")
    spending_cap: float | None = Field(
        None,
        gt=0,
        description="USD that this source may cost; its shards share it evenly. Null for no cap.",
    )

    def open(self, opening: Opening) -> Any:
        return _open("openai_engine", self, opening)

    def concurrent_rows(self) -> int | None:
        return self.concurrency

    def remote_model(self) -> str | None:
        return self.served_model

    def price(self, tokens_in: float, tokens_out: float) -> float | None:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def cap(self) -> float | None:
        return self.spending_cap


@engine
class ReplaySettings(EngineSettings):
    """Ready answers from a file or a dataset of the hub; matched by content, never by position."""

    environment: ClassVar = "light.yaml"
    runs_model: ClassVar = False
    needs_gpu: ClassVar = False
    generates: ClassVar = False
    kind: Literal["replay"] = "replay"
    path: str | None = Field(
        None, description="JSONL, CSV or Parquet file, gzipped (`.gz`) or not; or name `repo`."
    )
    repo: str | None = Field(None, description="Dataset of the Hugging Face hub.")
    revision: str | None = Field(None, description="Commit hash or tag of `repo`.")
    split: str = Field("train", description="Split of `repo`.")
    fields: Fields = Field(
        default_factory=lambda: Fields(context=None),
        description="Column names; `response` is the answer.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> ReplaySettings:
        if (self.path is None) == (self.repo is None):
            raise ValueError("`replay` takes either `path` or `repo`")
        if self.repo and not self.revision:
            raise ValueError("revision: a dataset of the hub needs its commit or tag")
        if self.fields.response is None:
            raise ValueError("fields.response: name the column with the answers")
        return self


class Quality(Section):
    """When a source's answer is taken. A row that fails is asked again, then set apart and counted."""

    operational: ClassVar = frozenset({"max_failed_share"})
    retries: int = Field(2, ge=0, description="Further tries, each with a new seed.")
    min_words: int = Field(1, ge=0, description="Fewest words of an answer.")
    max_repeated_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of an answer's 4-grams of words that stood in it before.",
    )
    max_compression: float = Field(
        5.0, gt=1, description="Largest ratio of an answer's bytes to its bytes under zlib."
    )
    no_echo: bool = Field(True, description="Refuse answers that are the prompt again.")
    languages: list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]] | None = Field(
        None,
        min_length=1,
        description="Languages an answer may be in, as ISO 639-1 codes; null: not checked.",
    )
    max_failed_share: Share = Field(
        0.02, description="Share of rows set apart above which the source fails."
    )


class Pilot(Section):
    """The trial before a source's first shard. A check that fails stops the source."""

    renamed: ClassVar = {"override_reason": "override"}
    prompts: int = Field(32, ge=0, description="Prompts of the trial; 0 for no trial.")
    max_empty_share: Share = Field(0.02, description="Largest share of empty answers.")
    max_truncated_share: Share = Field(
        0.05, description="Largest share of answers cut at the token limit."
    )
    max_repeated_share: Share = Field(0.05, description="Largest share of answers that loop.")
    max_refused_share: Share = Field(0.2, description="Largest share of refusals.")
    max_wrong_language_share: Share = Field(
        0.05, description="Largest share of answers in none of `quality.languages`."
    )
    temperature: tuple[float, float] = Field(
        (0.3, 1.2), description="Sane range of the temperature; greedy (0) is always allowed."
    )
    override_reason: str | None = Field(
        None,
        min_length=10,
        description="Go on although a check fails, for this reason; it stands in the report.",
    )
