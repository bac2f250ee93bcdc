"""Responses of every run, and of the untuned targets, to the prompt sets."""


rule respond:
    """A run, or with one load of the base model all runs of a target, answers the prompt sets."""
    input:
        model=lambda w: model_input(w.target),
        adapters=lambda w: loaded_adapters(w),
        prompts=prompt_set_files(),
    output:
        loaded_files(*[f"responses/{name}.parquet" for name in PROMPT_SETS]),
    log:
        log_of(f"{LOADED}/respond"),
    benchmark:
        benchmark_of(f"{LOADED}/respond")
    wildcard_constraints:
        mix=one_of([VANILLA, *STUDY.mixes]),
    # Before the next training starts: all that follows waits for the last of the answers.
    priority: 20
    conda:
        ENVS / TARGET_ENV
    threads: 1
    resources:
        gpu=lambda w: target_needs(w.target).gpus,
        mem_mb=lambda w: target_needs(w.target).memory_mb,
        runtime=lambda w: target_needs(w.target).minutes(run_minutes(w, 180, 60)),
    params:
        runs=lambda w: loaded_runs(w),
        prompt_sets=PROMPT_SETS,
        responses=STUDY.responses.science(),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/responses/{target}"),
        version=stage_version("respond"),
    message:
        f"The prompt sets are answered by {LOADED_NAME}"
    script:
        SCRIPTS / "respond.py"
