"""Rule `robustness_scores`: scores of all judges per run, without what the judges said."""

from pathlib import Path

from manybaskets.experiments.robustness.restricted import publish, withheld
from manybaskets.jobs.job import job

with job(snakemake.log[0]), withheld(Path(snakemake.params.restricted), snakemake.log[0]):
    from manybaskets.experiments.robustness.judging import write_scores

    outputs = [Path(file) for file in snakemake.output]
    write_scores([Path(file) for file in snakemake.input], outputs)
    publish(outputs)
