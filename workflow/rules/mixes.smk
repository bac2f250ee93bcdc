"""Mixes: controlled training sets over the same prompts."""


rule lengths:
    """Tokens of every prompt and answer under a target's own template."""
    input:
        split=FILES.data.split(),
        model=lambda w: FILES.models.folder(w.target),
        sources=[FILES.sources.answers(name) for name in STUDY.mixed_sources()],
    output:
        lengths=FILES.mixes.lengths(),
        contexts=FILES.mixes.contexts(),
    log:
        FILES.log("mixes/lengths-{target}"),
    conda:
        ENVS / "main.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        # Files of an older version do not say what `exclude` needs.
        **STUDY.model_dump(include={"control_text"}),
        sources=STUDY.mixed_sources(),
        prompting=lambda w: STUDY.prompting_of(w.target).model_dump(),
        version=stage_version("lengths"),
    message:
        "Counting the tokens of all answers for target {wildcards.target}"
    script:
        SCRIPTS / "lengths.py"


rule find_eligible:
    """Which prompts every mix can use; what fails in one source leaves all mixes."""
    input:
        split=FILES.data.split(),
        lengths=FILES.mixes.all_lengths(),
        contexts=FILES.mixes.all_contexts(),
        sources=[FILES.sources.answers(name) for name in STUDY.mixed_sources()],
    output:
        FILES.mixes.eligible(),
    log:
        FILES.log("mixes/eligible"),
    conda:
        ENVS / "light.yaml"
    params:
        **STUDY.model_dump(include={"control_text"}),
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
        split=FILES.data.split(),
        eligible=FILES.mixes.eligible(),
        lengths=FILES.mixes.all_lengths(),
        sources=lambda w: [
            FILES.sources.answers(name) for name in STUDY.mix_sources(w.mix)
        ],
    output:
        train=FILES.mixes.train(),
        validation=FILES.mixes.validation(),
        counts=FILES.mixes.counts(),
    log:
        FILES.log("mixes/{mix}"),
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
