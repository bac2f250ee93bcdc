"""The published procedures beside the project's own values, and reported against reproduced."""


rule published_procedures:
    """Every published procedure on the runs' answers to the test prompts and on the sources' answers."""
    input:
        responses=[f"{run_folder(*run)}/responses/test.parquet" for run in paper_runs()],
        likelihoods=[f"{run_folder(*run)}/likelihood.parquet" for run in paper_runs()],
        sources=[source_file(name) for name in STUDY.described_sources()],
        split=path("data/split.parquet"),
        splitter=paper_splitter_files(),
    output:
        path("measures/paper.parquet"),
    log:
        log_of("statistics/paper"),
    benchmark:
        benchmark_of("statistics/paper")
    conda:
        ENVS / "main.yaml"
    threads: 2
    resources:
        mem_mb=3000,
        runtime=480,
    params:
        paper=STUDY.published_procedures.model_dump() if STUDY.published_procedures else None,
        groups=asdict(groups_of(STUDY)),
        runs=paper_runs(),
        sources=STUDY.described_sources(),
        embedding=STUDY.embedding.model_dump(),
        work=path("work/paper"),
        version=stage_version("published_procedures"),
    message:
        "Repeating the published procedures"
    script:
        SCRIPTS / "published_procedures.py"


rule published_variants:
    """The published procedures' values beside the project's own."""
    input:
        paper=path("measures/paper.parquet"),
        summary=path("statistics/summary.parquet"),
    output:
        paper_variant_files(),
    log:
        log_of("tables/paper-variants"),
    conda:
        ENVS / "light.yaml"
    params:
        version=stage_version("published_tables"),
    message:
        "Setting the published procedures beside the project's values"
    script:
        SCRIPTS / "published_variants.py"


rule published_collapse:
    """Reported against reproduced, where the study has a published cell."""
    input:
        numbers=shipped("resources/published/collapse.csv"),
        paper=path("measures/paper.parquet"),
        summary=path("statistics/summary.parquet"),
    output:
        published_files(),
    log:
        log_of("tables/published"),
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
        similarity=path("statistics/similarity.parquet"),
    output:
        published_similarity_files(),
    log:
        log_of("tables/published-similarity"),
    conda:
        ENVS / "light.yaml"
    params:
        rows=STUDY.published_cells.similarity if STUDY.published_cells else {},
        version=stage_version("published_tables"),
    message:
        "Comparing the sources' similarity with the published one"
    script:
        SCRIPTS / "published_similarity.py"
