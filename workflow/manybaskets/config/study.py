"""A study: one config file, checked as a whole before anything runs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from manybaskets.config import parts

HUMAN = "human"
VANILLA = "vanilla"


class Study(parts.Section):
    """Everything that is to be compared. Its results live in `results/<study>/`."""

    study: parts.Name = Field(description="Name of the study and of its folder in `results/`.")
    about: str = Field("", description="One or two sentences for the head of the report.")
    seed: int = Field(42, description="The study's seed; every row's own seed derives from it.")
    dataset: parts.Dataset = Field(description="The raw rows.")
    cleaning: parts.Cleaning = Field(
        default_factory=parts.Cleaning, description="Before the split."
    )
    split: parts.Split = Field(default_factory=parts.Split, description="Test, validation, parts.")
    prompting: parts.Prompting = Field(default_factory=parts.Prompting, description="The renderer.")
    tiny: parts.TinySize = Field(
        default_factory=parts.TinySize, description="Size of embedded models."
    )
    models: dict[parts.Name, parts.Model] = Field(min_length=1, description="Models by name.")
    sources: dict[parts.Name, parts.Source] = Field(default={}, description="Sources by name.")
    mixes: dict[parts.Name, parts.Mix] = Field(min_length=1, description="Mixes by name.")
    truncated_answers: Literal["exclude", "keep"] = Field(
        "exclude",
        description="Prompts to which any source's answer was cut at its token limit leave all "
        "mixes, or stay.",
    )
    targets: list[parts.Name] = Field(min_length=1, description="Models that are fine-tuned.")
    training: parts.Training = Field(default_factory=parts.Training, description="The LoRA recipe.")
    prompt_sets: dict[parts.Name, parts.PromptSet] = Field(
        default={}, description="Prompt sets beside `test`."
    )
    responses: parts.Responses = Field(
        default_factory=parts.Responses, description="Answers of runs and targets."
    )
    scoring_batch_size: int = Field(32, ge=1, description="Rows per batch of likelihood scoring.")
    embedding: parts.Embedding = Field(
        default_factory=parts.Embedding, description="Sentence encoder."
    )
    measures: list[str] = Field(
        min_length=1, description="Measures of the answers to the test prompts."
    )
    statistics: parts.Statistics = Field(
        default_factory=parts.Statistics, description="Intervals, tests."
    )
    comparisons: dict[parts.Name, parts.Comparison] = Field(
        default={}, description="Families of comparisons by name."
    )
    figures: parts.Figures = Field(
        default_factory=parts.Figures, description="Looks of the figures."
    )

    @model_validator(mode="after")
    def _names_exist(self) -> Study:
        """Every name that is used is defined; the message names the key that uses it."""
        sources = {*self.sources, HUMAN}
        conditions = {*self.mixes, VANILLA}
        self._require("targets", self.targets, self.models, "models")
        for name, source in self.sources.items():
            if source.model:
                self._require(f"sources.{name}.model", [source.model], self.models, "models")
        for name in self.mixes:
            self._require(f"mixes.{name}", self.mix_sources(name), sources, "sources")
        for name, family in self.comparisons.items():
            key = f"comparisons.{name}"
            self._require(f"{key}.baseline", [family.baseline], conditions, "mixes")
            self._require(f"{key}.mixes", family.mixes, conditions, "mixes")
            self._require(
                f"{key}.prompt_set", [family.prompt_set], self.all_prompt_sets(), "prompt_sets"
            )
            measured = self.measures_of(family.prompt_set)
            place = f"measures of {family.prompt_set}"
            self._require(f"{key}.measures", family.measures, measured, place)
            if family.baseline in family.mixes:
                raise ValueError(f"{key}.mixes: holds the baseline '{family.baseline}' itself")
        return self

    @model_validator(mode="after")
    def _combinations_are_possible(self) -> Study:
        if HUMAN in self.sources:
            raise ValueError(
                "sources.human: this name is kept for the human answers; choose another"
            )
        if VANILLA in self.mixes:
            raise ValueError(
                "mixes.vanilla: this name is kept for the untuned target; choose another"
            )
        if {"train", "test"} & set(self.prompt_sets):
            raise ValueError(
                "prompt_sets: 'train' and 'test' are made by the split; choose other names"
            )
        for name, mix in self.mixes.items():
            if isinstance(mix, parts.MultiMix) and len(mix.sources) != self.split.parts:
                raise ValueError(
                    f"mixes.{name}.sources: {len(mix.sources)} sources for split.parts = "
                    f"{self.split.parts}; a multi mix takes one source per part"
                )
        embedded_world = isinstance(self.dataset, parts.EmbeddedDataset)
        for name, model in self.models.items():
            if isinstance(model, parts.EmbeddedModel) and not embedded_world:
                raise ValueError(
                    f"models.{name}: kind 'embedded' is pretrained on the embedded world; "
                    "use kind 'hub' or 'folder' with this dataset"
                )
        for name, prompt_set in self.prompt_sets.items():
            if isinstance(prompt_set, parts.RefusedPromptSet) and not embedded_world:
                raise ValueError(
                    f"prompt_sets.{name}: kind 'refused' belongs to the embedded world; "
                    "use kind 'file' with this dataset"
                )
        fields = getattr(self.dataset, "fields", None)
        if fields is not None and fields.response is None and HUMAN in self.used_sources():
            raise ValueError(
                "dataset.fields.response: null, but a mix uses the human answers; name their column"
            )
        if len(set(self.training.seeds)) != len(self.training.seeds):
            raise ValueError("training.seeds: the same seed twice; every run needs its own")
        if self.prompting.max_prompt_tokens >= self.training.max_length:
            raise ValueError(
                f"prompting.max_prompt_tokens = {self.prompting.max_prompt_tokens}: must be less than "
                f"training.max_length = {self.training.max_length}, or no answer fits"
            )
        return self

    @staticmethod
    def _require(key: str, used: list[str], defined, section: str) -> None:
        for name in used:
            if name not in defined:
                known = ", ".join(sorted(defined)) or "none"
                raise ValueError(f"{key}: '{name}' is not among {section} ({known})")

    def operations_of_jobs(self) -> dict[str, Any]:
        """What changes no result, by section, for the jobs that need it."""
        return {
            "sources": {name: source.operations() for name, source in self.sources.items()},
            "responses": self.responses.operations(),
        }

    def mix_sources(self, mix: str) -> list[str]:
        """Sources of a mix, in the order of the config."""
        recipe = self.mixes[mix]
        if isinstance(recipe, parts.HumanMix):
            return [HUMAN]
        if isinstance(recipe, parts.SingleMix):
            return [recipe.source]
        if isinstance(recipe, parts.MultiMix):
            return list(recipe.sources)
        return list(recipe.weights)

    def used_sources(self) -> list[str]:
        """Sources that any mix uses, in the order of the config."""
        used = {source for mix in self.mixes for source in self.mix_sources(mix)}
        return [source for source in [HUMAN, *self.sources] if source in used]

    def measures_of(self, prompt_set: str) -> list[str]:
        """Measures of the answers to a prompt set."""
        return list(
            self.measures if prompt_set == "test" else self.prompt_sets[prompt_set].measures
        )

    def all_measures(self) -> list[str]:
        """Measures of any prompt set, each once, in the order of the config."""
        names = [name for each in self.all_prompt_sets() for name in self.measures_of(each)]
        return list(dict.fromkeys(names))

    def all_prompt_sets(self) -> list[str]:
        """`test` and the prompt sets of the config."""
        return ["test", *self.prompt_sets]
