"""What two figures are drawn from: the growth of the vocabulary, and the map of the sources."""


rule growth:
    """Distinct words against words, of every run and of every described source."""
    input:
        responses=answers_to("test"),
        matched=[path("measures/matched.json")] if STUDY.targets else [],
        sources=answers_to(TRAIN),
        matched_sources=[path("sources/matched.json")] if STUDY.describe else [],
    output:
        path("statistics/growth.parquet"),
    log:
        log_of("statistics/growth"),
    benchmark:
        benchmark_of("statistics/growth")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        conditions=[[*run, "test"] for run in runs()]
        + [["sources", name, 0, TRAIN] for name in STUDY.described_sources()],
        version=stage_version("growth"),
    message:
        "Following the growth of the vocabulary"
    script:
        SCRIPTS / "growth.py"


rule source_map:
    """Answers of all sources on one map, for the eye only."""
    input:
        sources=answers_to(TRAIN),
        vectors=path("embeddings/train.npy"),
    output:
        path("statistics/source-map.parquet"),
    log:
        log_of("statistics/source-map"),
    benchmark:
        benchmark_of("statistics/source-map")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        sources=STUDY.described_sources(),
        prompts=STUDY.describe.map_prompts if STUDY.describe else 0,
        seed=STUDY.seed,
        version=stage_version("source_map"),
    message:
        "Mapping the sources' answers"
    script:
        SCRIPTS / "source_map.py"
