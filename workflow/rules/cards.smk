"""Dataset cards of sources and mixes."""

from manybaskets.cards.origins import dataset_settings, origin_settings


rule source_card:
    """A source's answers with their prompts, and their card; `load_dataset` loads the folder."""
    input:
        responses=lambda w: FILES.sources.answers(w.source),
        prompts=FILES.data.prompts(TRAIN),
    output:
        card=FILES.sources.card(),
        rows=FILES.sources.dataset(),
    log:
        FILES.log("sources/{source}/card"),
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
        train=FILES.mixes.train(),
        validation=FILES.mixes.validation(),
        counts=FILES.mixes.counts(),
        lengths=FILES.mixes.all_lengths(),
        sources=lambda w: [
            FILES.sources.answers(name) for name in STUDY.mix_sources(w.mix)
        ],
    output:
        card=FILES.mixes.card(),
        train=FILES.mixes.train_table(),
        validation=FILES.mixes.validation_table(),
    log:
        FILES.log("mixes/{mix}-card"),
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
