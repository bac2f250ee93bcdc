"""The published procedures with the project's own values, and reported against reproduced numbers."""


rule published_procedures:
    """Every published procedure on the runs' answers to the test prompts and on the sources' answers."""
    input:
        responses=[FILES.runs.responses(*run, TEST) for run in first_runs(STUDY)],
        likelihoods=[FILES.runs.likelihood(*run) for run in first_runs(STUDY)],
        sources=[FILES.sources.answers(name) for name in STUDY.analysed_sources()],
        split=FILES.data.split(),
        splitter=splitter_files(STUDY),
    output:
        FILES.measures.published_procedures(),
    log:
        FILES.log("statistics/paper"),
    benchmark:
        FILES.benchmark("statistics/paper")
    conda:
        ENVS / "main.yaml"
    threads: 1 if EMBEDDED else 2
    resources:
        mem_mb=3000,
        runtime=480,
    params:
        paper=(
            STUDY.published_procedures.model_dump()
            if STUDY.published_procedures
            else None
        ),
        groups=asdict(groups_of(STUDY)),
        runs=first_runs(STUDY),
        sources=STUDY.analysed_sources(),
        embedding=STUDY.embedding.model_dump(),
        work=str(FILES.measures.published_procedures_work()),
        version=stage_version("published_procedures"),
    message:
        "Running the published procedures"
    script:
        SCRIPTS / "published_procedures.py"


rule published_variants:
    """The published procedures' values with the project's own."""
    input:
        paper=FILES.measures.published_procedures(),
        summary=FILES.statistics.table("summary"),
    output:
        OUTPUTS.tables_by("published_variants"),
    log:
        FILES.log("tables/paper-variants"),
    conda:
        ENVS / "light.yaml"
    params:
        version=stage_version("published_tables"),
    message:
        "Comparing the published procedures with the project's values"
    script:
        SCRIPTS / "published_variants.py"


rule published_collapse:
    """Reported against reproduced, where the study has a published cell."""
    input:
        numbers=shipped("resources/published/collapse.csv"),
        paper=FILES.measures.published_procedures(),
        summary=FILES.statistics.table("summary"),
    output:
        OUTPUTS.tables_by("published_collapse"),
    log:
        FILES.log("tables/published"),
    conda:
        ENVS / "light.yaml"
    params:
        published=STUDY.published_cells.model_dump() if STUDY.published_cells else None,
        part_of=groups_of(STUDY).part_of,
        version=stage_version("published_tables"),
    message:
        "Comparing with the published numbers"
    script:
        SCRIPTS / "published_collapse.py"


rule published_similarity:
    """How alike the sources' answers are, reported against reproduced."""
    input:
        numbers=shipped("resources/published/wildchat50m.csv"),
        similarity=FILES.statistics.table("similarity"),
    output:
        OUTPUTS.tables_by("published_similarity"),
    log:
        FILES.log("tables/published-similarity"),
    conda:
        ENVS / "light.yaml"
    params:
        rows=STUDY.published_cells.similarity if STUDY.published_cells else {},
        version=stage_version("published_tables"),
    message:
        "Comparing the sources' similarity with the published one"
    script:
        SCRIPTS / "published_similarity.py"
