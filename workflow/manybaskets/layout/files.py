"""Where every file of a study is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from manybaskets.config.study import Study
from manybaskets.layout.analysis import FigureFiles, MeasureFiles, StatisticsFiles, TableFiles
from manybaskets.layout.data import DataFiles
from manybaskets.layout.loads import TargetLoad
from manybaskets.layout.mixes import MixFiles
from manybaskets.layout.models import ModelFiles
from manybaskets.layout.runs import RunFiles
from manybaskets.layout.sources import SourceFiles
from manybaskets.layout.stage import StageFiles
from manybaskets.names import TRAIN

Stage = TypeVar("Stage", bound=StageFiles)


@dataclass(frozen=True, eq=False)
class Files:
    """Every file of a study, stage by stage.

    Args:
        root: folder that paths start from, the one that Snakemake runs in.
    """

    study: Study
    root: Path = Path()

    @property
    def results(self) -> Path:
        """Folder of the study."""
        return self.root / "results" / self.study.study

    def stage(self, files: type[Stage]) -> Stage:
        """The files of a stage, such as those of an experiment."""
        return files(self.study, self.results)

    @cached_property
    def data(self) -> DataFiles:
        """The dataset."""
        return self.stage(DataFiles)

    @cached_property
    def models(self) -> ModelFiles:
        """The models."""
        return self.stage(ModelFiles)

    @cached_property
    def sources(self) -> SourceFiles:
        """The sources."""
        return self.stage(SourceFiles)

    @cached_property
    def mixes(self) -> MixFiles:
        """The mixes."""
        return self.stage(MixFiles)

    @cached_property
    def runs(self) -> RunFiles:
        """The runs."""
        return self.stage(RunFiles)

    @cached_property
    def measures(self) -> MeasureFiles:
        """The measures."""
        return self.stage(MeasureFiles)

    @cached_property
    def statistics(self) -> StatisticsFiles:
        """The statistics."""
        return self.stage(StatisticsFiles)

    @cached_property
    def tables(self) -> TableFiles:
        """The tables."""
        return self.stage(TableFiles)

    @cached_property
    def figures(self) -> FigureFiles:
        """The figures."""
        return self.stage(FigureFiles)

    @property
    def report(self) -> Path:
        """The report."""
        return self.results / "report.html"

    @property
    def browser(self) -> Path:
        """Folder of the browser of answers, whose page is `index.html`."""
        return self.results / "browse"

    @property
    def plan(self) -> Path:
        """Folder of the plan."""
        return self.results / "plan"

    @property
    def logs(self) -> Path:
        """Folder of the logs."""
        return self.results / "logs"

    def log(self, job: str) -> Path:
        """Log of a job.

        Args:
            job: name of the job as a path, such as `sources/{source}/card`.
        """
        return self.logs / f"{job}.log"

    def benchmark(self, job: str) -> Path:
        """Benchmark of a job: its seconds and memory.

        Args:
            job: as in `log`.
        """
        return self.results / f"benchmarks/{job}.tsv"

    def benchmarks(self) -> list[Path]:
        """Benchmarks of all jobs that have run."""
        return sorted((self.results / "benchmarks").rglob("*.tsv"))

    @cached_property
    def load(self) -> TargetLoad:
        """What one load of a target serves where runs answer and are scored."""
        return TargetLoad(self.runs.of_target(), self.study.responses.share_model_load == "target")

    def answers_to(self, prompt_set: str) -> list[Path]:
        """All answers to a prompt set: those of the sources to `train`, else those of the runs."""
        if prompt_set == TRAIN:
            return [self.sources.answers(name) for name in self.study.analysed_sources()]
        return [self.runs.responses(*run, prompt_set) for run in self.runs.all()]

    def cards(self) -> list[Path]:
        """Dataset cards of all sources and mixes in use."""
        of_sources = [self.sources.card(name) for name in self.study.used_sources()]
        return of_sources + [self.mixes.card(name) for name in self.study.mixes]

    def card_tables(self) -> list[Path]:
        """The rows beside these cards."""
        rows = [self.sources.dataset(name) for name in self.study.used_sources()]
        for mix in self.study.mixes:
            rows += [self.mixes.train_table(mix), self.mixes.validation_table(mix)]
        return rows

    def measured(self) -> list[Path]:
        """Measured rows of all runs and of all described sources."""
        sources = [self.sources.measures(name) for name in self.study.analysed_sources()]
        return self.measures.of_runs() + sources

    @property
    def stages(self) -> tuple[StageFiles, ...]:
        """The files of all stages but the experiments'."""
        before = (self.data, self.models, self.sources, self.mixes, self.runs)
        return (*before, self.measures, self.statistics, self.tables, self.figures)
