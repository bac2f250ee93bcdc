"""Config section `benchmarks`: tasks, whose scores, and what is computed from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from manybaskets.config.kinds import one_of
from manybaskets.config.sections import Name, Section
from manybaskets.experiments.benchmarks.local_tasks import local_tasks

RUNS = "runs"  # the result set of the study's own runs


class Benchmark(Section):
    """A benchmark: its scale, and its name in results of a harness."""

    label: str | None = Field(
        None, description="Name in tables and figures; null for the key's name."
    )
    maximum: float = Field(
        1.0,
        gt=0,
        description="Highest possible score; the lowest is 0. Averages divide every score by it.",
    )
    items: int | None = Field(
        None,
        ge=1,
        description="Number of items, for benchmarks whose score is the share of items that pass: gives "
        "ready scores without a standard error one. Null if unknown.",
    )
    task: str | None = Field(
        None, description="Name of the task in results of a harness; null for the key's name."
    )
    metric: str | None = Field(
        None,
        description="Metric of the task in results of a harness, such as `acc_norm` or, if the task has "
        "several filters, `exact_match,strict-match`; null if the task has only one.",
    )


class ScoredModel(Section):
    """A model that has ready scores."""

    label: str | None = Field(
        None, description="Name in tables and figures; null for the key's name."
    )
    base: Name | None = Field(
        None, description="Base model that was tuned, for grids and scaling; null for none."
    )
    source: Name | None = Field(
        None, description="Source of its training data, for grids and scaling; null for none."
    )
    rows: int | None = Field(
        None, ge=1, description="Number of training rows, for scaling; null if unknown."
    )


class Harness(Section):
    """How ready scores in a CSV file were measured; results of a harness say so themselves."""

    harness: str = Field(description="Evaluation harness, e.g. `lm-evaluation-harness`.")
    version: str | None = Field(None, description="Its version or commit; null if unknown.")
    task_hash: str | None = Field(
        None, description="Version or hash of the tasks; null if unknown."
    )
    few_shot: int | None = Field(
        None,
        ge=0,
        description="Number of examples in the prompt; null if unknown or different by task.",
    )
    chat_template: bool | None = Field(
        None, description="Whether prompts were rendered with the chat template; null if unknown."
    )
    limit: float | None = Field(
        None, description="Number or share of the items that were evaluated; null for all."
    )
    judge: str | None = Field(None, description="Model that scored the answers; null for none.")


class CsvScores(Section):
    """A CSV file with a row per model and a column per benchmark."""

    kind: Literal["csv"]
    path: str = Field(
        description="Path of the file, absolute or relative to the working directory."
    )
    model_column: str = Field("run", description="Column with the models' names.")
    columns: dict[Name, str] = Field(
        min_length=1, description="Column with the scores, by benchmark."
    )
    se_columns: dict[Name, str] = Field(
        default={}, description="Column with the standard errors, by benchmark."
    )
    models: dict[Name, str] = Field(
        default={},
        description="The models' names in the file, by name in `benchmarks.models`; other rows are "
        "ignored. Empty if the file uses the names of the config.",
    )
    measured_with: Harness = Field(description="How the scores were measured.")


class ItemScores(Section):
    """A CSV file with a row per item and a column per model: scores that a judge gave."""

    kind: Literal["item_csv"]
    path: str = Field(
        description="Path of the file, absolute or relative to the working directory."
    )
    benchmark: Name = Field(description="Benchmark that the items belong to.")
    item_column: str = Field("question_id", description="Column with the items' ids.")
    columns: dict[Name, str] = Field(
        min_length=1, description="Column with the scores, by model; empty cells are not scores."
    )
    measured_with: Harness = Field(description="How the scores were measured.")


class _HarnessScores(Section):
    path: str = Field(
        description="Path of the file, absolute or relative to the working directory."
    )
    model: Name = Field(description="Entry of `benchmarks.models` that the results belong to.")
    pretrained: str | None = Field(
        None,
        description="Model that the file must name as the evaluated one; null to accept any.",
    )
    benchmarks: list[Name] | None = Field(
        None,
        min_length=1,
        description="Benchmarks to read; null for all whose task is in the file.",
    )
    samples: dict[Name, str] = Field(
        default={},
        description="Files with the items' scores (`samples_<task>_<date>.jsonl`), by benchmark. With "
        "them, models are compared on the same items.",
    )


class LmEvalScores(_HarnessScores):
    """A results file of lm-evaluation-harness."""

    kind: Literal["lm_eval"]


class EvalchemyScores(_HarnessScores):
    """A results file of Evalchemy."""

    kind: Literal["evalchemy"]


Scores = one_of(CsvScores, ItemScores, LmEvalScores, EvalchemyScores)


class Selection(Section):
    """Models that are shown side by side: a table and a figure."""

    title: str = Field(description="Title of the table and the figure.")
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )
    models: list[Name] = Field(min_length=1, description="Models, in the order shown.")
    baseline: Name | None = Field(
        None, description="Model that the others are compared with; null for no comparison."
    )


class Agreement(Section):
    """Whether the better teacher's student is better, benchmark by benchmark."""

    students: tuple[Name, Name] = Field(description="Two tuned models.")
    teachers: tuple[Name, Name] = Field(
        description="Models whose answers they were tuned on, in the same order."
    )
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )
    teacher_results: Name | None = Field(
        None,
        description="Entry of `benchmarks.results` with the teachers' scores; null for the same.",
    )
    other_settings_reason: str | None = Field(
        None,
        min_length=1,
        description="Why scores of students and teachers that were measured with different settings are "
        "compared nevertheless; tables repeat it. Null to refuse them.",
    )


class ItemPreference(Section):
    """How often one of two models has the higher score on an item."""

    benchmark: Name = Field(description="Benchmark with item scores, of one turn per item.")
    students: tuple[Name, Name] = Field(description="The two models.")
    teachers: tuple[Name, Name] | None = Field(
        None,
        description="Models whose answers they were tuned on, in the same order; null for none. With "
        "them, flips are counted: items on which a teacher is best and its own student worst.",
    )
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )


class Grid(Section):
    """Base models × sources of their training data."""

    title: str = Field(description="Title in tables.")
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )
    models: list[Name] = Field(min_length=2, description="Models with `base` and `source`.")
    averages: list[Name] = Field(min_length=1, description="Averages to show.")
    same_family: dict[Name, list[Name]] = Field(
        default={}, description="Sources of the same family, by base model."
    )


class Scaling(Section):
    """Scores against the number of training rows, a curve per base model and source."""

    title: str = Field(description="Title of the figure.")
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )
    models: list[Name] = Field(min_length=2, description="Models with `source` and `rows`.")
    averages: list[Name] = Field(default=[], description="Averages to show.")
    benchmarks: list[Name] = Field(default=[], description="Benchmarks to show.")


class BlendedModel(Section):
    """A model tuned on several sources, compared with those tuned on one of them."""

    blend: Name = Field(description="Model tuned on the blend.")
    components: list[Name] = Field(min_length=2, description="Models tuned on one source each.")
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )
    averages: list[Name] = Field(min_length=1, description="Averages to compare.")


class PublishedTable(Section):
    """A published table or figure, and what its cells are computed from."""

    rows: dict[str, Name] = Field(
        min_length=1, description="Models, by row of the published table; others are not compared."
    )
    columns: dict[str, Name] = Field(
        min_length=1,
        description="Benchmarks and averages as the study defines them, by column of the published table.",
    )


class PublishedBenchmarks(Section):
    """Published scores that the results recompute."""

    path: str = Field(
        "published/wildchat50m.csv",
        description="File of published numbers, in `resources/`.",
    )
    results: Name | None = Field(
        None, description="Entry of `benchmarks.results`; null if there is only one."
    )
    tables: dict[str, PublishedTable] = Field(
        min_length=1, description="Published tables by name, such as `T2`."
    )


class HarnessRun(Section):
    """Evaluation of the study's runs, the untuned targets and other models by lm-evaluation-harness."""

    operational: ClassVar = frozenset({"batch_size", "python"})
    tasks: list[Name] = Field(min_length=1, description="Benchmarks to evaluate.")
    models: list[Name] = Field(
        default=[],
        description="Entries of `models` to evaluate besides the targets and their runs.",
    )
    include: str | None = Field(
        None,
        description="Folder with task files (YAML) of your own; null for none. Tasks of the harness read "
        "datasets of the hub, which must be in the local cache, because jobs are offline.",
    )
    world_facts: Name | None = Field(
        None,
        description="Benchmark made of questions about the embedded world: a multiple choice between all "
        "rivers, founders, crafts or animals. Null for none.",
    )
    chat_template: bool = Field(
        True, description="Render prompts with the model's chat template, as a user's message."
    )
    system_prompt: str | None = Field(None, description="System prompt; null for none.")
    few_shot: int | None = Field(
        None, ge=0, description="Number of examples in the prompt; null for the task's own."
    )
    limit: int | None = Field(
        None, ge=1, description="Number of items per task, for a first look; null for all."
    )
    generation: dict[str, Any] = Field(
        default={},
        description="Generation settings that replace the tasks' own, such as `{max_gen_toks: 512}`.",
    )
    batch_size: int = Field(8, ge=1, description="Prompts per batch.")
    python: str | None = Field(
        None,
        description="Python interpreter of an environment with lm-eval, such as "
        "`.venv-harness/bin/python`; null for the job's own environment.",
    )

    def local_files(self) -> dict[str, list[Path]]:
        """By task of `include` its file, and the data files that it names."""
        folder = Path(self.include) if self.include else None
        return local_tasks(folder) if folder and folder.is_dir() else {}


class Benchmarks(Section):
    """Scores on benchmarks: those of an evaluation harness, or ready ones of others."""

    tasks: dict[Name, Benchmark] = Field(min_length=1, description="Benchmarks by name.")
    averages: dict[Name, list[Name]] = Field(
        default={},
        description="Averages by name: the benchmarks that they are the mean of. A model that lacks one "
        "of them has no average.",
    )
    models: dict[Name, ScoredModel] = Field(
        default={},
        description="Models with ready scores, by name. With `harness`, `<target>.<mix>` and "
        "`<target>.vanilla` are the runs and the untuned targets, and other models have the names of "
        "`models`.",
    )
    harness: HarnessRun | None = Field(
        None,
        description="Evaluation by lm-evaluation-harness; its result set is named `runs`. Null for ready "
        "scores only.",
    )
    results: dict[Name, list[Scores]] = Field(
        default={},
        description="Ready scores: files by name of the result set. All scores of a benchmark in a set "
        "must be measured with the same settings. Tables never mix sets.",
    )
    selections: dict[Name, Selection] = Field(
        default={}, description="Tables and figures of some models, by name."
    )
    agreement: dict[Name, Agreement] = Field(
        default={}, description="Agreement of students and teachers, by name."
    )
    preferences: dict[Name, ItemPreference] = Field(
        default={}, description="Preference rates of two models from item scores, by name."
    )
    grids: dict[Name, Grid] = Field(default={}, description="Grids by name.")
    scaling: dict[Name, Scaling] = Field(default={}, description="Scaling curves by name.")
    blends: dict[Name, BlendedModel] = Field(default={}, description="Blends of sources, by name.")
    published: PublishedBenchmarks | None = Field(
        None, description="Published scores to recompute; null for none."
    )

    def stands_alone(self) -> bool:
        """A study may consist of ready scores alone."""
        return self.harness is None

    def label(self, name: str) -> str:
        """Name of a model, a benchmark or an average for readers."""
        entry = self.models.get(name) or self.tasks.get(name)
        return (entry and entry.label) or name

    def results_of(self, chosen: str | None) -> str:
        """The chosen result set, or the only one."""
        return chosen or next(iter(self.result_sets()))

    def result_sets(self) -> list[str]:
        """Names of the result sets, that of the harness first."""
        return [*([RUNS] if self.harness else []), *self.results]
