"""Dataset cards of sources and mixes, and the speed of sources."""

from manybaskets.cards.origins import dataset_settings, origin_settings

GENERATING_MODELS = list(
    dict.fromkeys(
        filter(None, (STUDY.sources[name].model for name in generating_sources()))
    )
)


rule source_card:
    """A source's answers beside what they answer, and their card: `load_dataset` takes the folder."""
    input:
        responses=lambda w: source_file(w.source),
        prompts=path("data/prompts/train.parquet"),
    output:
        card=path("sources/{source}/README.md"),
        rows=path("sources/{source}/dataset.parquet"),
    log:
        log_of("sources/{source}/card"),
    conda:
        ENVS / "light.yaml"
    params:
        study=STUDY.study,
        dataset=dataset_settings(STUDY),
        origin=lambda w: origin_settings(STUDY, w.source),
        version=stage_version("card"),
    message:
        "Writing the card of source {wildcards.source}"
    script:
        SCRIPTS / "source_card.py"


rule mix_card:
    """A mix as Parquet, and its card: `load_dataset` takes the folder."""
    input:
        train=path("mixes/{mix}/train.jsonl"),
        validation=path("mixes/{mix}/validation.jsonl"),
        counts=path("mixes/{mix}/counts.csv"),
        lengths=expand(path("mixes/lengths/{target}.parquet"), target=STUDY.targets),
        sources=lambda w: [source_file(name) for name in STUDY.mix_sources(w.mix)],
    output:
        card=path("mixes/{mix}/README.md"),
        train=path("mixes/{mix}/train.parquet"),
        validation=path("mixes/{mix}/validation.parquet"),
    log:
        log_of("mixes/{mix}-card"),
    wildcard_constraints:
        # Not the folder of lengths, where a target may be called `train`.
        mix="|".join(map(re.escape, STUDY.mixes)),
    conda:
        ENVS / "light.yaml"
    params:
        study=STUDY.study,
        dataset=dataset_settings(STUDY),
        recipe=lambda w: STUDY.mixes[w.mix].model_dump(),
        origins=lambda w: {
            name: origin_settings(STUDY, name) for name in STUDY.mix_sources(w.mix)
        },
        system_prompt=STUDY.prompting.system_prompt,
        seed=STUDY.seed,
        version=stage_version("card"),
    message:
        "Writing the card of the mix {wildcards.mix}"
    script:
        SCRIPTS / "mix_card.py"


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
