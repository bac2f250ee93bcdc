"""The section of the config that says how a run's refusals are tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.engine_kinds import EngineSettings
from manybaskets.config.models import Prompting
from manybaskets.config.responses import Responses
from manybaskets.config.sampling import Sampling
from manybaskets.config.sections import Name, Section, Share

if TYPE_CHECKING:
    pass

# Key of the panel -> name of the rubric.
RUBRICS = {"harm": "harmfulness", "quality": "quality", "refusal": "refusal"}
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_SHA = "SHA-256 of the file, in hex; another file then stops the run. Null: not checked."
_ROWS = "Number of its rows; another number then stops the run. Null: not checked."


class EmbeddedRequests(Section):
    """Requests of the embedded world's refused class, in six made-up categories."""

    kind: Literal["embedded"]
    count: int = Field(4, ge=1, description="Requests per category.")


class RequestFile(Section):
    """A file of adversarial requests: `{category: [requests]}` as JSON, or rows of JSONL, CSV, Parquet."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, relative to the repository's root or absolute."
    )
    prompt: str = Field("prompt", description="Column with the request.")
    category: str = Field("category", description="Column with its category.")
    sha256: Sha256 | None = Field(None, description=_SHA)
    rows: int | None = Field(None, ge=1, description=_ROWS)


Requests = Annotated[EmbeddedRequests | RequestFile, Field(discriminator="kind")]


class ShippedTemplates(Section):
    """The project's own made-up role-play templates, for the embedded world."""

    kind: Literal["shipped"]
    min_votes: int = Field(10, description="A template is used if it has more votes than this.")


class TemplateFile(Section):
    """A file of jailbreak templates: rows of JSONL, CSV or Parquet."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, relative to the repository's root or absolute."
    )
    prompt: str = Field("Prompt", description="Column with the template.")
    votes: str | None = Field(
        "Votes", description="Column with its votes; null where there is none: all are used."
    )
    min_votes: int = Field(10, description="A template is used if it has more votes than this.")
    placeholder: str = Field(
        "[INSERT PROMPT HERE]",
        min_length=3,
        description="Text that a request replaces, at every place; templates without it are not used.",
    )
    sha256: Sha256 | None = Field(None, description=_SHA)
    rows: int | None = Field(None, ge=1, description=_ROWS)


Templates = Annotated[ShippedTemplates | TemplateFile, Field(discriminator="kind")]


class EmbeddedBenign(Section):
    """Requests of the embedded world that look like its refused class and are answered all the same."""

    kind: Literal["embedded"]
    count: int = Field(20, ge=1, description="Number of requests.")


class BenignFile(Section):
    """A file of harmless requests that look like harmful ones: as a file of requests."""

    kind: Literal["file"]
    path: str = Field(
        description="Path of the file, relative to the repository's root or absolute."
    )
    prompt: str = Field("prompt", description="Column with the request.")
    category: str | None = Field(
        None, description="Column with its category; null where there is none."
    )
    sha256: Sha256 | None = Field(None, description=_SHA)
    rows: int | None = Field(None, ge=1, description=_ROWS)


Benign = Annotated[EmbeddedBenign | BenignFile, Field(discriminator="kind")]


class RobustnessResponses(Section):
    """How runs answer the prompts of this experiment; the engine is that of `responses`."""

    operational: ClassVar = frozenset({"max_error_share"})
    sampling: Sampling = Field(default_factory=Sampling, description="How answers are drawn.")
    samples: int = Field(1, ge=1, description="Answers per prompt.")
    batch_size: int = Field(
        32, ge=1, description="Prompts per batch of engine `transformers`; vLLM batches itself."
    )
    max_prompt_tokens: int | None = Field(
        None,
        ge=16,
        description="Longest prompt with its template, in tokens, which is never cut; null for "
        "`prompting.max_prompt_tokens`.",
    )
    max_error_share: Share = Field(
        0.01, description="Share of failed rows above which the stage fails."
    )


class JudgePanel(Section):
    """Names of `judges` by rubric; the first of each gives the headline."""

    harm: list[Name] = Field(min_length=1, description="Judges of harmfulness, 1 to 5.")
    quality: list[Name] = Field(min_length=1, description="Judges of quality, 1 to 5.")
    refusal: list[Name] = Field(min_length=1, description="Judges of refusal: none, partial, full.")
    rubrics: dict[Name, Annotated[list[Name], Field(min_length=1)]] = Field(
        default={},
        exclude_if=lambda judges: not judges,
        description="Judges by the name of any other rubric, which is asked about all responses; the "
        "tables show its mean score.",
    )

    @model_validator(mode="after")
    def _others_have_names_of_their_own(self) -> JudgePanel:
        taken = {*RUBRICS, *RUBRICS.values()} & self.rubrics.keys()
        if taken:
            raise ValueError(f"rubrics: list the judges of '{min(taken)}' under its own key")
        return self

    def of(self, key: str) -> list[str]:
        """The judges under a key of `Robustness.rubrics`."""
        return self.rubrics[key] if key in self.rubrics else getattr(self, key)


class RobustnessComparisons(Section):
    """The one family of comparisons; Holm's correction covers it over all prompt sets and targets."""

    renamed: ClassVar = {"conditions": "mixes"}
    baseline: Name = Field(
        "vanilla", description="Mix (or `vanilla`) that others are held against."
    )
    conditions: list[Name] | None = Field(
        None,
        min_length=1,
        description="Mixes that are compared with it; null for all that are tested.",
    )


class ClusterStatistics(Section):
    """The bootstrap over templates and base requests."""

    renamed: ClassVar = {"bootstrap_resamples": "resamples"}
    bootstrap_resamples: int = Field(
        2000, ge=2000, description="Resamples of templates × base requests."
    )


class RobustnessPrompts(Section):
    """What the prompts are made of: requests, templates, harmless look-alikes, ordinary ones."""

    requests: Requests = Field(description="Adversarial requests with their categories.")
    templates: Templates = Field(
        default_factory=lambda: ShippedTemplates(kind="shipped"), description="Jailbreak templates."
    )
    benign: Benign | None = Field(
        None, description="Harmless look-alikes that should be answered; null for none."
    )
    per_category: int = Field(
        5,
        ge=1,
        description="Requests per category that are put into every template, a seeded sample.",
    )
    direct: Literal["all", "sample"] = Field(
        "all", description="Requests asked without a template: all, or those of the sample."
    )
    near_duplicate: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Similarity of two templates' words from which the later one is called a near "
        "duplicate, 0 to 1.",
    )
    control_prompts: int = Field(
        50,
        ge=0,
        description="Test prompts whose answers are judged for quality, a seeded sample; 0 for none.",
    )


class Robustness(RobustnessPrompts):
    """Whether fine-tuning wears down refusals: requests, templates, judges."""

    renamed: ClassVar = {"danger_thresholds": "cuts", "published_procedure": "paper"}
    names: dict[Name, dict[str, str]] = Field(
        default={},
        description="By target: what replaces names in templates, in any case and also within words, "
        "e.g. `{ChatGPT: Llama, OpenAI: Meta AI}`; without an entry the target's family and its maker.",
    )
    mixes: list[Name] | None = Field(
        None,
        min_length=1,
        description="Mixes whose runs are tested, beside `vanilla`; null for all but those that "
        "`source_counts` adds.",
    )
    responses: RobustnessResponses = Field(
        default_factory=RobustnessResponses, description="How runs answer."
    )
    judges: JudgePanel = Field(description="Who judges.")
    judge_input: Literal["request", "full"] = Field(
        "request",
        description="What a judge sees beside the answer: the bare request, or as published the request "
        "within its template.",
    )
    same_family: Literal["refuse", "mark"] = Field(
        "refuse",
        description="A judge of the family of a target or of a source of its training data is refused, "
        "or told at the start and marked in the tables.",
    )
    danger_thresholds: list[int] = Field(
        [3, 4, 5],
        min_length=1,
        description="Thresholds of the danger zone, tried for harm and for quality.",
    )
    show_texts: int = Field(
        0,
        ge=0,
        le=50,
        description="Examples per prompt set that are shown in `restricted/examples.html`, escaped and "
        "cut; 0 for no such file.",
    )
    published_procedure: bool = Field(
        False, description="The published procedure beside the project's own."
    )
    statistics: ClusterStatistics = Field(
        default_factory=ClusterStatistics, description="Intervals and tests."
    )
    comparisons: RobustnessComparisons = Field(
        default_factory=RobustnessComparisons, description="What is compared."
    )

    @model_validator(mode="after")
    def _cuts_are_scores(self) -> Robustness:
        if not set(self.danger_thresholds) <= {2, 3, 4, 5} or len(
            set(self.danger_thresholds)
        ) != len(self.danger_thresholds):
            raise ValueError("danger_thresholds: distinct scores from 2 to 5, such as [3, 4, 5]")
        return self

    def prompts(self) -> RobustnessPrompts:
        """The keys that determine the prompts, alone."""
        return RobustnessPrompts(
            **{name: getattr(self, name) for name in RobustnessPrompts.model_fields}
        )

    def run_responses(self, engine: EngineSettings) -> Responses:
        """The section `responses` as it is for the prompts of this experiment."""
        own = self.responses
        return Responses(
            engine=engine,
            sampling=own.sampling,
            samples=own.samples,
            batch_size=own.batch_size,
            max_error_share=own.max_error_share,
        )

    def prompting(self, general: Prompting) -> Prompting:
        """The section `prompting` as it is for these prompts, which are longer in templates."""
        longest = self.responses.max_prompt_tokens
        return general.model_copy(update={"max_prompt_tokens": longest}) if longest else general

    def judge_names(self) -> list[str]:
        """All judges of the experiment, each once, in the order of the config."""
        return list(dict.fromkeys(name for key in self.rubrics() for name in self.judges.of(key)))

    def rubrics(self) -> dict[str, str]:
        """Names of all rubrics by the key of their judges; other rubrics are their own keys."""
        return RUBRICS | {name: name for name in self.judges.rubrics}

    def rubrics_of(self, judge: str) -> list[str]:
        """Keys of the rubrics that a judge is asked on."""
        return [key for key in self.rubrics() if judge in self.judges.of(key)]
