"""Rule `robustness_prompts`: adversarial prompts of a target, and their design without any text."""

from pathlib import Path

import polars as pl

from manybaskets.experiments.robustness.restricted import publish, withheld
from manybaskets.jobs.job import job

restricted = Path(snakemake.params.restricted)

with job(snakemake.log[0]), withheld(restricted, snakemake.log[0]):
    from manybaskets.config.robustness import RobustnessPrompts
    from manybaskets.experiments.robustness.robustness_prompts import World, write_prompts
    from manybaskets.records.responses import long_prompts_of_sets

    world = snakemake.params.world
    write_prompts(
        RobustnessPrompts(**snakemake.params.prompts),
        snakemake.params.names,
        world=World(**world) if world else None,
        shipped=Path(snakemake.input.shipped),
        seed=snakemake.params.seed,
        split=pl.read_parquet(snakemake.input.split),
        sets=dict(zip(snakemake.params.sets, map(Path, snakemake.output.sets), strict=True)),
        design=Path(snakemake.output.design),
        templates=Path(snakemake.output.templates),
        long_prompts=long_prompts_of_sets(Path(snakemake.input.split)),
    )
    publish(map(Path, [snakemake.output.design, snakemake.output.templates]))
