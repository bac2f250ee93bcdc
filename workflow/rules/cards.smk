"""Dataset cards of sources and mixes."""

from manybaskets.cards.origins import dataset_settings, origin_settings


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
