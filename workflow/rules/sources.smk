"""Sources: who answers the training prompts."""


rule human_source:
    """The human reference as a source like any other."""
    input:
        path("data/split.parquet"),
    output:
        path("sources/human/train.parquet"),
    log:
        log_of("sources/human"),
    localrule: True
    conda:
        ENVS / "light.yaml"
    params:
        version=stage_version("human"),
    message:
        "Taking the human answers as a source"
    script:
        SCRIPTS / "human_source.py"


rule generate:
    """One shard of a source's answers."""
    input:
        prompts=path("data/prompts/train.parquet"),
        model=lambda w: model_input(STUDY.sources[w.source].model),
    output:
        path("sources/{source}/shards/{shard}-of-{shards}.parquet"),
    log:
        log_of("sources/{source}/{shard}-of-{shards}"),
    benchmark:
        benchmark_of("sources/{source}/{shard}-of-{shards}")
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        source=lambda w: STUDY.sources[w.source].model_dump(exclude={"shards"}),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/sources/{source}/{shard}-of-{shards}"),
        version=stage_version("generate"),
    message:
        "Source {wildcards.source} answers the training prompts, shard {wildcards.shard} of {wildcards.shards}"
    script:
        SCRIPTS / "generate.py"


rule collect:
    """The shards of a source as one checked file."""
    input:
        prompts=path("data/prompts/train.parquet"),
        shards=lambda w: shard_files(w.source),
    output:
        path("sources/{source}/train.parquet"),
    log:
        log_of("sources/{source}/collect"),
    wildcard_constraints:
        source="(?!human/)[a-z0-9._-]+",
    conda:
        ENVS / "light.yaml"
    params:
        max_error_share=lambda w: STUDY.sources[w.source].max_error_share,
        version=stage_version("collect"),
    message:
        "Checking all answers of source {wildcards.source}"
    script:
        SCRIPTS / "collect.py"
