"""The model of a study's config file, checked as a whole before a run."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config import evaluation, mix_families
from manybaskets.config.data import (
    Cleaning,
    Dataset,
    EmbeddedDataset,
    PromptSet,
    Split,
)
from manybaskets.config.judges import JudgeSettings
from manybaskets.config.mix_families import SourceCounts
from manybaskets.config.mixes import Mix
from manybaskets.config.models import (
    EmbeddedModelSize,
    Model,
    ModelPrompting,
    Prompting,
)
from manybaskets.config.preference import Preference
from manybaskets.config.responses import Responses
from manybaskets.config.robustness import Robustness
from manybaskets.config.sections import Name, Section, Seed
from manybaskets.config.sources import Source
from manybaskets.config.study_checks import check_whole_study
from manybaskets.config.training import Training
from manybaskets.names import HUMAN, TRAIN, VANILLA


class Study(Section):
    """A study: everything that is compared. Its results are written to `results/<study>/`."""

    renamed: ClassVar = {
        "embedded_model_size": "tiny",
        "source_analysis": "describe",
        "published_procedures": "paper",
        "published_cells": "published",
    }
    study: Name = Field(description="Name of the study and of its folder in `results/`.")
    about: str = Field("", description="One or two sentences that introduce the report.")
    extensions: list[str] = Field(
        default=[],
        exclude_if=lambda files: not files,
        description="Python files that register engines, mix kinds, experiments, tables, figures or "
        "measures, relative to the working directory; every job imports them.",
    )
    rubrics: list[str] = Field(
        default=[],
        exclude_if=lambda paths: not paths,
        description="Rubrics of your own for judges: YAML files, or folders with such files. A rubric "
        "is asked by its name; one with the name of a shipped rubric replaces it.",
    )
    seed: Seed = Field(42, description="Study seed. The seed of every row is derived from it.")
    dataset: Dataset | None = Field(
        description="Raw rows: where they come from and what their columns are; null for a study of "
        "ready benchmark scores alone.",
    )
    cleaning: Cleaning = Field(
        default_factory=Cleaning, description="Which raw rows are dropped, and which stop the run."
    )
    split: Split = Field(
        default_factory=Split,
        description="Sizes of the test and validation sets, and the parts of the training prompts.",
    )
    prompting: Prompting = Field(
        default_factory=Prompting,
        description="How prompts are rendered: system prompt, date, longest prompt.",
    )
    embedded_model_size: EmbeddedModelSize = Field(
        default_factory=EmbeddedModelSize,
        description="Size and training budget of the models with kind `embedded`.",
    )
    models: dict[Name, Model] = Field(
        default={}, description="Models by name: sources, targets and judges refer to them."
    )
    sources: dict[Name, Source] = Field(
        default={}, description="Sources by name: who answers the training prompts."
    )
    mixes: dict[Name, Mix] = Field(
        default={}, description="Mixes by name: which source answers which training prompt."
    )
    source_counts: dict[Name, SourceCounts] = Field(
        default={},
        description="Mixes that differ in their number of sources, by name of the family.",
    )
    source_count_seeds: list[Seed] | None = Field(
        None,
        min_length=1,
        description="Training seeds of the mixes that `source_counts` adds; null to use `training.seeds`.",
    )
    truncated_answers: Literal["exclude", "keep"] = Field(
        "exclude",
        description="What happens to a prompt if the answer of any source was truncated at its token "
        "limit: `exclude` removes it from all mixes, `keep` keeps it.",
    )
    control_text: Literal["keep", "exclude"] = Field(
        "keep",
        exclude_if=lambda choice: choice == "keep",
        description="What happens to a prompt if it, or the answer of any source, spells a control "
        "token of a target, such as `<|im_end|>`: `keep` encodes it as text and counts it, `exclude` "
        "removes the prompt from all mixes.",
    )
    targets: list[Name] = Field(
        default=[],
        description="Names of the models to fine-tune; empty for a study of sources only.",
    )
    training: Training = Field(
        default_factory=Training, description="LoRA recipe, and how trainings are launched."
    )
    prompt_sets: dict[Name, PromptSet] = Field(
        default={}, description="Prompt sets in addition to `test`, by name."
    )
    responses: Responses = Field(
        default_factory=Responses,
        description="How the fine-tuned runs and the untuned targets answer.",
    )
    scoring: evaluation.Scoring = Field(
        default_factory=evaluation.Scoring,
        description="Likelihoods of answers under the runs and under a fixed scorer.",
    )
    divergence: evaluation.Divergence = Field(
        default_factory=evaluation.Divergence,
        description="Distances between the next-token distributions of runs.",
    )
    embedding: evaluation.Embedding = Field(
        default_factory=evaluation.Embedding,
        description="Sentence encoder of the semantic measures.",
    )
    words: evaluation.Words | None = Field(
        None,
        exclude_if=lambda words: words is None,
        description="Tokenizer of lexical measures, for scripts without spaces such as Thai. Null to divide "
        "texts by rules: at spaces and punctuation, every Han and kana a word.",
    )
    source_analysis: evaluation.SourceAnalysis | None = Field(
        None,
        description="Analysis of the sources' own answers to the training prompts; null to skip.",
    )
    judges: dict[Name, JudgeSettings] = Field(
        default={}, description="Judges by name; see docs/judging.md."
    )
    measures: list[str] = Field(
        default=[], description="Measures of the answers to the test prompts; see docs/measures.md."
    )
    statistics: evaluation.Statistics = Field(
        default_factory=evaluation.Statistics, description="Confidence intervals and tests."
    )
    comparisons: dict[Name, evaluation.Comparison] = Field(
        default={}, description="Families of paired comparisons, by name."
    )
    published_procedures: evaluation.PublishedProcedures | None = Field(
        None,
        description="Published procedures to run in addition to the project's own measures; null to skip.",
    )
    published_cells: evaluation.PublishedCells | None = Field(
        None,
        description="Cells of the published tables that this study reproduces; null if there are none.",
    )
    preference: Preference | None = Field(
        None, description="Self-preference experiment: which summaries judges prefer; null to skip."
    )
    robustness: Robustness | None = Field(
        None,
        description="Robustness experiment: whether refusals survive fine-tuning; null to skip.",
    )
    figures: evaluation.Figures = Field(
        default_factory=evaluation.Figures, description="Size and fonts of the figures."
    )

    @model_validator(mode="after")
    def _families_become_mixes(self) -> Study:
        for name, family in self.source_counts.items():
            mix_families.check_counts(name, family)
        # The sections are frozen; mixes added by a family are ordinary mixes from here on.
        self.__dict__["mixes"] = mix_families.recipes(self.source_counts, self.mixes)
        return self

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Study:
        check_whole_study(self)
        return self

    def prompting_of(self, model: str | None) -> ModelPrompting:
        """How prompts are rendered for an entry of `models`, or for none of them."""
        values = self.models[model].template_values() if model else {}
        return ModelPrompting(**self.prompting.model_dump(), template_arguments=values)

    @property
    def embedded_world(self) -> bool:
        """Whether the rows are about the embedded world."""
        return isinstance(self.dataset, EmbeddedDataset)

    def mix_sources(self, mix: str) -> list[str]:
        """Sources of a mix, in config order."""
        return self.mixes[mix].source_names()

    def used_sources(self) -> list[str]:
        """Sources that any mix uses or that are analysed, in config order."""
        used = {*self.mixed_sources(), *self.analysed_sources()}
        return [source for source in [HUMAN, *self.sources] if source in used]

    def mixed_sources(self) -> list[str]:
        """Sources that any mix uses, in config order."""
        used = {source for mix in self.mixes for source in self.mix_sources(mix)}
        return [source for source in [HUMAN, *self.sources] if source in used]

    def analysed_sources(self) -> list[str]:
        """Sources whose answers are measured, in config order; human answers if they exist."""
        if not self.source_analysis:
            return []
        fields = getattr(self.dataset, "fields", None)
        has_human = fields is None or fields.response is not None
        every = [*([HUMAN] if has_human else []), *self.sources]
        chosen = self.source_analysis.sources or (
            [HUMAN, *self.mixed_sources()] if self.mixes else every
        )
        return [source for source in every if source in chosen]

    def count_members(self, family: str) -> dict[str, tuple[str, ...]]:
        """The mixes of a family of `source_counts`, with their sources."""
        return mix_families.members(family, self.source_counts[family], self.mixes)

    def seeds_of(self, mix: str) -> list[int]:
        """Training seeds of a mix; the untuned target has one run, 0."""
        if mix == VANILLA:
            return [0]
        seeds = self.source_count_seeds if mix in self.added_mixes() else None
        return seeds or self.training.seeds

    def added_mixes(self) -> list[str]:
        """The mixes that families of `source_counts` add to those of the config."""
        return mix_families.added(self.source_counts, self.mixes)

    def measures_of(self, prompt_set: str) -> list[str]:
        """Measures of the answers to a prompt set; `train` is answered by the sources."""
        if prompt_set == TRAIN:
            return list(self.source_analysis.measures) if self.source_analysis else []
        return list(
            self.measures if prompt_set == "test" else self.prompt_sets[prompt_set].measures
        )

    def all_measures(self) -> list[str]:
        """Measures of any prompt set, each once, in config order."""
        sets = [*self.all_prompt_sets(), TRAIN]
        names = [name for each in sets for name in self.measures_of(each)]
        return list(dict.fromkeys(names))

    def all_prompt_sets(self) -> list[str]:
        """`test` and the prompt sets of the config."""
        return ["test", *self.prompt_sets]
