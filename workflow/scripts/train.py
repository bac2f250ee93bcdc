"""Rule `train`: one LoRA adapter."""

from pathlib import Path

from manybaskets.config.models import ModelPrompting
from manybaskets.config.training import Training
from manybaskets.generation.runs import name_of
from manybaskets.jobs.job import job
from manybaskets.mixes.mix_rows import read_mix

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.training.adapters import train_adapter

    target, mix, seed = (snakemake.wildcards[key] for key in ("target", "mix", "seed"))
    train_adapter(
        Path(snakemake.input.model),
        {split: read_mix(Path(snakemake.input[split])) for split in ("train", "validation")},
        training=Training.assembled(
            snakemake.params.training, snakemake.config["operations"]["training"]
        ),
        prompting=ModelPrompting(**snakemake.params.prompting),
        seed=int(seed),
        threads=snakemake.threads,
        name=target,
        work=Path(snakemake.params.work),
        output=Path(snakemake.output[0]),
        trackers=Path(snakemake.log[0]).with_name("trackers"),
        memory_mb=snakemake.resources.get("mem_mb"),
        run=name_of(target, mix, int(seed)),
    )
