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
    RefusedPromptSet,
    Split,
)
from manybaskets.config.judges import ClassifierJudge, JudgeSettings
from manybaskets.config.mix_families import SourceCounts
from manybaskets.config.mixes import Mix
from manybaskets.config.models import (
    EmbeddedModel,
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
from manybaskets.config.training import Training
from manybaskets.names import HUMAN, LENGTHS, TRAIN, VANILLA

# Measures of own answers under the untuned target.
BY_TARGET = ("own_nll", "own_bits_per_byte")


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
    dataset: Dataset = Field(
        description="Raw rows: where they come from and what their columns are."
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
    def _names_exist(self) -> Study:
        """Check that every used name is defined; the message names the key that uses it."""
        sources = {*self.sources, HUMAN}
        conditions = {*self.mixes, VANILLA}
        for name, source_family in self.source_counts.items():
            self._require(
                f"source_counts.{name}.sources", source_family.sources, sources, "sources"
            )
        self._require("targets", self.targets, self.models, "models")
        for name, source in self.sources.items():
            if source.model:
                self._require(f"sources.{name}.model", [source.model], self.models, "models")
        for name in self.mixes:
            self._require(f"mixes.{name}", self.mix_sources(name), sources, "sources")
        for name, family in self.comparisons.items():
            key = f"comparisons.{name}"
            of_sources = family.prompt_set == TRAIN
            allowed = self.analysed_sources() if of_sources else conditions
            section = "sources listed in `source_analysis`" if of_sources else "mixes"
            self._require(f"{key}.baseline", [family.baseline], allowed, section)
            self._require(f"{key}.conditions", family.conditions, allowed, section)
            sets = [*self.all_prompt_sets(), *([TRAIN] if self.source_analysis else [])]
            self._require(f"{key}.prompt_set", [family.prompt_set], sets, "prompt_sets")
            measured = dict.fromkeys([*self.measures_of(family.prompt_set), *LENGTHS])
            where = f"measures of {family.prompt_set}"
            self._require(f"{key}.measures", family.measures, measured, where)
            if family.baseline in family.conditions:
                raise ValueError(
                    f"{key}.conditions: remove '{family.baseline}', which is the baseline"
                )
        if self.source_analysis:
            self._require(
                "source_analysis.sources", self.source_analysis.sources or [], sources, "sources"
            )
        self._require("training.per_target", list(self.training.per_target), self.models, "models")
        self._require("training.launch", list(self.training.launch), self.models, "models")
        if self.scoring.scorer:
            self._require("scoring.scorer", [self.scoring.scorer], self.models, "models")
        for name, judge in self.judges.items():
            model = getattr(judge, "model", None)
            if model:
                self._require(f"judges.{name}.model", [model], self.models, "models")
        if self.published_cells:
            self._require(
                "published_cells.targets", self.published_cells.targets, self.targets, "targets"
            )
            self._require(
                "published_cells.conditions", self.published_cells.conditions, conditions, "mixes"
            )
            self._require(
                "published_cells.sources", self.published_cells.sources, sources, "sources"
            )
        return self

    @model_validator(mode="after")
    def _a_scorer_is_of_no_source(self) -> Study:
        """Require a fixed scorer, because the untuned target favours text of its own family."""
        scorer = self.scoring.scorer
        if scorer:
            for name in self.mixed_sources():
                if name != HUMAN and self.sources[name].model == scorer:
                    raise ValueError(
                        f"scoring.scorer: '{scorer}' made the training data of source '{name}' "
                        "and may favour it; use a model that made no training data"
                    )
        by_target = [name for name in self.measures if name.startswith(BY_TARGET)]
        by_scorer = [name for name in self.measures if name.startswith("own_scorer_")]
        if by_target and not scorer and not self.scoring.no_scorer_reason:
            raise ValueError(
                f"scoring.scorer: null, but `measures` contains {by_target[0]}, the likelihood of "
                "answers under the untuned target, which favours its own family; set it to a "
                "model that made no training data, or state in scoring.no_scorer_reason why there "
                "is none"
            )
        if by_target and scorer and not by_scorer:
            raise ValueError(
                f"measures: add own_scorer_nll, the counterpart of {by_target[0]} under "
                "scoring.scorer"
            )
        return self

    @model_validator(mode="after")
    def _something_is_studied(self) -> Study:
        runs = {"targets": self.targets, "mixes": self.mixes, "measures": self.measures}
        missing = [key for key, value in runs.items() if not value]
        if missing and (len(missing) < len(runs) or not self.source_analysis):
            raise ValueError(
                f"{missing[0]}: empty; a study of runs needs targets, mixes and measures, and a "
                "study of sources alone needs `source_analysis` and none of the three"
            )
        if not missing and not self.models:
            raise ValueError("models: empty, but `targets` need models; add them")
        return self

    @model_validator(mode="after")
    def _combinations_are_possible(self) -> Study:
        if HUMAN in self.sources:
            raise ValueError(
                "sources.human: this name is reserved for the human answers; use another name"
            )
        if VANILLA in self.mixes:
            raise ValueError(
                "mixes.vanilla: this name is reserved for the untuned target; use another name"
            )
        if {"train", "test"} & set(self.prompt_sets):
            raise ValueError(
                "prompt_sets: 'train' and 'test' are reserved for the split; use other names"
            )
        for name, mix in self.mixes.items():
            try:
                mix.check(self)
            except ValueError as error:
                raise ValueError(f"mixes.{name}.{error}") from None
        for name, model in self.models.items():
            if model.embedded and not self.embedded_world:
                raise ValueError(
                    f"models.{name}: kind 'embedded' is pretrained on the embedded world; "
                    "use kind 'hub' or 'folder' with this dataset"
                )
        for name, prompt_set in self.prompt_sets.items():
            if isinstance(prompt_set, RefusedPromptSet) and not self.embedded_world:
                raise ValueError(
                    f"prompt_sets.{name}: kind 'refused' belongs to the embedded world; "
                    "use kind 'file' with this dataset"
                )
        for name, judge in self.judges.items():
            if isinstance(judge, ClassifierJudge) and isinstance(
                self.models.get(judge.model), EmbeddedModel
            ):
                raise ValueError(
                    f"judges.{name}.model: '{judge.model}' is an embedded model, which is not a "
                    "classifier; use kind 'model', or a model of kind 'hub' or 'folder'"
                )
        fields = getattr(self.dataset, "fields", None)
        if fields is not None and fields.response is None and HUMAN in self.used_sources():
            raise ValueError(
                "dataset.fields.response: null, but a mix uses the human answers; set it to their "
                "column"
            )
        if fields is not None and fields.response is None and self.divergence.prompts:
            raise ValueError(
                "divergence.prompts: distributions are compared on human answers, but "
                "dataset.fields.response is null; set that key to their column, or set "
                "divergence.prompts to 0"
            )
        if self.prompting.max_prompt_tokens >= self.training.max_length:
            raise ValueError(
                f"prompting.max_prompt_tokens = {self.prompting.max_prompt_tokens}: set it below "
                f"training.max_length = {self.training.max_length}, or no answer fits"
            )
        return self

    @staticmethod
    def _require(key: str, used: list[str], defined, section: str) -> None:
        for name in used:
            if name not in defined:
                listed = ", ".join(sorted(defined)) or "none"
                raise ValueError(f"{key}: '{name}' is not among {section} ({listed})")

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
