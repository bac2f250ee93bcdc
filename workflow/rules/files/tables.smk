"""Files of the statistics, tables and figures."""

from manybaskets.experiments.preference.presenting import (
    frame_names as preference_frames,
)
from manybaskets.experiments.robustness.presenting import frame_names


def source_table_names():
    """Tables of `statistics/` about the sources that this study's config allows."""
    if not STUDY.source_analysis:
        return []
    several = len(STUDY.described_sources()) > 1
    names = (
        ["similarity"] if several and STUDY.source_analysis.similarity.metrics else []
    )
    names += ["source-distances"] if several else []
    names += ["topics"] if STUDY.source_analysis.topics else []
    styled = counted(STUDY.measures) and counted(STUDY.source_analysis.measures)
    return names + (["style-inheritance"] if styled else [])


def source_table_files():
    """Tables about the sources as CSV, Markdown and LaTeX; none where none is described."""
    return FILES.tables.tables(source_table_names())


def divergence_files():
    """Table of the divergences between runs; none where the config asks for none."""
    wanted = STUDY.divergence.prompts and STUDY.targets
    return only_if(wanted, FILES.statistics.table("divergence"))


def table_files():
    """Tables from the statistics, as CSV, Markdown and LaTeX."""
    return FILES.tables.tables(table_names(STUDY))


def throughput_files():
    """Tables of the speed of sources; none where no engine runs."""
    if not FILES.sources.generating():
        return []
    return [
        FILES.tables.table(name, "csv")
        for name in ("throughput", "throughput-correlation")
    ]


def swap_files():
    """Results of all swap tests; none where no family compares a measure that has one."""
    models = STUDY.targets if swapped_families(STUDY) else []
    models = [*models, *(["sources"] if swapped_sources(STUDY) else [])]
    return [FILES.statistics.swaps(model) for model in models]


def other_table_files():
    """Tables that have rules of their own: speed of sources, sources, published numbers."""
    return [
        *throughput_files(),
        *source_table_files(),
        *paper_variant_files(),
        *published_files(),
        *published_similarity_files(),
    ]


def report_table_files():
    """Of these the ones that the report reads as they are."""
    known = [FILES.tables.table(name, "csv") for name in OTHER_TABLES]
    return [file for file in known if file in other_table_files()]


def statistics_files():
    """Tables of `statistics/` that the report is made of."""
    names = ["summary", "comparisons", "counts"]
    names += ["knowledge"] if embedded_sources(STUDY) else []
    names += source_table_names() + frame_names(STUDY) + preference_frames(STUDY)
    return FILES.statistics.tables(names) + divergence_files()


def figure_files():
    return [FILES.figures.svg(name) for name in FIGURES]


def paper_variant_files():
    """The published procedures beside the project's values; none where the study leaves them out."""
    return FILES.tables.tables(["paper-variants"] if STUDY.published_procedures else [])


def published_similarity_files():
    """The sources' similarity, reported against reproduced; none where no source is a published one."""
    cells = STUDY.published_cells.similarity if STUDY.published_cells else {}
    return FILES.tables.tables(["published-similarity"] if cells else [])


def published_files():
    """Reported against reproduced; none where the study has no published cell."""
    cells = STUDY.published_cells if STUDY.published_procedures else None
    runs_too = cells and cells.targets and cells.conditions
    sources_too = cells and set(cells.sources) & set(STUDY.described_sources())
    if not (runs_too or sources_too):
        return []
    return FILES.tables.tables(["published", "published-contrasts"])


try:
    FIGURES = planned_figures(STUDY)
except UserError as error:
    raise WorkflowError(f"\n{error}") from None
