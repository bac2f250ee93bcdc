"""Rule `robustness_canaries`: one judge is tried on exchanges whose scores are known."""

from pathlib import Path

from manybaskets.experiments.robustness.restricted import make_private, publish, withheld
from manybaskets.jobs.job import job

given, params, name = snakemake.input, snakemake.params, snakemake.wildcards.judge
restricted, devices = Path(params.restricted), snakemake.resources.get("devices", 0)

with job(snakemake.log[0], devices):
    make_private(restricted)
    from manybaskets.experiments.robustness.judging import assembled_judge, try_judge
    from manybaskets.judging.factory import open_judge
    from manybaskets.judging.rubrics import read_rubric

    judge = open_judge(
        name,
        assembled_judge(params.judge, snakemake.config["operations"]["judges"][name]),
        folder=Path(given.model[0]) if given.model else None,
        threads=snakemake.threads,
        gpus=devices,
        share_of_cap=params.share_of_cap,
        **params.opening,
    )
    output = Path(snakemake.output[0])
    with withheld(restricted, snakemake.log[0]):
        try_judge(judge, [read_rubric(file) for file in given.rubrics], Path(params.work), output)
        publish([output])
