"""From raw rows to prompts: dataset, cleaning, lengths, splits, prompt sets."""

FITTED_MODELS = FILES.data.fitted()

if EMBEDDED:

    rule world:
        """Generate the embedded world's dataset and what is true of it."""
        output:
            rows=FILES.data.world(),
            truth=FILES.data.truth(),
        log:
            FILES.log("data/world"),
        conda:
            ENVS / "light.yaml"
        params:
            rows=STUDY.dataset.rows,
            towns=STUDY.dataset.towns,
            seed=STUDY.seed,
            refused={
                name: prompt_set.count
                for name, prompt_set in STUDY.prompt_sets.items()
                if prompt_set.kind == "refused"
            },
            version=stage_version("world"),
        message:
            "Generating the embedded world"
        script:
            SCRIPTS / "world.py"

    rule dataset:
        """Read the generated rows as any other file."""
        input:
            FILES.data.world(),
        output:
            FILES.data.raw(),
        log:
            FILES.log("data/dataset"),
        conda:
            ENVS / "light.yaml"
        params:
            fields={"category": "category"},
            version=stage_version("dataset"),
        message:
            "Reading the raw rows"
        script:
            SCRIPTS / "dataset.py"

elif STUDY.dataset and STUDY.dataset.kind == "file":

    rule dataset:
        """Read the user's file."""
        input:
            STUDY.dataset.path,
        output:
            FILES.data.raw(),
        log:
            FILES.log("data/dataset"),
        conda:
            ENVS / "light.yaml"
        resources:
            mem_mb=DATASET_MB,
        params:
            fields=STUDY.dataset.fields.model_dump(),
            version=stage_version("dataset"),
        message:
            "Reading the raw rows of {input}"
        script:
            SCRIPTS / "dataset.py"

elif STUDY.dataset:

    rule fetch_dataset:
        """Fetch a dataset of the hub at its revision; needs the network."""
        output:
            FILES.data.raw(),
        log:
            FILES.log("data/dataset"),
        localrule: True
        conda:
            ENVS / "main.yaml"
        params:
            dataset=STUDY.dataset.science(),
            version=stage_version("dataset"),
        message:
            "Fetching the dataset"
        script:
            SCRIPTS / "fetch_dataset.py"


rule clean:
    """Clean rows; those that leave are counted by reason."""
    input:
        FILES.data.raw(),
    output:
        rows=FILES.data.clean(),
        counts=FILES.data.clean_counts(),
    log:
        FILES.log("data/clean"),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=DATASET_MB,
    params:
        cleaning=STUDY.cleaning.model_dump(),
        where=getattr(STUDY.dataset, "path", "the dataset"),
        version=stage_version("clean"),
    message:
        "Cleaning the rows"
    script:
        SCRIPTS / "clean.py"


rule measure_prompts:
    """Measure every prompt under the tokenizer of a model that will read it, or judge answers to it."""
    input:
        rows=FILES.data.clean(),
        model=lambda w: FILES.models.folder(w.model),
    output:
        FILES.data.long_prompts(),
    log:
        FILES.log("data/long_prompts-{model}"),
    wildcard_constraints:
        model=one_of(measured_models(STUDY)),
    conda:
        ENVS / "main.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        prompting=lambda w: STUDY.prompting_of(w.model).model_dump(),
        version=stage_version("measure_prompts"),
    message:
        "Measuring all prompts under the tokenizer of {wildcards.model}"
    script:
        SCRIPTS / "measure_prompts.py"


rule split:
    """Test, training and validation prompts, and the parts; none that is too long for a model."""
    input:
        rows=FILES.data.clean(),
        long_prompts=[FILES.data.long_prompts(name) for name in FITTED_MODELS],
    output:
        FILES.data.split(),
    log:
        FILES.log("data/split"),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=DATASET_MB,
    params:
        # The job reads them from `operations`: prompts of an older version stay as they are.
        **({"limits": STUDY.prompting.limits()} if FITTED_MODELS else {}),
        split=STUDY.split.model_dump(),
        seed=STUDY.seed,
        version=stage_version("split"),
    message:
        "Splitting the prompts"
    script:
        SCRIPTS / "split.py"


rule prompt_sets:
    """One file for every prompt set that is to be answered."""
    input:
        split=FILES.data.split(),
        files=FILES.data.given_prompts(),
    output:
        train=FILES.data.prompts(TRAIN),
        sets=FILES.data.prompt_sets(),
    log:
        FILES.log("data/prompt_sets"),
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=DATASET_MB,
    params:
        prompt_sets={
            name: value.model_dump(exclude={"measures"})
            for name, value in STUDY.prompt_sets.items()
        },
        towns=STUDY.dataset.towns if EMBEDDED else None,
        seed=STUDY.seed,
        version=stage_version("prompt_sets"),
    message:
        "Writing the prompt sets"
    script:
        SCRIPTS / "prompt_sets.py"
