"""Rule `train`: one LoRA adapter."""

from functools import partial
from pathlib import Path

from manybaskets.cards.adapter_card import adapter_card
from manybaskets.config.models import ModelPrompting
from manybaskets.config.training import Training
from manybaskets.generation.runs import name_of
from manybaskets.jobs.job import job
from manybaskets.mixes.mix_rows import read_mix
from manybaskets.models.adapter_base import adapter_base
from manybaskets.models.libraries import hide_packages

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    hide_packages("datasets", "scipy")
    from manybaskets.training.adapters import train_adapter

    target, mix, seed = (snakemake.wildcards[key] for key in ("target", "mix", "seed"))
    model, operations = Path(snakemake.input.model), snakemake.config["operations"]
    origins = operations["adapter_cards"]
    train_adapter(
        model,
        {split: read_mix(Path(snakemake.input[split])) for split in ("train", "validation")},
        training=Training.assembled(snakemake.params.training, operations["training"]),
        prompting=ModelPrompting(**snakemake.params.prompting),
        seed=int(seed),
        threads=snakemake.threads,
        name=target,
        work=Path(snakemake.params.work),
        output=Path(snakemake.output[0]),
        trackers=Path(snakemake.log[0]).with_name("trackers"),
        memory_mb=snakemake.resources.get("mem_mb"),
        run=name_of(target, mix, int(seed)),
        base=adapter_base(origins["models"][target], model),
        card=partial(adapter_card, origins, target, mix),
    )
