"""Measures of collapse: sentence vectors, and all measures of every run."""


rule embed:
    """Sentence vectors of all answers to the test prompts, each distinct text once."""
    input:
        [f"{run_folder(*run)}/responses/test.parquet" for run in runs()],
    output:
        path("embeddings/test.parquet"),
    log:
        log_of("embeddings/test"),
    benchmark:
        benchmark_of("embeddings/test")
    conda:
        ENVS / "main.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        embedding=STUDY.embedding.model_dump(),
        work=path("work/embeddings"),
        version=stage_version("embed"),
    message:
        "Encoding the answers"
    script:
        SCRIPTS / "embed.py"


rule matched:
    """Prompts that every run answered, the words of their shortest answers and of the shortest run."""
    input:
        response_files(),
    output:
        path("measures/matched.json"),
    log:
        log_of("measures/matched"),
    conda:
        ENVS / "light.yaml"
    params:
        prompt_sets=[name for _ in runs() for name in PROMPT_SETS],
        version=stage_version("matched"),
    message:
        "Matching the prompts of all runs"
    script:
        SCRIPTS / "matched.py"


rule measure:
    """All measures of all seeds of a mix, as long-form rows."""
    input:
        responses=lambda w: [
            f"{run_folder(w.target, w.mix, seed)}/responses/{name}.parquet"
            for seed in seeds_of(w.mix)
            for name in PROMPT_SETS
        ],
        likelihoods=lambda w: [
            f"{run_folder(w.target, w.mix, seed)}/likelihood.parquet"
            for seed in seeds_of(w.mix)
        ],
        embeddings=path("embeddings/test.parquet"),
        matched=path("measures/matched.json"),
        split=path("data/split.parquet"),
        truth=truth_files(),
    output:
        path("measures/{target}/{mix}.parquet"),
    log:
        log_of("measures/{target}/{mix}"),
    benchmark:
        benchmark_of("measures/{target}/{mix}")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        seeds=lambda w: seeds_of(w.mix),
        prompt_sets=PROMPT_SETS,
        measures={name: STUDY.measures_of(name) for name in PROMPT_SETS},
        draws=STUDY.statistics.draws,
        seed=STUDY.seed,
        version=stage_version("measure"),
    message:
        "Measuring {wildcards.target} tuned on {wildcards.mix}"
    script:
        SCRIPTS / "measure.py"
