"""Likelihoods: human answers under every run, every run's answers under the untuned target."""


rule likelihood:
    """Human test answers under each run; each run's own answers under the untuned target."""
    input:
        model=lambda w: model_input(w.target),
        adapters=expand(path("runs/{{target}}/{{mix}}/seed{seed}/adapter"), seed=SEEDS),
        responses=expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/responses/test.parquet"),
            seed=SEEDS,
        ),
        prompts=path("data/prompts/test.parquet"),
        split=path("data/split.parquet"),
    output:
        expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/likelihood.parquet"), seed=SEEDS
        ),
    log:
        log_of("runs/{target}/{mix}/likelihood"),
    benchmark:
        benchmark_of("runs/{target}/{mix}/likelihood")
    wildcard_constraints:
        mix=one_of(set(STUDY.mixes) - set(STUDY.added_mixes())),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: scoring_needs(w.target).gpus,
        mem_mb=lambda w: scoring_needs(w.target).memory_mb,
        runtime=lambda w: scoring_needs(w.target).minutes(120),
    params:
        batch_size=STUDY.scoring.batch_size,
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        version=stage_version("likelihood"),
    message:
        "Scoring answers with {wildcards.target} tuned on {wildcards.mix}"
    script:
        SCRIPTS / "likelihood.py"


use rule likelihood as likelihood_added with:
    input:
        model=lambda w: model_input(w.target),
        adapters=expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/adapter"), seed=ADDED_SEEDS
        ),
        responses=expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/responses/test.parquet"),
            seed=ADDED_SEEDS,
        ),
        prompts=path("data/prompts/test.parquet"),
        split=path("data/split.parquet"),
    output:
        expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/likelihood.parquet"),
            seed=ADDED_SEEDS,
        ),
    wildcard_constraints:
        mix=one_of(STUDY.added_mixes()),


use rule likelihood as likelihood_vanilla with:
    input:
        model=lambda w: model_input(w.target),
        adapters=[],
        responses=[path("runs/{target}/vanilla/seed0/responses/test.parquet")],
        prompts=path("data/prompts/test.parquet"),
        split=path("data/split.parquet"),
    output:
        path("runs/{target}/vanilla/seed0/likelihood.parquet"),
    log:
        log_of("runs/{target}/vanilla/likelihood"),
    benchmark:
        benchmark_of("runs/{target}/vanilla/likelihood")
    message:
        "Scoring answers with the untuned {wildcards.target}"
