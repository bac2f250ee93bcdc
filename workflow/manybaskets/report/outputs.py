"""Which statistics, tables and figures a study has, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from manybaskets.experiments import Experiment, experiments_of
from manybaskets.layout import Files
from manybaskets.measures.selection import reads_vectors, swapped_families, swapped_sources
from manybaskets.names import TEST, TRAIN
from manybaskets.presentation.figures.registry import FigurePlan
from manybaskets.presentation.tables import REPORT
from manybaskets.records.measured import SOURCES
from manybaskets.report.all_tables import needed_frames, table_names, tables_of
from manybaskets.report.figures import planned_figures
from manybaskets.report.report_sections import check_sections

# Statistics that every study with a dataset has, and that tables are ordered by.
ALWAYS = ("summary", "comparisons", "counts")


@dataclass(frozen=True, eq=False)
class StudyOutputs:
    """Statistics, tables and figures of a study.

    Raises:
        UserError: when it is made: two figures or tables have the same name, or one is in a section
            that the report does not have.
    """

    files: Files

    def __post_init__(self) -> None:
        check_sections(self.files.study)
        _ = self.figure_plans

    @property
    def experiments(self) -> list[Experiment]:
        """The experiments of the study."""
        return experiments_of(self.files.study)

    @cached_property
    def figure_plans(self) -> dict[str, FigurePlan]:
        """The figures by name."""
        return planned_figures(self.files.study)

    def swaps(self) -> list[Path]:
        """Results of all swap tests."""
        study = self.files.study
        models = list(study.targets) if swapped_families(study) else []
        models += [SOURCES] if swapped_sources(study) else []
        return [self.files.statistics.swaps(model) for model in models]

    def statistics(self) -> list[Path]:
        """Statistics that the report is made from."""
        names = [*self._always(), *needed_frames(tables_of(self.files.study))]
        names += [name for each in self.experiments for name in each.statistics(self.files.study)]
        return self.files.statistics.tables(dict.fromkeys(names))

    def table_statistics(self) -> list[Path]:
        """Statistics that the rule `write_tables` is given."""
        needed = needed_frames(table_names(self.files.study))
        return self.files.statistics.tables(dict.fromkeys([*self._always(), *needed]))

    def _always(self) -> Sequence[str]:
        return ALWAYS if self.files.study.dataset else ()

    def tables(self) -> list[Path]:
        """All tables, whichever rule writes them."""
        written = [
            name for name, each in tables_of(self.files.study).items() if each.rule != REPORT
        ]
        return self.files.tables.tables(written)

    def tables_by(self, rule: str) -> list[Path]:
        """Tables that a rule writes."""
        return self.files.tables.tables(table_names(self.files.study, rule))

    def computed_tables(self) -> list[Path]:
        """Tables whose rules compute them, which the report reads as they are."""
        tables = tables_of(self.files.study).items()
        return [self.files.tables.table(name, "csv") for name, each in tables if not each.function]

    def figures(self) -> list[Path]:
        """All figures."""
        return [self.files.figures.svg(name) for name in self.figure_plans]

    def pngs(self) -> list[Path]:
        """All figures, as pixels."""
        return [self.files.figures.png(name) for name in self.figure_plans]

    def unread(self) -> list[Path]:
        """Results that no other job reads; a target must name them, or a deleted one stays missing."""
        study, files = self.files.study, self.files
        statistics = self.statistics()
        on_vectors = [files.statistics.table(name) for name in ("source-distances", "source-map")]
        sets = [TEST] if reads_vectors(study, TEST) else []
        if reads_vectors(study, TRAIN) or any(table in statistics for table in on_vectors):
            sets.append(TRAIN)
        return [
            *[files.sources.quarantine(name) for name in files.sources.generating()],
            *[files.mixes.validation(mix) for mix in study.mixes],
            *map(files.measures.vector_keys, sets),
            *([files.statistics.table("seeds")] if study.dataset else []),
        ]

    def of_experiment(self, experiment: Experiment) -> Sequence[Path]:
        """All that an experiment gives: statistics, tables, figures and what else it names."""
        study = self.files.study
        if experiment not in self.experiments:
            return []
        shown = [
            name
            for name, each in tables_of(study).items()
            if each.section == experiment.name and each.rule != REPORT
        ]
        drawn = [n for n, plan in self.figure_plans.items() if plan.section == experiment.name]
        return [
            *self.files.statistics.tables(experiment.statistics(study)),
            *self.files.tables.tables(shown),
            *map(self.files.figures.svg, drawn),
            *map(self.files.figures.png, drawn),
            *experiment.results(study),
        ]
