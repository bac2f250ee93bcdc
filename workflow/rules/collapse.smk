"""Collapse: sentence vectors, all measures of every run, swap tests, growth of the vocabulary."""


rule embed:
    """Sentence vectors of all answers to a prompt set, each distinct sentence once."""
    input:
        responses=lambda w: answers_to(w.prompt_set),
        split=lambda w: path("data/split.parquet") if w.prompt_set == "test" else [],
    output:
        vectors=path("embeddings/{prompt_set}.npy"),
        index=path("embeddings/{prompt_set}.keys.parquet"),
    log:
        log_of("embeddings/{prompt_set}"),
    benchmark:
        benchmark_of("embeddings/{prompt_set}")
    wildcard_constraints:
        prompt_set="test|train",
    conda:
        ENVS / "main.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=480,
    params:
        embedding=STUDY.embedding.model_dump(),
        work=path("work/embeddings/{prompt_set}"),
        version=stage_version("embed"),
    message:
        "Encoding the sentences of the answers to {wildcards.prompt_set}"
    script:
        SCRIPTS / "embed.py"


rule match_runs:
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
        version=stage_version("match_runs"),
    message:
        "Matching the prompts of all runs"
    script:
        SCRIPTS / "match_runs.py"


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
        embeddings=vector_files("test"),
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
        measures={name: measured_names(STUDY, name) for name in PROMPT_SETS},
        draws=STUDY.statistics.half_samples,
        seed=STUDY.seed,
        version=stage_version("measure"),
    message:
        "Measuring {wildcards.target} tuned on {wildcards.mix}"
    script:
        SCRIPTS / "measure.py"


rule swap:
    """Swap tests of all comparisons of a target, on the prompts that every run answered."""
    input:
        responses=lambda w: [
            f"{run_folder(w.target, mix, seed)}/responses/{name}.parquet"
            for mix, seed, name in swapped_runs()
        ],
        embeddings=vector_files("test"),
        matched=path("measures/matched.json"),
        split=path("data/split.parquet"),
        truth=truth_files(),
    output:
        path("statistics/swaps/{target}.parquet"),
    log:
        log_of("statistics/swaps/{target}"),
    benchmark:
        benchmark_of("statistics/swaps/{target}")
    wildcard_constraints:
        target=one_of(STUDY.targets),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        model=lambda w: w.target,
        families={
            name: family.model_dump() for name, family in swapped_families().items()
        },
        runs=swapped_runs(),
        seeds={mix: seeds_of(mix) for mix in [VANILLA, *STUDY.mixes]},
        swaps=STUDY.statistics.answer_swaps,
        seed=STUDY.seed,
        version=stage_version("swap"),
    message:
        "Swapping the answers of {wildcards.target}"
    script:
        SCRIPTS / "swap.py"


rule growth:
    """Distinct words against words, of every run and of every described source."""
    input:
        responses=answers_to("test"),
        matched=[path("measures/matched.json")] if STUDY.targets else [],
        sources=answers_to(TRAIN),
        matched_sources=[path("sources/matched.json")] if STUDY.source_analysis else [],
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
