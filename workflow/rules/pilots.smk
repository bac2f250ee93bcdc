"""Trials: before a source's first shard, a few dozen prompts, checked without a reader."""


rule pilot:
    """The trial of a source. It fails if a check fails and the config has no reason to continue."""
    input:
        prompts=FILES.data.prompts(TRAIN),
        model=lambda w: FILES.models.folders(STUDY.sources[w.source].model),
    output:
        FILES.sources.pilot(),
    log:
        FILES.log("sources/{source}/pilot"),
    benchmark:
        FILES.benchmark("sources/{source}/pilot")
    wildcard_constraints:
        source=sources_that(generate=True),
    conda:
        lambda w: environment_of(STUDY.sources[w.source].engine)
    threads: lambda w: cores(NEEDS.of_source(w.source))
    resources:
        gpu=lambda w: NEEDS.of_source(w.source).gpus,
        mem_mb=lambda w: memory(NEEDS.of_source(w.source)),
        runtime=lambda w: NEEDS.of_source(w.source).minutes(60),
        network=lambda w: NEEDS.of_source(w.source).network,
    params:
        source=lambda w: STUDY.sources[w.source].science(),
        pilot=lambda w: STUDY.sources[w.source].pilot.model_dump(),
        prompting=lambda w: STUDY.prompting_of(
            STUDY.sources[w.source].model
        ).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=str(FILES.sources.pilot_work()),
        version=stage_version("pilot"),
    message:
        "Running the pilot of source {wildcards.source}"
    script:
        SCRIPTS / "pilot.py"
