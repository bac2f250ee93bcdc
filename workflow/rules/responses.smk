"""Responses of every run, and of the untuned targets, to the prompt sets."""


rule respond:
    """A run, or with one load of the base model all runs of a target, answers the prompt sets."""
    input:
        model=lambda w: FILES.models.folder(w.target),
        adapters=lambda w: FILES.runs.adapters(w.target, FILES.load.handled(w)),
        prompts=FILES.data.prompt_sets(),
    output:
        FILES.load.files(
            *[partial(FILES.runs.responses, prompt_set=name) for name in PROMPT_SETS]
        ),
    log:
        FILES.log(f"runs/{FILES.load.name}/respond"),
    benchmark:
        FILES.benchmark(f"runs/{FILES.load.name}/respond")
    wildcard_constraints:
        mix=one_of(FILES.runs.mixes()),
    # Before the next training starts: all that follows waits for the last of the answers.
    priority: 20
    conda:
        environment_of(STUDY.responses.engine)
    threads: lambda w: cores(NEEDS.of_target(w.target))
    resources:
        gpu=lambda w: NEEDS.of_target(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_target(w.target)),
        runtime=lambda w: NEEDS.of_target(w.target).minutes(
            FILES.load.minutes(w, 180, 60)
        ),
    params:
        runs=lambda w: FILES.load.handled(w),
        prompt_sets=PROMPT_SETS,
        responses=STUDY.responses.science(),
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=str(FILES.runs.responses_work()),
        version=stage_version("respond"),
    message:
        f"The prompt sets are answered by {named(FILES.load)}"
    script:
        SCRIPTS / "respond.py"
