"""Files of the measures, statistics, tables and figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from manybaskets.layout.stage import StageFiles
from manybaskets.names import VANILLA

TABLE_ENDINGS = ("csv", "md", "tex")


class MeasureFiles(StageFiles):
    """Measured rows of the runs, and what is computed from their answers first."""

    def vectors(self, prompt_set: str = "{prompt_set}") -> Path:
        """Sentence vectors of all answers to a prompt set."""
        return self.results / f"embeddings/{prompt_set}.npy"

    def vector_keys(self, prompt_set: str = "{prompt_set}") -> Path:
        """The sentences of these vectors."""
        return self.results / f"embeddings/{prompt_set}.keys.parquet"

    def vectors_work(self, prompt_set: str = "{prompt_set}") -> Path:
        """Work folder of the encoding."""
        return self.results / f"work/embeddings/{prompt_set}"

    def matched(self) -> Path:
        """Prompts that all runs answered."""
        return self.results / "measures/matched.json"

    def rows(self, target: str = "{target}", mix: str = "{mix}") -> Path:
        """Measured rows of all seeds of a mix."""
        return self.results / f"measures/{target}/{mix}.parquet"

    def published_procedures(self) -> Path:
        """Values of the published procedures."""
        return self.results / "measures/paper.parquet"

    def published_procedures_work(self) -> Path:
        """Work folder of the published procedures."""
        return self.results / "work/paper"

    def divergence(self, target: str = "{target}") -> Path:
        """Divergences between the runs of a target, by prompt."""
        return self.results / f"divergence/{target}.parquet"

    def of_runs(self) -> list[Path]:
        """Measured rows of all mixes of every target."""
        mixes = [VANILLA, *self.study.mixes]
        return [self.rows(target, mix) for target in self.study.targets for mix in mixes]


class StatisticsFiles(StageFiles):
    """Tables of intervals, comparisons and counts, from which all for readers is made."""

    def table(self, table: str = "{table}") -> Path:
        """A table of `statistics/`."""
        return self.results / f"statistics/{table}.parquet"

    def swaps(self, model: str = "{model}") -> Path:
        """Swap tests of a target, or of the sources (`sources`)."""
        return self.results / f"statistics/swaps/{model}.parquet"

    def tables(self, names: Iterable[str]) -> list[Path]:
        """Some tables of `statistics/`."""
        return [self.table(name) for name in names]


class TableFiles(StageFiles):
    """Tables for readers."""

    def table(self, table: str = "{table}", ending: str = "{ending}") -> Path:
        """A table in one form: `csv`, `md` or `tex`."""
        return self.results / f"tables/{table}.{ending}"

    def tables(self, names: Iterable[str]) -> list[Path]:
        """Some tables, each as CSV, Markdown and LaTeX."""
        return [self.table(name, ending) for name in names for ending in TABLE_ENDINGS]


class FigureFiles(StageFiles):
    """Figures."""

    def svg(self, figure: str = "{figure}") -> Path:
        """A figure for screens and the report."""
        return self.results / f"figures/{figure}.svg"

    def png(self, figure: str = "{figure}") -> Path:
        """A figure for slides."""
        return self.results / f"figures/{figure}.png"
