"""Responses of every run, and of the untuned targets, to the prompt sets."""


rule respond:
    """All seeds of a mix with one load of the base model; adapters are swapped."""
    input:
        model=lambda w: model_input(w.target),
        adapters=expand(path("runs/{{target}}/{{mix}}/seed{seed}/adapter"), seed=SEEDS),
        prompts=prompt_set_files(),
    output:
        expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/responses/{prompt_set}.parquet"),
            seed=SEEDS,
            prompt_set=PROMPT_SETS,
        ),
    log:
        log_of("runs/{target}/{mix}/respond"),
    benchmark:
        benchmark_of("runs/{target}/{mix}/respond")
    wildcard_constraints:
        mix=one_of(set(STUDY.mixes) - set(STUDY.added_mixes())),
    # Before the next training starts: all that follows waits for the last of the answers.
    priority: 20
    conda:
        ENVS / TARGET_ENV
    threads: 1
    resources:
        gpu=lambda w: target_needs(w.target).gpus,
        mem_mb=lambda w: target_needs(w.target).memory_mb,
        runtime=lambda w: target_needs(w.target).minutes(180),
    params:
        seeds=SEEDS,
        prompt_sets=PROMPT_SETS,
        responses=STUDY.responses.science(),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/responses/{target}/{mix}"),
        version=stage_version("respond"),
    message:
        "{wildcards.target} tuned on {wildcards.mix} answers the prompt sets"
    script:
        SCRIPTS / "respond.py"


use rule respond as respond_added with:
    input:
        model=lambda w: model_input(w.target),
        adapters=expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/adapter"), seed=ADDED_SEEDS
        ),
        prompts=prompt_set_files(),
    output:
        expand(
            path("runs/{{target}}/{{mix}}/seed{seed}/responses/{prompt_set}.parquet"),
            seed=ADDED_SEEDS,
            prompt_set=PROMPT_SETS,
        ),
    wildcard_constraints:
        mix=one_of(STUDY.added_mixes()),
    params:
        seeds=ADDED_SEEDS,
        prompt_sets=PROMPT_SETS,
        responses=STUDY.responses.science(),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/responses/{target}/{mix}"),
        version=stage_version("respond"),


use rule respond as respond_vanilla with:
    input:
        model=lambda w: model_input(w.target),
        adapters=[],
        prompts=prompt_set_files(),
    output:
        expand(
            path("runs/{{target}}/vanilla/seed0/responses/{prompt_set}.parquet"),
            prompt_set=PROMPT_SETS,
        ),
    log:
        log_of("runs/{target}/vanilla/respond"),
    benchmark:
        benchmark_of("runs/{target}/vanilla/respond")
    params:
        seeds=[0],
        prompt_sets=PROMPT_SETS,
        responses=STUDY.responses.science(),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/responses/{target}/vanilla"),
        version=stage_version("respond"),
    message:
        "The untuned {wildcards.target} answers the prompt sets"
