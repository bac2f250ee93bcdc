"""Config section `judges`: who judges answers, and when a judge is trusted."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import AskedEngine, check_model
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.kinds import one_of
from manybaskets.config.sampling import LEFT_OUT, NUCLEUS, Sampling, check_sampling
from manybaskets.config.sections import Name, Section, Share


class JudgeSampling(Sampling):
    """How judgements are sampled: greedy by default."""

    temperature: float | None = Field(
        0.0,
        ge=0.0,
        le=2.0,
        description=f"Softmax temperature; 0 for greedy decoding. {LEFT_OUT}",
    )
    top_p: float | None = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description=f"{NUCLEUS} {LEFT_OUT}",
    )
    max_new_tokens: int = Field(512, ge=1, description="Longest judgement, in tokens.")


class JudgeSettings(Section):
    """Base of all judges' sections."""

    def environment(self) -> str:
        """Conda environment of its jobs, a file in `envs/`."""
        return "light.yaml"

    def task(self) -> Literal["answer", "likelihood"] | None:
        """The model's task in its jobs, for the plan; None for a judge without a model."""
        return None


class _Judge(JudgeSettings):
    """What all judges share: canaries that they must score correctly before they are used."""

    renamed: ClassVar = {"on_failed_canaries": "unfit"}
    must_pass: float = Field(
        0.9, ge=0.0, le=1.0, description="Share of the canaries that a judge must score correctly."
    )
    on_failed_canaries: Literal["stop", "mark"] = Field(
        "stop",
        description="What to do if a judge scores fewer canaries correctly: `stop` the run, or use it and "
        "`mark` it in every table.",
    )


class ModelJudge(_Judge):
    """A language model that reads a rubric, a request and a response, and returns a score."""

    renamed: ClassVar = {"judged_share": "share"}
    operational: ClassVar = frozenset({"family", "max_error_share"})
    kind: Literal["model"]
    model: Name | None = Field(None, description="Entry of `models`; not for engine `openai`.")
    engine: AskedEngine = Field(
        default_factory=TransformersSettings,
        description="Engine that runs the model: its name, or a section with `kind`.",
    )
    sampling: JudgeSampling = Field(
        default_factory=JudgeSampling, description="How judgements are sampled."
    )
    form: Literal["json", "tagged", "published"] = Field(
        "json",
        description="Format of a judgement: a `json` object, or text with two tags (`tagged`). "
        "`published`: prompted as in the published study and parsed with the published "
        "parser, including its bugs (harmfulness and quality only).",
    )
    rubrics: str | None = Field(
        None,
        description="Folder with rubric files that replace those in `resources/rubrics`; it must contain "
        "every rubric that the judge scores. Null for the shipped ones.",
    )
    structured: bool = Field(
        True,
        description="Constrain judgements to the format's JSON schema if the engine supports it (`vllm`, "
        "`openai`); false for servers that reject `response_format`.",
    )
    retries: int = Field(
        3, ge=0, description="Number of retries after a judgement that cannot be parsed."
    )
    judged_share: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Share of the rows to judge, sampled by prompt id: the same prompts in all runs.",
    )
    retest_share: Share = Field(
        0.05,
        description="Share of the judged rows that are judged again with the scale in reversed order.",
    )
    max_prompt_tokens: int = Field(
        4096,
        ge=64,
        description="Longest prompt to the judge, in tokens. A longer one is not truncated but counts as "
        "not judged.",
    )
    batch_size: int = Field(
        16,
        ge=1,
        description="Rows per batch with engine `transformers`; other engines batch by themselves.",
    )
    max_error_share: Share = Field(
        0.01,
        description="Largest share of rows for which the engine may fail. Above it the stage fails.",
    )
    family: str | None = Field(
        None, description="Model family, such as `llama`; null for the family of `model`."
    )

    @model_validator(mode="after")
    def _model_fits_engine(self) -> ModelJudge:
        check_model(self.engine, self.model)
        check_sampling(self.sampling, self.engine.remote)
        return self

    def environment(self) -> str:
        return self.engine.environment

    def task(self) -> Literal["answer", "likelihood"] | None:
        return "answer"


class ClassifierJudge(_Judge):
    """A sequence classifier of the transformers library whose labels map to scores."""

    renamed: ClassVar = {"judged_text": "reads"}
    kind: Literal["classifier"]
    model: Name = Field(description="Entry of `models`: a classifier.")
    labels: dict[str, float] = Field(
        min_length=1, description="Score of each label of the classifier, on the rubric's scale."
    )
    judged_text: Literal["response", "exchange"] = Field(
        "exchange",
        description="Text that the classifier reads: the `response` alone, or the `exchange` of request "
        "and response.",
    )
    max_tokens: int = Field(
        512, ge=16, description="Longest text, in tokens. A longer one counts as not judged."
    )
    batch_size: int = Field(16, ge=1, description="Texts per batch.")

    def environment(self) -> str:
        return "main.yaml"

    def task(self) -> Literal["answer", "likelihood"] | None:
        return "likelihood"  # it reads but generates nothing


class RuleJudge(_Judge):
    """A function of the library that scores a response: patterns, or facts about the embedded
    world.
    """

    kind: Literal["rule"]
    rule: str = Field(description="Name of a rule; see docs/judging.md.")


class LabelsJudge(JudgeSettings):
    """Human scores from a file, as an additional judge without canaries."""

    kind: Literal["labels"]
    path: str = Field(
        description="CSV file with the columns target, mix, seed, prompt_set, prompt_id, sample, rubric, "
        "score."
    )


JudgeSettings = one_of(ModelJudge, ClassifierJudge, RuleJudge, LabelsJudge)
