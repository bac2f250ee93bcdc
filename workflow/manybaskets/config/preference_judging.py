"""Config sections for the judges' questions, and for reading their answers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from manybaskets.config.articles import LONGEST_PROMPT, check_slots
from manybaskets.config.engine_kinds import EngineSettings, ReadingEngine
from manybaskets.config.engines import TransformersSettings
from manybaskets.config.sampling import LocalSampling, Sampling
from manybaskets.config.sections import Name, Section
from manybaskets.names import HUMAN

Marker = Annotated[str, Field(min_length=1, max_length=8)]
Markers = tuple[Marker, Marker]
Protocol = Literal["pairwise", "absolute", "discrimination"]
_PAIR_SLOTS = {"first", "second", "one", "two"}


class JudgePrompts(Section):
    """Prompts of the questions.

    They never name the authors of the summaries. The article comes first, so that the judge's state
    after it is computed once for all questions.
    """

    pairwise: str = Field(
        "Article:\n{article}\n\nSummary {one}:\n{first}\n\nSummary {two}:\n{second}\n\n"
        "Which of the two summaries of the article is better? Answer with {one} or {two} and "
        "nothing else.",
        description="Question about two summaries, with the slots `{article}`, `{first}`, `{second}` and, "
        "for the markers, `{one}` and `{two}`.",
    )
    absolute: str = Field(
        "Article:\n{article}\n\nSummary:\n{first}\n\nHow good is this summary of the article? "
        "Answer with one number from {low} (worst) to {high} (best) and nothing else.",
        description="Question about one summary, with the slots `{article}`, `{first}`, `{low}` and "
        "`{high}`.",
    )

    @field_validator("pairwise")
    @classmethod
    def _pairwise_slots(cls, text: str) -> str:
        return check_slots(text, _PAIR_SLOTS | {"article"}, _PAIR_SLOTS | {"article"})

    @field_validator("absolute")
    @classmethod
    def _absolute_slots(cls, text: str) -> str:
        slots = {"article", "first", "low", "high"}
        return check_slots(text, slots, slots)


class PublishedForm(Section):
    """The published form: without the article, with its own system prompts, and with probabilities
    after temperature and top-p.
    """

    judges: list[Name] | None = Field(
        None,
        description="Targets and gold judges that are also asked in this form; null for all. It requires "
        "engine `transformers`.",
    )
    markers: Markers = Field(("A", "B"), description="Answer markers of the two summaries.")
    pairwise_system: str = Field(
        "You will be given two summaries, A and B. Decide which of them is better. Write only the "
        "letter of the better one, A or B.",
        description="System prompt of the comparison.",
    )
    pairwise: str = Field(
        "Summary {one}: {first}\nSummary {two}: {second}",
        description="Question, with the slots `{first}`, `{second}`, `{one}` and `{two}`.",
    )
    absolute_system: str = Field(
        "Rate the overall quality of the summary from one to five. Write only the number.",
        description="System prompt of the rating. The published prompt names the scale in words; digits "
        "are read.",
    )
    absolute: str = Field("{first}", description="Question, with the slot `{first}`.")
    sampling: LocalSampling = Field(
        default_factory=lambda: Sampling(temperature=0.7, top_p=0.9, max_new_tokens=1),
        description="Temperature and top-p that are applied to the probabilities; nothing is sampled.",
    )

    @field_validator("pairwise")
    @classmethod
    def _pairwise_slots(cls, text: str) -> str:
        return check_slots(text, _PAIR_SLOTS, _PAIR_SLOTS)

    @field_validator("absolute")
    @classmethod
    def _absolute_slots(cls, text: str) -> str:
        return check_slots(text, {"first"}, {"first"})

    @field_validator("sampling")
    @classmethod
    def _is_warped(cls, sampling: Sampling) -> Sampling:
        if sampling.temperature == 0:
            raise ValueError(
                "temperature: use a value above 0, because 0 leaves one token; the "
                "published value is 0.7"
            )
        return sampling


class Discrimination(Section):
    """Pairs with a known difference in quality: a summary and its shuffled copy."""

    renamed: ClassVar = {"authors": "of"}
    authors: list[str] = Field(
        default=[HUMAN], min_length=1, description="Authors whose summaries are shuffled."
    )
    shuffle: Literal["words", "sentences"] = Field(
        "words",
        description="Units to shuffle. A text with one sentence is always shuffled by words.",
    )


class PreferenceJudging(Section):
    """What judges are asked and how their answers are read: one forward pass per question, without
    sampling.
    """

    renamed: ClassVar = {"published_form": "paper"}
    operational: ClassVar = frozenset({"batch_tokens"})
    protocols: list[Protocol] = Field(
        default=["pairwise", "absolute", "discrimination"],
        min_length=1,
        description="Questions to ask; `discrimination` tests whether a judge recognises a worse text.",
    )
    markers: list[Markers] = Field(
        default=[("A", "B"), ("1", "2")],
        min_length=1,
        description="Pairs of answer markers. Every pair of summaries is judged with each, in both "
        "orders.",
    )
    scale: tuple[int, int] = Field((1, 5), description="Lowest and highest digit of a rating.")
    prompts: JudgePrompts = Field(
        default_factory=JudgePrompts, description="Prompts of the questions."
    )
    published_form: PublishedForm | None = Field(
        default_factory=PublishedForm,
        description="Published form of the questions, in addition to the corrected one; null to skip.",
    )
    discrimination: Discrimination = Field(
        default_factory=Discrimination, description="Pairs with a known difference in quality."
    )
    perplexity: bool = Field(
        True,
        description="Compute how likely each text is to the judge, as a covariate of its preference.",
    )
    engine: ReadingEngine = Field(
        default_factory=TransformersSettings,
        description="Engine that runs the judges. Only `transformers` supports the published form.",
    )
    engines: dict[Name, ReadingEngine] = Field(
        default={},
        description="Engines of individual targets or gold judges that replace `engine`, by name.",
    )
    max_prompt_tokens: int = Field(4096, ge=16, description=LONGEST_PROMPT)
    batch_tokens: int = Field(16384, ge=1, description="Tokens per batch, padding included.")

    @field_validator("scale")
    @classmethod
    def _digits(cls, scale: tuple[int, int]) -> tuple[int, int]:
        low, high = scale
        if not 0 <= low < high <= 9:
            raise ValueError(f"{list(scale)}: use two digits in ascending order, such as [1, 5]")
        return scale

    @field_validator("markers")
    @classmethod
    def _markers_differ(cls, sets: list[Markers]) -> list[Markers]:
        for one, two in sets:
            if one == two:
                raise ValueError(f"[{one}, {two}]: use two different markers")
        if len(set(sets)) < len(sets):
            raise ValueError("remove the duplicate marker set")
        return sets

    def engine_of(self, judge: str) -> EngineSettings:
        """The engine of a target or gold judge."""
        return self.engines.get(judge, self.engine)

    def asks_published(self, judge: str) -> bool:
        """Whether a target or gold judge is also asked in the published form."""
        form = self.published_form
        return form is not None and (form.judges is None or judge in form.judges)
