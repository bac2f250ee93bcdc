"""The tables of a study that follow from its summary, comparisons and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from manybaskets.config.blends import comparable_blends
from manybaskets.config.participants import embedded_sources
from manybaskets.config.study import Study
from manybaskets.names import TRAIN
from manybaskets.presentation.tables import MEMBER, REPORT, as_it_is, table
from manybaskets.records.measured import in_config_order, of_runs
from manybaskets.report import measured_tables
from manybaskets.report.blends import blend_rows
from manybaskets.report.divergence import divergence_table
from manybaskets.report.source_counts import source_count_table, source_count_trends


@dataclass(frozen=True)
class Order:
    """Names in the order of the config, and the families of numbers of sources.

    Attributes:
        families: by family of `source_counts` the sources of its mixes.
    """

    measures: Sequence[str]
    targets: Sequence[str]
    mixes: Sequence[str]
    sources: Sequence[str]
    families: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study) -> Order:
        """The order of a study."""
        families = {name: study.count_members(name) for name in study.source_counts}
        return cls(
            measures=study.all_measures(),
            targets=study.targets,
            mixes=list(study.mixes),
            sources=study.analysed_sources(),
            families={
                name: {mix: list(sources) for mix, sources in members.items()}
                for name, members in families.items()
            },
        )

    def sorted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in this order."""
        return in_config_order(frame, self.measures, self.targets, self.mixes, self.sources)


@dataclass(frozen=True)
class TableContext:
    """What the functions of tables know about a study besides its statistics.

    Attributes:
        order: names in the order of the config.
        confidence: of the intervals.
    """

    order: Order
    confidence: float

    @classmethod
    def of(cls, study: Study) -> TableContext:
        """The context of a study."""
        return cls(Order.of(study), study.statistics.confidence)

    def sorted(self, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
        """Statistics by name, with the measured ones in the order of the config."""
        return {
            name: self.order.sorted(frame) if name in _MEASURED else frame
            for name, frame in frames.items()
        }


_MEASURED = ("summary", "comparisons", "blends")


def _has_targets(study: Study) -> bool:
    return bool(study.targets)


def _has_blends(study: Study) -> bool:
    return bool(comparable_blends(study))


def _families(study: Study) -> Sequence[str]:
    """The families of numbers of sources, if there are runs to show."""
    return list(study.source_counts) if study.targets else []


def _compares(study: Study, sources: bool) -> bool:
    """Whether a family compares sources, or runs."""
    return any((f.prompt_set == TRAIN) is sources for f in study.comparisons.values())


@table(
    name="multi-against-singles",
    title="Several sources against one",
    caption="Every mix of several sources compared with the mean of its own singles (the mixes of one "
    "of its sources each, weighted by share), its best single, and the mix of the target's own answers: "
    "paired differences on the same prompts. Values of a set, such as a vocabulary, may exceed the "
    "mean of the singles only because the sources differ.",
    needs=("blends", "summary"),
    when=_has_blends,
)
def _against_singles(
    blends: pl.DataFrame, summary: pl.DataFrame, context: TableContext
) -> pl.DataFrame:
    return blend_rows(blends, of_runs(summary))


@table(
    name="conditions",
    title="Conditions",
    caption="Every measure in every condition, with its interval, the prompts behind it and the "
    "length of the answers.",
    when=_has_targets,
)
def _conditions(summary: pl.DataFrame, context: TableContext) -> pl.DataFrame:
    return measured_tables.condition_rows(of_runs(summary))


@table(
    name="comparisons",
    title="Comparisons",
    caption="Paired differences on the same prompts; a correction covers each family.",
    needs=("comparisons",),
    when=lambda study: _has_targets(study) and _compares(study, sources=False),
)
def _comparisons(compared: pl.DataFrame, context: TableContext) -> pl.DataFrame:
    return measured_tables.comparison_rows(of_runs(compared))


@table(
    name=f"source-count-{MEMBER}",
    title=f"Number of sources: {MEMBER}",
    caption="Mixes with the same number of rows and different numbers of sources.",
    members=_families,
)
def _source_count(summary: pl.DataFrame, context: TableContext, family: str) -> pl.DataFrame:
    return source_count_table(of_runs(summary), context.order.families[family])


@table(
    name=f"source-count-trend-{MEMBER}",
    title=f"Trend over the number of sources: {MEMBER}",
    caption="Change per additional source, by regression over the mixes; interval and test ignore "
    "that mixes share sources. Holm's correction covers all rows.",
    members=_families,
)
def _source_count_trend(summary: pl.DataFrame, context: TableContext, family: str) -> pl.DataFrame:
    members = context.order.families[family]
    return source_count_trends(of_runs(summary), members, context.confidence)


@table(
    name="divergence",
    title="Divergence of the runs",
    caption="Mean Jensen–Shannon divergence of next-token distributions on the same contexts, the "
    "human answers to test prompts; the floor is that of two trainings of the same mix.",
    needs=("divergence",),
    when=lambda study: bool(study.targets and study.divergence.prompts),
)
def _divergence(divergences: pl.DataFrame, context: TableContext) -> pl.DataFrame:
    return divergence_table(divergences)


@table(
    name="conditions-sources",
    title="The sources themselves",
    caption="Every measure of every source's answers to the training prompts.",
    section="sources",
    when=lambda study: bool(study.source_analysis),
)
def _conditions_of_sources(summary: pl.DataFrame, context: TableContext) -> pl.DataFrame:
    return measured_tables.conditions_of_sources(summary)


@table(
    name="comparisons-sources",
    title="Comparisons of sources",
    caption="Paired differences of sources on the same training prompts.",
    needs=("comparisons",),
    section="sources",
    when=lambda study: bool(study.source_analysis) and _compares(study, sources=True),
)
def _comparisons_of_sources(compared: pl.DataFrame, context: TableContext) -> pl.DataFrame:
    return measured_tables.comparisons_of_sources(compared)


table(
    name="knowledge",
    title="Knowledge",
    caption="",
    needs=("knowledge",),
    section="making",
    rule=REPORT,
    when=lambda study: bool(embedded_sources(study)),
)(as_it_is)


@table(
    name="exclusions",
    title="Exclusions",
    caption="Prompts that a measure leaves out, by reason; zeros are listed.",
    section="counts",
    when=lambda study: study.dataset is not None,
)
def _exclusions(summary: pl.DataFrame, context: TableContext) -> pl.DataFrame:
    return measured_tables.exclusions(summary)


table(
    name="counts",
    title="Counts",
    caption="Rows of every stage.",
    needs=("counts",),
    section="counts",
    when=lambda study: study.dataset is not None,
)(as_it_is)
