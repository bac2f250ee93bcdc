"""Rule `preference_statistics`: biases of all judges, from their readings."""

from pathlib import Path

from manybaskets.config.evaluation import Statistics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    from manybaskets.experiments.preference.analysis import preference_statistics, read_all
    from manybaskets.experiments.preference.roles import Roles

    params = snakemake.params
    frames = preference_statistics(
        read_all(map(Path, snakemake.input)),
        Roles(**params.roles),
        Statistics(**params.statistics),
        params.seed,
    )
    for file in map(Path, snakemake.output):
        write_table(frames[file.stem], file)
