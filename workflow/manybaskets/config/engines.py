"""The library's engines, and the sections for accepting a source's answers."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import EngineSettings, Opening, engine
from manybaskets.config.models import TemplateArguments
from manybaskets.config.sections import Fields, Section, Share, Variable

Precision = Literal["float32", "bfloat16"]


def _open(module: str, settings: EngineSettings, opening: Opening) -> Any:
    """An engine's packages are imported when a job opens it, never when a config is read."""
    return import_module(f"manybaskets.engines.{module}").open_engine(settings, opening)


@engine
class TransformersSettings(EngineSettings):
    """The transformers library: fixed batches on a CPU or on one GPU."""

    environment: ClassVar = "main.yaml"
    takes_adapters: ClassVar = True
    reads_probabilities: ClassVar = True
    reads_logits: ClassVar = True
    speed: ClassVar = (20.0, 2_200.0)  # H100, Llama 8B in batches of 32
    kind: Literal["transformers"] = "transformers"
    precision: Precision | None = Field(
        None, description="Number format of the weights; null to use `training.precision`."
    )

    def open(self, opening: Opening) -> Any:
        return _open("transformers_engine", self, opening)

    def weights_format(self, precision: str) -> str:
        return self.precision or precision


@engine
class VllmSettings(EngineSettings):
    """vLLM in the job's own process: continuous batching, prefix caching, all adapters of a base
    model in one engine.
    """

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
        None, description="Number format of the weights; null to use `training.precision`."
    )
    quantization: Literal["fp8"] | None = Field(
        None,
        description="Quantization of the weights on loading, for models that do not fit on a node; null "
        "for none.",
    )
    tensor_parallel: int | None = Field(
        None,
        ge=1,
        description="Number of GPUs that share one copy of the model; null for as many as the model needs "
        "on the GPUs described in `slurm/machine.yaml`.",
    )
    max_model_len: int | None = Field(
        None,
        ge=64,
        description="Longest prompt with answer, in tokens; null for what `prompting` and `sampling` "
        "require.",
    )
    memory_share: float = Field(
        0.9, gt=0.0, le=1.0, description="Share of the GPU memory that vLLM allocates."
    )
    max_sequences: int = Field(
        256, ge=1, description="Largest number of answers generated concurrently."
    )
    prefix_caching: bool = Field(
        True, description="Reuse the key-value cache of common prompt prefixes."
    )
    enforce_eager: bool = Field(
        False, description="Disable CUDA graphs: slower, but starts sooner and needs less memory."
    )
    max_adapters: int = Field(4, ge=1, description="Number of adapters in GPU memory at a time.")

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
    """A server with OpenAI's chat completions API: hosted services, `vllm serve`, llama.cpp."""

    environment: ClassVar = "openai.yaml"
    runs_model: ClassVar = False
    needs_gpu: ClassVar = False
    remote: ClassVar = True
    takes_form: ClassVar = True
    operational: ClassVar = frozenset(
        {"key_variable", "concurrency", "timeout", "retries", "price_in", "price_out"}
        | {"spending_cap", "context_tokens"}
    )
    kind: Literal["openai"] = "openai"
    base_url: str = Field(
        "https://api.openai.com/v1", description="URL of the server, including the version path."
    )
    served_model: str = Field(
        description="Name of the model on the server. Use a dated name, not an alias."
    )
    key_variable: Variable | None = Field(
        "OPENAI_API_KEY",
        description="Environment variable that contains the API key (never the key itself); null for no "
        "key.",
    )
    concurrency: int = Field(16, ge=1, le=1024, description="Number of concurrent requests.")
    timeout: float = Field(120.0, gt=0, description="Longest wait for one answer, in seconds.")
    retries: int = Field(
        6,
        ge=0,
        description="Number of retries after a rate limit, a server error or a lost connection.",
    )
    send_seed: bool = Field(
        True, description="Send the seed of each row; false for servers that reject it."
    )
    tokens_key: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="Request parameter for the token limit of an answer."
    )
    template_arguments: TemplateArguments = Field(
        default={},
        exclude_if=lambda arguments: not arguments,
        description="Values for variables of the served model's chat template, such as "
        "`{enable_thinking: false}`, sent as `chat_template_kwargs`. vLLM, SGLang and llama.cpp "
        "servers support it; hosted services reject or ignore it.",
    )
    price_in: float = Field(0.0, ge=0, description="Price of one million prompt tokens, in USD.")
    price_out: float = Field(0.0, ge=0, description="Price of one million answer tokens, in USD.")
    spending_cap: float | None = Field(
        None,
        gt=0,
        description="Largest total cost, in USD, shared equally by all shards; null for no cap.",
    )
    context_tokens: int | None = Field(
        None,
        ge=64,
        exclude_if=lambda value: value is None,
        description="Longest prompt with answer that the server takes, in tokens. Its tokenizer is not "
        "known here, so prompts are measured by an estimate, 3 characters per token; null to rely on "
        "the tokenizers of the study's models.",
    )

    def open(self, opening: Opening) -> Any:
        return _open("openai_engine", self, opening)

    def concurrent_rows(self) -> int | None:
        return self.concurrency

    def remote_model(self) -> str | None:
        return self.served_model

    def variables(self) -> list[str]:
        return [self.key_variable] if self.key_variable else []

    def context_of_server(self) -> int | None:
        return self.context_tokens

    def price(self, tokens_in: float, tokens_out: float) -> float | None:
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1e6

    def cap(self) -> float | None:
        return self.spending_cap


@engine
class ReplaySettings(EngineSettings):
    """Ready answers from a file or a hub dataset.

    They are matched to prompts by content, never by position.
    """

    environment: ClassVar = "light.yaml"
    runs_model: ClassVar = False
    needs_gpu: ClassVar = False
    generates: ClassVar = False
    operational: ClassVar = frozenset({"max_missing_share"})
    kind: Literal["replay"] = "replay"
    path: str | None = Field(
        None,
        description="JSONL, JSON array, CSV or Parquet file, optionally gzipped (`.gz`). Set either this or `repo`.",
    )
    repo: str | None = Field(
        None, description="Dataset on the Hugging Face hub. Set either this or `path`."
    )
    revision: str | None = Field(None, description="Commit hash or tag of `repo`.")
    split: str = Field("train", description="Split of `repo`.")
    fields: Fields = Field(
        default_factory=lambda: Fields(context=None),
        description="Column names; `response` is the answer.",
    )
    max_missing_share: Share = Field(
        0.0,
        exclude_if=lambda share: not share,
        description="Largest share of the prompts without a row in the file. They leave all mixes and "
        "are counted; above it, the study stops.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> ReplaySettings:
        if (self.path is None) == (self.repo is None):
            raise ValueError("set either `path` or `repo`, not both")
        if self.repo and not self.revision:
            raise ValueError("revision: set it to a commit or tag of the Hub dataset")
        if self.fields.response is None:
            raise ValueError("fields.response: set it to the column with the answers")
        return self


class Quality(Section):
    """Requirements for a source's answers.

    A row that fails is requested again, then quarantined and counted.
    """

    operational: ClassVar = frozenset({"max_failed_share"})
    retries: int = Field(2, ge=0, description="Number of retries, each with a new seed.")
    min_words: int = Field(1, ge=0, description="Smallest number of words of an answer.")
    max_repeated_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest share of an answer's word 4-grams that occurred earlier in it.",
    )
    max_compression: float = Field(
        5.0,
        gt=1,
        description="Largest ratio of an answer's size to its size after zlib compression, both in bytes.",
    )
    no_echo: bool = Field(True, description="Reject answers that repeat the prompt.")
    languages: list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]] | None = Field(
        None,
        min_length=1,
        description="Allowed languages, as ISO 639-1 codes; null to allow all.",
    )
    max_failed_share: Share = Field(
        0.02, description="Largest share of quarantined rows. Above it the source fails."
    )


class Pilot(Section):
    """The pilot of a source before its first shard. A failed check stops the source."""

    renamed: ClassVar = {"override_reason": "override"}
    prompts: int = Field(32, ge=0, description="Number of prompts; 0 for no pilot.")
    max_empty_share: Share = Field(0.02, description="Largest share of empty answers.")
    max_truncated_share: Share = Field(
        0.05, description="Largest share of answers truncated at the token limit."
    )
    max_repeated_share: Share = Field(
        0.05, description="Largest share of answers that repeat themselves."
    )
    max_refused_share: Share = Field(0.2, description="Largest share of refusals.")
    max_copied_share: Share = Field(
        0.2,
        exclude_if=lambda share: share == 0.2,
        description="Largest share of answers that copy the answer to another prompt, exactly or nearly.",
    )
    max_wrong_language_share: Share = Field(
        0.05,
        description="Largest share of answers in a language that is not listed in `quality.languages`.",
    )
    temperature: tuple[float, float] = Field(
        (0.3, 1.2),
        description="Allowed range of the sampling temperature; greedy decoding (0) is always allowed.",
    )
    override_reason: str | None = Field(
        None,
        min_length=10,
        description="Reason to continue although a check fails; the report shows it. Null to stop.",
    )
