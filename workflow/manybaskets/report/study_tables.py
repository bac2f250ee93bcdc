"""The tables of a study, put together from its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from manybaskets.config.study import TRAIN, Study
from manybaskets.presentation.page import Table
from manybaskets.records.measured import in_config_order, of_runs
from manybaskets.report import tables
from manybaskets.report.divergence import divergence_table
from manybaskets.report.source_counts import source_count_table, source_count_trends


@dataclass(frozen=True)
class Order:
    """Names in the order of the config, and what tables must know of mixes.

    Attributes:
        singles: mixes of one synthetic source; multis: mixes of several.
        families: by family of `source_counts` the sources of its mixes.
    """

    measures: Sequence[str]
    targets: Sequence[str]
    mixes: Sequence[str]
    sources: Sequence[str]
    singles: Sequence[str]
    multis: Sequence[str]
    families: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, study: Study) -> Order:
        """The order of a study."""
        families = {name: study.count_members(name) for name in study.source_counts}
        return cls(
            measures=study.all_measures(),
            targets=study.targets,
            mixes=list(study.mixes),
            sources=study.described_sources(),
            singles=[name for name, mix in study.mixes.items() if mix.composition == "single"],
            multis=[
                name
                for name, mix in study.mixes.items()
                if mix.composition == "multi" and name not in study.added_mixes()
            ],
            families={
                name: {mix: list(sources) for mix, sources in members.items()}
                for name, members in families.items()
            },
        )

    def sorted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows in this order."""
        return in_config_order(frame, self.measures, self.targets, self.mixes, self.sources)


def table_names(study: Study) -> list[str]:
    """Names of the tables that `make_tables` gives for a study, known from its config alone."""
    order = Order.of(study)
    families = study.comparisons.values()
    names = []
    if study.targets:
        names += ["conditions"]
        names += ["comparisons"] if any(f.prompt_set != TRAIN for f in families) else []
        names += ["multi-against-singles"] if order.singles and order.multis else []
        for family in order.families:
            names += [f"source-count-{family}", f"source-count-trend-{family}"]
        names += ["divergence"] if study.divergence.prompts else []
    if study.source_analysis:
        names += ["conditions-sources"]
        names += ["comparisons-sources"] if any(f.prompt_set == TRAIN for f in families) else []
    return [*names, "exclusions", "counts"]


def make_tables(
    names: Sequence[str],
    frames: Mapping[str, pl.DataFrame],
    order: Order,
    confidence: float,
) -> dict[str, Table]:
    """Tables by file name, rows in the order of the config.

    Args:
        names: which ones, as `table_names` gives them.
        frames: `summary`, `comparisons`, `counts`, and `divergence` where there is one.
        confidence: of the intervals.
    """
    summary, compared = order.sorted(frames["summary"]), order.sorted(frames["comparisons"])
    makers = {
        "conditions": lambda: (
            "Conditions",
            tables.conditions(of_runs(summary)),
            "Every measure in every condition, with its interval, the prompts behind it and the "
            "length of the answers.",
        ),
        "comparisons": lambda: (
            "Comparisons",
            tables.comparisons(of_runs(compared)),
            "Paired differences on the same prompts; Holm's correction covers each family.",
        ),
        "multi-against-singles": lambda: (
            "Several sources against one",
            _against_singles(of_runs(summary), order),
            "A mix of several sources beside every single source, their mean and the best of them.",
        ),
        "divergence": lambda: (
            "Divergence of the runs",
            divergence_table(frames["divergence"]),
            "Mean Jensen–Shannon divergence of next-token distributions on the same contexts, the "
            "human answers to test prompts; the floor is that of two trainings of the same mix.",
        ),
        "conditions-sources": lambda: (
            "The sources themselves",
            tables.conditions_of_sources(summary),
            "Every measure of every source's answers to the training prompts.",
        ),
        "comparisons-sources": lambda: (
            "Comparisons of sources",
            tables.comparisons_of_sources(compared),
            "Paired differences of sources on the same training prompts.",
        ),
        "exclusions": lambda: (
            "Exclusions",
            tables.exclusions(summary),
            "Prompts that a measure leaves out, by reason; zeros are listed.",
        ),
        "counts": lambda: ("Counts", frames["counts"], "Rows of every stage."),
    }
    for family, members in order.families.items():
        makers |= _of_family(family, members, of_runs(summary), confidence)
    return {name: Table(*makers[name]()) for name in names}


def _against_singles(summary: pl.DataFrame, order: Order) -> pl.DataFrame:
    return pl.concat(
        tables.multi_against_singles(summary, order.singles, multi)
        .rename({multi: "several sources"})
        .with_columns(pl.lit(multi).alias("mix"))
        for multi in order.multis
    )


def _of_family(
    family: str, members: Mapping[str, Sequence[str]], summary: pl.DataFrame, confidence: float
) -> dict:
    return {
        f"source-count-{family}": lambda: (
            f"Number of sources: {family}",
            source_count_table(summary, members),
            "Mixes of the same number of rows that differ in how many sources answered.",
        ),
        f"source-count-trend-{family}": lambda: (
            f"Trend over the number of sources: {family}",
            source_count_trends(summary, members, confidence),
            "Change per additional source, by regression over the mixes; mixes share sources, which "
            "the interval does not know.",
        ),
    }
