"""Rule `train`: one LoRA adapter."""

from pathlib import Path

from manybaskets.config.parts import Prompting, Training
from manybaskets.jobs import job
from manybaskets.mixes import read_mix

with job(snakemake.log[0], snakemake.resources.get("devices", 0)):
    from manybaskets.training import train_adapter

    train_adapter(
        Path(snakemake.input.model),
        {split: read_mix(Path(snakemake.input[split])) for split in ("train", "validation")},
        training=Training(**snakemake.params.training),
        prompting=Prompting(**snakemake.params.prompting),
        seed=int(snakemake.wildcards.seed),
        threads=snakemake.threads,
        name=snakemake.wildcards.target,
        work=Path(snakemake.params.work),
        output=Path(snakemake.output[0]),
    )
