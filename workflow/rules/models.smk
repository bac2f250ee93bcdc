"""Models: the embedded ones are made here, others are fetched by revision."""


rule pretrain:
    """Make an embedded model from nothing."""
    input:
        split=path("data/split.parquet"),
    output:
        directory(path("models/{model}")),
    log:
        log_of("models/{model}"),
    benchmark:
        benchmark_of("models/{model}")
    wildcard_constraints:
        model=models_of_kind("embedded"),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        model=lambda w: STUDY.models[w.model].science(),
        size=STUDY.embedded_model_size.model_dump(),
        prompting=STUDY.prompting.model_dump(),
        towns=STUDY.dataset.towns if EMBEDDED else None,
        seed=STUDY.seed,
        work=path("work/models/{model}"),
        version=stage_version("pretrain"),
    message:
        "Pretraining the embedded model {wildcards.model}"
    script:
        SCRIPTS / "pretrain.py"


rule fetch_model:
    """Fetch a model of the hub at its revision; needs the network."""
    output:
        directory(path("models/{model}")),
    log:
        log_of("models/{model}"),
    wildcard_constraints:
        model=models_of_kind("hub"),
    localrule: True
    conda:
        ENVS / "main.yaml"
    params:
        model=lambda w: STUDY.models[w.model].science(),
        version=stage_version("fetch_model"),
    message:
        "Fetching the model {wildcards.model}"
    script:
        SCRIPTS / "fetch_model.py"
