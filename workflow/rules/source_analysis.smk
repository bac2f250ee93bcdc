"""The sources themselves: measured like runs, compared with each other, and what runs took from them."""


use rule match_runs as match_sources with:
    # Prompts that every described source answered, and the words of their shortest answers.
    input:
        FILES.answers_to(TRAIN),
    output:
        FILES.sources.matched(),
    log:
        FILES.log("sources/matched"),
    params:
        **WORDS,
        prompt_sets=[TRAIN for _ in STUDY.analysed_sources()],
        version=stage_version("match_runs"),
    message:
        "Matching the prompts of all sources"


rule measure_source:
    """All measures of a source's answers to the training prompts, as long-form rows."""
    input:
        responses=lambda w: FILES.sources.answers(w.source),
        embeddings=only_if(reads_vectors(STUDY, TRAIN), FILES.measures.vectors(TRAIN)),
        matched=FILES.sources.matched(),
        split=FILES.data.split(),
        truth=FILES.data.truths(),
    output:
        FILES.sources.measures(),
    log:
        FILES.log("sources/{source}/measures"),
    benchmark:
        FILES.benchmark("sources/{source}/measures")
    conda:
        WORDS_ENV
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        measures={TRAIN: measured_names(STUDY, TRAIN)},
        draws=STUDY.statistics.half_samples,
        seed=STUDY.seed,
        version=stage_version("measure"),
    message:
        "Measuring the answers of source {wildcards.source}"
    script:
        SCRIPTS / "measure_source.py"


use rule swap as swap_sources with:
    input:
        responses=[
            FILES.sources.answers(source) for source, _, _ in swapped_sources(STUDY)
        ],
        embeddings=only_if(reads_vectors(STUDY, TRAIN), FILES.measures.vectors(TRAIN)),
        matched=FILES.sources.matched(),
        split=FILES.data.split(),
        truth=FILES.data.truths(),
    output:
        FILES.statistics.swaps(SOURCES),
    log:
        FILES.log("statistics/swaps/sources"),
    benchmark:
        FILES.benchmark("statistics/swaps/sources")
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        model=SOURCES,
        families={
            name: family.model_dump()
            for name, family in swapped_families(STUDY, sources=True).items()
        },
        runs=swapped_sources(STUDY),
        seeds={name: [0] for name in STUDY.analysed_sources()},
        swaps=STUDY.statistics.answer_swaps,
        seed=STUDY.seed,
        version=stage_version("swap"),
    message:
        "Running swap tests for the sources"


rule similarity:
    """ROUGE and METEOR between all pairs of sources."""
    input:
        FILES.answers_to(TRAIN),
    output:
        sources=FILES.statistics.table("similarity"),
        pairs=FILES.sources.similarity(),
    log:
        FILES.log("sources/similarity"),
    benchmark:
        FILES.benchmark("sources/similarity")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        sources=STUDY.analysed_sources(),
        similarity=lambda w: STUDY.source_analysis.similarity.model_dump(),
        statistics=STUDY.statistics.model_dump(),
        seed=STUDY.seed,
        version=stage_version("similarity"),
    message:
        "Computing the similarity of all sources"
    script:
        SCRIPTS / "similarity.py"


rule topics:
    """One topic model of all sources' answers, and how the sources differ in topics."""
    input:
        FILES.answers_to(TRAIN),
    output:
        topics=FILES.statistics.table("topics"),
        pairs=FILES.sources.topic_distances(),
    log:
        FILES.log("sources/topics"),
    benchmark:
        FILES.benchmark("sources/topics")
    conda:
        ENVS / "light.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        sources=STUDY.analysed_sources(),
        topics=lambda w: STUDY.source_analysis.topics.model_dump(),
        statistics=STUDY.statistics.model_dump(),
        seed=STUDY.seed,
        version=stage_version("topics"),
    message:
        "Fitting the topics of all sources"
    script:
        SCRIPTS / "topics.py"


rule distances:
    """Distances between the vectors of the sources' answers, with all other numbers on pairs."""
    input:
        responses=FILES.answers_to(TRAIN),
        vectors=FILES.measures.vectors(TRAIN),
        similarity=FILES.sources.similarity(),
        topics=only_if(
            STUDY.source_analysis and STUDY.source_analysis.topics,
            FILES.sources.topic_distances(),
        ),
    output:
        FILES.statistics.table("source-distances"),
    log:
        FILES.log("sources/distances"),
    benchmark:
        FILES.benchmark("sources/distances")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        sources=STUDY.analysed_sources(),
        prompts=lambda w: STUDY.source_analysis.distance_prompts,
        statistics=STUDY.statistics.model_dump(),
        seed=STUDY.seed,
        version=stage_version("distances"),
    message:
        "Measuring the distances between sources"
    script:
        SCRIPTS / "distances.py"


rule source_map:
    """Answers of all sources on one map, for the eye only."""
    input:
        sources=FILES.answers_to(TRAIN),
        vectors=FILES.measures.vectors(TRAIN),
    output:
        FILES.statistics.table("source-map"),
    log:
        FILES.log("statistics/source-map"),
    benchmark:
        FILES.benchmark("statistics/source-map")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sources=STUDY.analysed_sources(),
        prompts=STUDY.source_analysis.map_prompts if STUDY.source_analysis else 0,
        seed=STUDY.seed,
        version=stage_version("source_map"),
    message:
        "Mapping the sources' answers"
    script:
        SCRIPTS / "source_map.py"


rule style:
    """Elements of Markdown of every run against its sources and the untuned target."""
    input:
        FILES.measured(),
    output:
        FILES.statistics.table("style-inheritance"),
    log:
        FILES.log("statistics/style"),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        shares=source_shares(STUDY),
        statistics=STUDY.statistics.model_dump(),
        seed=STUDY.seed,
        version=stage_version("style"),
    message:
        "Comparing the style of runs and sources"
    script:
        SCRIPTS / "style.py"


rule source_tables:
    """Tables of the sources' similarity, distances, topics and inherited style."""
    input:
        FILES.statistics.tables(needed_frames(table_names(STUDY, "source_tables"))),
    output:
        OUTPUTS.tables_by("source_tables"),
    log:
        FILES.log("tables/sources"),
    conda:
        ENVS / "light.yaml"
    params:
        names=table_names(STUDY, "source_tables"),
        version=stage_version("source_tables"),
    message:
        "Writing the tables of the sources"
    script:
        SCRIPTS / "source_tables.py"
