"""Sources: who answers the training prompts, and how fast."""

GENERATING_MODELS = list(
    dict.fromkeys(
        filter(None, (STUDY.sources[name].model for name in FILES.sources.generating()))
    )
)


rule human_source:
    """The human reference as a source like any other."""
    input:
        FILES.data.split(),
    output:
        FILES.sources.answers(HUMAN),
    log:
        FILES.log("sources/human"),
    localrule: True
    conda:
        ENVS / "light.yaml"
    params:
        version=stage_version("human_source"),
    message:
        "Adding the human answers as a source"
    script:
        SCRIPTS / "human_source.py"


rule generate:
    """One shard of a source's answers."""
    input:
        prompts=FILES.data.prompts(TRAIN),
        model=lambda w: FILES.models.folders(STUDY.sources[w.source].model),
        pilot=lambda w: [ancient(file) for file in FILES.sources.pilots_of(w.source)],
    output:
        responses=FILES.sources.shard(),
        quarantine=FILES.sources.shard_quarantine(),
        usage=FILES.sources.shard_usage(),
    log:
        FILES.log("sources/{source}/{shard}-of-{shards}"),
    benchmark:
        FILES.benchmark("sources/{source}/{shard}-of-{shards}")
    wildcard_constraints:
        source=sources_that(generate=True),
    conda:
        lambda w: environment_of(STUDY.sources[w.source].engine)
    threads: lambda w: cores(NEEDS.of_source(w.source))
    resources:
        gpu=lambda w: NEEDS.of_source(w.source).gpus,
        mem_mb=lambda w: memory(NEEDS.of_source(w.source)),
        runtime=lambda w: NEEDS.of_source(w.source).minutes(240),
        network=lambda w: NEEDS.of_source(w.source).network,
    params:
        source=lambda w: STUDY.sources[w.source].science(),
        prompting=lambda w: STUDY.prompting_of(
            STUDY.sources[w.source].model
        ).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=str(FILES.sources.shard_work()),
        version=stage_version("generate"),
    message:
        "Source {wildcards.source} answers the training prompts, shard {wildcards.shard} of {wildcards.shards}"
    script:
        SCRIPTS / "generate.py"


rule collect:
    """The shards of a source as one checked file."""
    input:
        prompts=FILES.data.prompts(TRAIN),
        shards=lambda w: FILES.sources.shards(w.source),
        quarantine=lambda w: FILES.sources.quarantines(w.source),
    output:
        responses=FILES.sources.answers(),
        quarantine=FILES.sources.quarantine(),
    log:
        FILES.log("sources/{source}/collect"),
    wildcard_constraints:
        source=sources_that(generate=True),
    conda:
        ENVS / "light.yaml"
    params:
        version=stage_version("collect"),
    message:
        "Checking all answers of source {wildcards.source}"
    script:
        SCRIPTS / "collect.py"


rule throughput:
    """How fast sources answered, and how that goes with their size."""
    input:
        usage=[
            file
            for name in FILES.sources.generating()
            for file in FILES.sources.usages(name)
        ],
        responses=[FILES.sources.answers(name) for name in FILES.sources.generating()],
        models=[FILES.models.folder(name) for name in GENERATING_MODELS],
    output:
        OUTPUTS.tables_by("throughput"),
    log:
        FILES.log("tables/throughput"),
    localrule: True
    conda:
        ENVS / "light.yaml"
    params:
        sources={
            name: STUDY.sources[name].science() for name in FILES.sources.generating()
        },
        models=GENERATING_MODELS,
        max_prompt_tokens=STUDY.prompting.max_prompt_tokens,
        version=stage_version("throughput"),
    message:
        "Comparing the sources' speed with their size"
    script:
        SCRIPTS / "throughput.py"
