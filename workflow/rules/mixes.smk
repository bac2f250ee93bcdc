"""Mixes: controlled training sets over the same prompts."""


rule lengths:
    """Tokens of every prompt and answer under a target's own template."""
    input:
        split=path("data/split.parquet"),
        model=lambda w: model_input(w.target),
        sources=[source_file(name) for name in STUDY.mixed_sources()],
    output:
        lengths=path("mixes/lengths/{target}.parquet"),
        contexts=path("mixes/contexts/{target}.parquet"),
    log:
        log_of("mixes/lengths-{target}"),
    conda:
        ENVS / "main.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        sources=STUDY.mixed_sources(),
        prompting=STUDY.prompting.model_dump(),
        version=stage_version("lengths"),
    message:
        "Counting the tokens of all answers for target {wildcards.target}"
    script:
        SCRIPTS / "lengths.py"


rule find_eligible:
    """Which prompts every mix can use; what fails in one source leaves all mixes."""
    input:
        split=path("data/split.parquet"),
        lengths=expand(path("mixes/lengths/{target}.parquet"), target=STUDY.targets),
        contexts=expand(path("mixes/contexts/{target}.parquet"), target=STUDY.targets),
        sources=[source_file(name) for name in STUDY.mixed_sources()],
    output:
        path("mixes/eligible.parquet"),
    log:
        log_of("mixes/eligible"),
    conda:
        ENVS / "light.yaml"
    params:
        sources=STUDY.mixed_sources(),
        max_length=STUDY.training.max_length,
        truncated_answers=STUDY.truncated_answers,
        version=stage_version("find_eligible"),
    message:
        "Finding the prompts that all mixes share"
    script:
        SCRIPTS / "find_eligible.py"


rule mix:
    """A training set: for every shared prompt one source's answer."""
    input:
        split=path("data/split.parquet"),
        eligible=path("mixes/eligible.parquet"),
        lengths=expand(path("mixes/lengths/{target}.parquet"), target=STUDY.targets),
        sources=lambda w: [source_file(name) for name in STUDY.mix_sources(w.mix)],
    output:
        train=path("mixes/{mix}/train.jsonl"),
        validation=path("mixes/{mix}/validation.jsonl"),
        counts=path("mixes/{mix}/counts.csv"),
    log:
        log_of("mixes/{mix}"),
    conda:
        ENVS / "light.yaml"
    params:
        recipe=lambda w: STUDY.mixes[w.mix].model_dump(),
        sources=lambda w: STUDY.mix_sources(w.mix),
        targets=STUDY.targets,
        system_prompt=STUDY.prompting.system_prompt,
        seed=STUDY.seed,
        version=stage_version("mix"),
    message:
        "Building the mix {wildcards.mix}"
    script:
        SCRIPTS / "mix.py"
