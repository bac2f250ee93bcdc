"""Likelihoods of human answers and of every run's own, and how far apart runs' distributions are."""


rule score_target:
    """Human answers under a run; its own under the untuned target and under itself."""
    input:
        model=lambda w: model_input(w.target),
        adapters=lambda w: loaded_adapters(w),
        responses=loaded_files("responses/test.parquet"),
        prompts=path("data/prompts/test.parquet"),
        split=path("data/split.parquet"),
    output:
        loaded_files("target-likelihood.parquet"),
    log:
        log_of(f"{LOADED}/likelihood"),
    benchmark:
        benchmark_of(f"{LOADED}/likelihood")
    wildcard_constraints:
        mix=one_of([VANILLA, *STUDY.mixes]),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: scoring_needs(w.target).gpus,
        mem_mb=lambda w: scoring_needs(w.target).memory_mb,
        runtime=lambda w: scoring_needs(w.target).minutes(run_minutes(w, 120, 40)),
    params:
        runs=lambda w: loaded_runs(w),
        scoring=STUDY.scoring.model_dump(include={"batch_tokens", "first_tokens"}),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        work=path("work/likelihood/{target}"),
        version=stage_version("score_target"),
    message:
        f"Human and own answers are scored by {LOADED_NAME}"
    script:
        SCRIPTS / "score_target.py"


rule score_fixed:
    """The same answers under the fixed scorer, of all runs of a target with one load of it."""
    input:
        model=lambda w: scorer_folders(),
        scored=lambda w: run_files(w.target, "target-likelihood.parquet"),
        responses=lambda w: run_files(w.target, "responses/test.parquet"),
        prompts=path("data/prompts/test.parquet"),
        split=path("data/split.parquet"),
    output:
        run_files("{target}", "likelihood.parquet"),
    log:
        log_of("runs/{target}/scorer"),
    benchmark:
        benchmark_of("runs/{target}/scorer")
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: fixed_scorer_needs().gpus,
        mem_mb=lambda w: fixed_scorer_needs().memory_mb,
        runtime=lambda w: fixed_scorer_needs().minutes(120),
    params:
        runs=lambda w: runs_of(w.target),
        name=STUDY.scoring.scorer,
        scoring=STUDY.scoring.model_dump(include={"batch_tokens", "first_tokens"}),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        work=path("work/scorer/{target}"),
        version=stage_version("score_fixed"),
    message:
        "Scoring the answers of {wildcards.target} with the fixed scorer"
    script:
        SCRIPTS / "score_fixed.py"


rule divergence:
    """Divergence of the next-token distributions of a target's runs along human answers."""
    input:
        model=lambda w: model_input(w.target),
        adapters=lambda w: run_files(w.target, "adapter", untuned=False),
        prompts=path("data/prompts/test.parquet"),
        split=path("data/split.parquet"),
    output:
        path("divergence/{target}.parquet"),
    log:
        log_of("divergence/{target}"),
    benchmark:
        benchmark_of("divergence/{target}")
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: scoring_needs(w.target).gpus,
        mem_mb=lambda w: scoring_needs(w.target).memory_mb,
        runtime=lambda w: scoring_needs(w.target).minutes(240),
    params:
        prompts=STUDY.divergence.prompts,
        mixes={name: mix_kind(name) for name in STUDY.mixes},
        seeds={name: seeds_of(name) for name in STUDY.mixes},
        batch_tokens=STUDY.scoring.batch_tokens,
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        version=stage_version("divergence"),
    message:
        "Comparing the distributions of all runs of {wildcards.target}"
    script:
        SCRIPTS / "divergence.py"


rule summarise_divergence:
    """Mean divergence of every two mixes, with intervals."""
    input:
        [path(f"divergence/{target}.parquet") for target in STUDY.targets],
    output:
        path("statistics/divergence.parquet"),
    log:
        log_of("statistics/divergence"),
    benchmark:
        benchmark_of("statistics/divergence")
    conda:
        ENVS / "light.yaml"
    params:
        statistics=STUDY.statistics.model_dump(include={"confidence", "bootstrap_resamples"}),
        seed=STUDY.seed,
        version=stage_version("divergence"),
    message:
        "Computing intervals of the divergences"
    script:
        SCRIPTS / "summarise_divergence.py"
