"""Sources: who answers the training prompts, and how fast."""

GENERATING_MODELS = list(
    dict.fromkeys(
        filter(None, (STUDY.sources[name].model for name in generating_sources()))
    )
)


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
        version=stage_version("human_source"),
    message:
        "Taking the human answers as a source"
    script:
        SCRIPTS / "human_source.py"


rule generate:
    """One shard of a source's answers."""
    input:
        prompts=path("data/prompts/train.parquet"),
        model=lambda w: model_input(STUDY.sources[w.source].model),
        pilot=lambda w: [ancient(file) for file in pilot_files(w.source)],
    output:
        responses=path("sources/{source}/shards/{shard}-of-{shards}.parquet"),
        quarantine=path("sources/{source}/shards/{shard}-of-{shards}.quarantine.jsonl"),
        usage=path("sources/{source}/shards/{shard}-of-{shards}.usage.json"),
    log:
        log_of("sources/{source}/{shard}-of-{shards}"),
    benchmark:
        benchmark_of("sources/{source}/{shard}-of-{shards}")
    wildcard_constraints:
        source=sources_of("transformers"),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        gpu=lambda w: source_needs(w.source).gpus,
        mem_mb=lambda w: source_needs(w.source).memory_mb,
        runtime=lambda w: source_needs(w.source).minutes(240),
    params:
        source=lambda w: STUDY.sources[w.source].science(),
        prompting=STUDY.prompting.model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=path("work/sources/{source}/{shard}-of-{shards}"),
        version=stage_version("generate"),
    message:
        "Source {wildcards.source} answers the training prompts, shard {wildcards.shard} of {wildcards.shards}"
    script:
        SCRIPTS / "generate.py"


use rule generate as generate_vllm with:
    wildcard_constraints:
        source=sources_of("vllm"),
    conda:
        ENVS / "vllm.yaml"


use rule generate as generate_openai with:
    input:
        prompts=path("data/prompts/train.parquet"),
        pilot=lambda w: [ancient(file) for file in pilot_files(w.source)],
    wildcard_constraints:
        source=sources_of("openai"),
    conda:
        ENVS / "openai.yaml"


rule collect:
    """The shards of a source as one checked file."""
    input:
        prompts=path("data/prompts/train.parquet"),
        shards=lambda w: shard_files(w.source),
        quarantine=lambda w: shard_files(w.source, "quarantine.jsonl"),
    output:
        responses=path("sources/{source}/train.parquet"),
        quarantine=path("sources/{source}/quarantine.jsonl"),
    log:
        log_of("sources/{source}/collect"),
    wildcard_constraints:
        source=sources_of("transformers", "vllm", "openai"),
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
            for name in generating_sources()
            for file in shard_files(name, "usage.json")
        ],
        responses=[source_file(name) for name in generating_sources()],
        models=[model_input(name) for name in GENERATING_MODELS],
    output:
        expand(
            path("tables/{name}.{kind}"),
            name=["throughput", "throughput-correlation"],
            kind=["csv", "md", "tex"],
        ),
    log:
        log_of("tables/throughput"),
    localrule: True
    conda:
        ENVS / "light.yaml"
    params:
        sources={name: STUDY.sources[name].science() for name in generating_sources()},
        models=GENERATING_MODELS,
        max_prompt_tokens=STUDY.prompting.max_prompt_tokens,
        version=stage_version("throughput"),
    message:
        "Setting the speed of sources against their size"
    script:
        SCRIPTS / "throughput.py"
