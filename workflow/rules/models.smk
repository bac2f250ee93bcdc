"""Models: the embedded ones are made here, others are fetched by revision."""


rule pretrain:
    """Make an embedded model from nothing."""
    input:
        split=FILES.data.split(),
    output:
        directory(FILES.models.made()),
    log:
        FILES.log("models/{model}"),
    benchmark:
        FILES.benchmark("models/{model}")
    wildcard_constraints:
        model=one_of(FILES.models.of_kind("embedded")),
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
        work=str(FILES.models.work()),
        version=stage_version("pretrain"),
    message:
        "Pretraining the embedded model {wildcards.model}"
    script:
        SCRIPTS / "pretrain.py"


rule fetch_model:
    """Fetch a model of the hub at its revision; needs the network."""
    output:
        directory(FILES.models.made()),
    log:
        FILES.log("models/{model}"),
    wildcard_constraints:
        model=one_of(FILES.models.of_kind("hub")),
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


rule fetch_gguf:
    """Fetch a GGUF file of the hub at its revision; needs the network."""
    output:
        FILES.models.gguf(),
    log:
        FILES.log("models/{model}-gguf"),
    wildcard_constraints:
        model=one_of(FILES.models.of_kind("gguf")),
    localrule: True
    conda:
        ENVS / "main.yaml"
    params:
        model=lambda w: STUDY.models[w.model].science(),
        version=stage_version("fetch_gguf"),
    message:
        "Fetching the GGUF file of {wildcards.model}"
    script:
        SCRIPTS / "fetch_gguf.py"


rule convert_gguf:
    """Convert a GGUF file once to a model folder that every stage reads."""
    input:
        lambda w: FILES.models.gguf_of(w.model),
    output:
        directory(FILES.models.made()),
    log:
        FILES.log("models/{model}"),
    wildcard_constraints:
        model=one_of(FILES.models.of_kind("gguf")),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        mem_mb=lambda w: NEEDS.models.conversion_mb(w.model),
        runtime=60,
    params:
        model=lambda w: STUDY.models[w.model].science(),
        version=stage_version("convert_gguf"),
    message:
        "Converting the GGUF file of {wildcards.model}"
    script:
        SCRIPTS / "convert_gguf.py"
