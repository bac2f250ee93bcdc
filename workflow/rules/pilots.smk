"""Trials: before a source's first shard, a few dozen prompts, checked without a reader."""


rule pilot:
    """The trial of a source. It fails where a check fails and the config holds no reason to go on."""
    input:
        prompts=path("data/prompts/train.parquet"),
        model=lambda w: model_input(STUDY.sources[w.source].model),
    output:
        path("sources/{source}/pilot.json"),
    log:
        log_of("sources/{source}/pilot"),
    benchmark:
        benchmark_of("sources/{source}/pilot")
    wildcard_constraints:
        source=sources_of("transformers"),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: source_needs(w.source).gpus,
        mem_mb=lambda w: source_needs(w.source).memory_mb,
        runtime=lambda w: source_needs(w.source).minutes(60),
    params:
        source=lambda w: STUDY.sources[w.source].science(),
        pilot=lambda w: STUDY.sources[w.source].pilot.model_dump(),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/sources/{source}/pilot"),
        version=stage_version("pilot"),
    message:
        "Trying source {wildcards.source} on a few prompts"
    script:
        SCRIPTS / "pilot.py"


use rule pilot as pilot_vllm with:
    wildcard_constraints:
        source=sources_of("vllm"),
    conda:
        ENVS / "vllm.yaml"


use rule pilot as pilot_openai with:
    input:
        prompts=path("data/prompts/train.parquet"),
    wildcard_constraints:
        source=sources_of("openai"),
    conda:
        ENVS / "openai.yaml"
