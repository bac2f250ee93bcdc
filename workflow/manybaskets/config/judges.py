"""Sections of the configuration that say who judges answers, and when a judge is trusted."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import AskedEngine, check_model
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Name, Section, Share


class JudgeSampling(Sampling):
    """How judgements are drawn: greedy, unless a key says otherwise."""

    temperature: float = Field(0.0, ge=0.0, le=2.0, description="Softmax temperature; 0 is greedy.")
    top_p: float = Field(
        1.0, gt=0.0, le=1.0, description="Nucleus: smallest set with this probability."
    )
    max_new_tokens: int = Field(512, ge=1, description="Longest judgement, in tokens.")


class JudgeSettings(Section):
    """Base of all judges' sections: what they tell the workflow."""

    def environment(self) -> str:
        """Conda environment of its jobs, a file in `envs/`."""
        return "light.yaml"

    def task(self) -> Literal["answer", "likelihood"] | None:
        """What a model does in its jobs, as the plan calls it; None for a judge without one."""
        return None


class _Judge(JudgeSettings):
    """What judges have that are tried: canaries that they must get right before they are used."""

    renamed: ClassVar = {"on_failed_canaries": "unfit"}
    must_pass: float = Field(
        0.9, ge=0.0, le=1.0, description="Share of the canaries that must be judged as known."
    )
    on_failed_canaries: Literal["stop", "mark"] = Field(
        "stop",
        description="A judge that passes fewer stops the run, or is used and marked in every table.",
    )


class ModelJudge(_Judge):
    """A model that reads a rubric, a request and a response, and answers with a score."""

    renamed: ClassVar = {"judged_share": "share"}
    operational: ClassVar = frozenset({"family", "max_error_share"})
    kind: Literal["model"]
    model: Name | None = Field(
        None, description="Name of an entry of `models`; engine `openai` takes none."
    )
    engine: AskedEngine = Field(
        default_factory=TransformersSettings,
        description="How the model is run: the name of an engine, or its section with `kind`.",
    )
    sampling: JudgeSampling = Field(
        default_factory=JudgeSampling, description="How judgements are drawn."
    )
    form: Literal["json", "tagged", "published"] = Field(
        "json",
        description="What a judgement looks like: a JSON object, or text with two tags; `published`: as "
        "in the published study, and read as defectively (of harmfulness and quality only).",
    )
    rubrics: str | None = Field(
        None,
        description="Folder with rubric files of the judge's own, in place of those in "
        "`resources/rubrics`; it must hold all that the judge is asked on.",
    )
    structured: bool = Field(
        True,
        description="Hold the judge to the form's JSON schema where the engine can (`vllm`, `openai`); "
        "off for servers that refuse `response_format`.",
    )
    retries: int = Field(
        3, ge=0, description="Further tries after a judgement that cannot be read."
    )
    judged_share: float = Field(
        1.0,
        gt=0.0,
        le=1.0,
        description="Share of the rows that are judged, drawn by prompt id: the same in all runs.",
    )
    retest_share: Share = Field(
        0.05,
        description="Share of the judged rows that are asked again, with the scale in reversed order.",
    )
    max_prompt_tokens: int = Field(
        4096,
        ge=64,
        description="Longest question to the judge, in tokens; a longer one is not cut but counts as "
        "not judged.",
    )
    batch_size: int = Field(
        16, ge=1, description="Rows per batch of engine `transformers`; others batch themselves."
    )
    max_error_share: Share = Field(
        0.01, description="Share of rows that the engine failed on, above which the stage fails."
    )
    family: str | None = Field(
        None, description="Family of the model, such as `llama`; null: that of the model."
    )

    @model_validator(mode="after")
    def _model_fits_engine(self) -> ModelJudge:
        check_model(self.engine, self.model)
        return self

    def environment(self) -> str:
        return self.engine.environment

    def task(self) -> Literal["answer", "likelihood"] | None:
        return "answer"


class ClassifierJudge(_Judge):
    """A sequence classifier of transformers whose labels stand for scores."""

    renamed: ClassVar = {"judged_text": "reads"}
    kind: Literal["classifier"]
    model: Name = Field(description="Name of an entry of `models`; a folder with a classifier.")
    labels: dict[str, float] = Field(
        min_length=1, description="Score of every label of the classifier, on the rubric's scale."
    )
    judged_text: Literal["response", "exchange"] = Field(
        "exchange", description="What it is shown: the response alone, or request and response."
    )
    max_tokens: int = Field(
        512, ge=16, description="Longest text, in tokens; a longer one counts as not judged."
    )
    batch_size: int = Field(16, ge=1, description="Texts per batch.")

    def environment(self) -> str:
        return "main.yaml"

    def task(self) -> Literal["answer", "likelihood"] | None:
        return "likelihood"  # it reads and writes nothing


class RuleJudge(_Judge):
    """A function of the library that reads a response: patterns, or the embedded world's truth."""

    kind: Literal["rule"]
    rule: str = Field(description="Name of a rule; docs/judging.md lists them.")


class LabelsJudge(JudgeSettings):
    """People's scores in a file, one more judge beside the others; it is shown no canaries."""

    kind: Literal["labels"]
    path: str = Field(
        description="CSV with the columns target, mix, seed, prompt_set, prompt_id, sample, rubric, score."
    )


JudgeSettings = Annotated[
    ModelJudge | ClassifierJudge | RuleJudge | LabelsJudge, Field(discriminator="kind")
]
