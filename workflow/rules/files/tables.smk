"""Files of the statistics, tables and figures."""


def topic_files(relative):
    """What the topic model gives; nothing where the config has none."""
    return [path(relative)] if STUDY.source_analysis and STUDY.source_analysis.topics else []


def source_table_names():
    """Tables of `statistics/` about the sources that this study's config allows."""
    if not STUDY.source_analysis:
        return []
    several = len(STUDY.described_sources()) > 1
    names = ["similarity"] if several and STUDY.source_analysis.similarity.metrics else []
    names += ["source-distances"] if several else []
    names += ["topics"] if STUDY.source_analysis.topics else []
    styled = counted(STUDY.measures) and counted(STUDY.source_analysis.measures)
    return names + (["style-inheritance"] if styled else [])


def source_table_files():
    """Tables about the sources as CSV, Markdown and LaTeX; none where none is described."""
    return [
        path(f"tables/{name}.{ending}")
        for name in source_table_names()
        for ending in ("csv", "md", "tex")
    ]


def divergence_files():
    """Table of the divergences between runs; none where the config asks for none."""
    wanted = STUDY.divergence.prompts and STUDY.targets
    return [path("statistics/divergence.parquet")] if wanted else []


def table_files():
    """Tables from the statistics, as CSV, Markdown and LaTeX."""
    return [
        path(f"tables/{name}.{ending}")
        for name in table_names(STUDY)
        for ending in ("csv", "md", "tex")
    ]


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
    known = [path(f"tables/{name}.csv") for name in OTHER_TABLES]
    return [file for file in known if file in other_table_files()]


def statistics_files():
    """Tables of `statistics/` that the report is made of."""
    names = ["summary", "comparisons", "counts"]
    names += ["knowledge"] if embedded_sources() else []
    names += source_table_names() + frame_names(STUDY) + preference_frames(STUDY)
    return [path(f"statistics/{name}.parquet") for name in names] + divergence_files()


def figure_files():
    return [path(f"figures/{name}.svg") for name in FIGURES]


def paper_runs():
    """The runs that the published procedures take: of each condition the first training seed."""
    return [
        (target, mix, STUDY.seeds_of(mix)[0])
        for target in STUDY.targets
        for mix in [*STUDY.mixes, VANILLA]
    ]


def paper_splitter_files():
    """The model of the published sentence splitter; none where it is not used."""
    wanted = STUDY.published_procedures and STUDY.published_procedures.splitter == "punkt"
    return model_files(STUDY.published_procedures.punkt_folder) if wanted else []


def paper_variant_files():
    """The published procedures beside the project's values; none where the study leaves them out."""
    endings = ("csv", "md", "tex") if STUDY.published_procedures else ()
    return [path(f"tables/paper-variants.{ending}") for ending in endings]


def published_similarity_files():
    """The sources' similarity, reported against reproduced; none where no source is a published one."""
    cells = STUDY.published_cells.similarity if STUDY.published_cells else {}
    endings = ("csv", "md", "tex") if cells else ()
    return [path(f"tables/published-similarity.{ending}") for ending in endings]


def published_files():
    """Reported against reproduced; none where the study has no published cell."""
    cells = STUDY.published_cells if STUDY.published_procedures else None
    runs_too = cells and cells.targets and cells.conditions
    sources_too = cells and set(cells.sources) & set(STUDY.described_sources())
    if not (runs_too or sources_too):
        return []
    names = ("published", "published-contrasts")
    return [
        path(f"tables/{name}.{ending}")
        for name in names
        for ending in ("csv", "md", "tex")
    ]


try:
    FIGURES = planned_figures(STUDY)
except UserError as error:
    raise WorkflowError(f"\n{error}") from None
