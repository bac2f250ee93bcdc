"""Rule `world`: the embedded dataset as a Dolly-style file, and the truth about it."""

from pathlib import Path

from manybaskets.jobs.job import job
from manybaskets.world.dataset import write_world

with job(snakemake.log[0]):
    write_world(
        rows=snakemake.params.rows,
        towns=snakemake.params.towns,
        seed=snakemake.params.seed,
        refused=snakemake.params.refused,
        rows_path=Path(snakemake.output.rows),
        truth_path=Path(snakemake.output.truth),
    )
