"""Rule `robustness_canaries`: one judge is tried on exchanges whose scores are known."""

from pathlib import Path

from manybaskets.experiments.robustness.restricted import make_private, publish, withheld
from manybaskets.jobs.job import job

inputs, params, name = snakemake.input, snakemake.params, snakemake.wildcards.judge
restricted, devices = Path(params.restricted), snakemake.resources.get("devices", 0)

with job(snakemake.log[0], devices):
    make_private(restricted)
    from manybaskets.experiments.robustness.judging import open_panel_judge, try_judge
    from manybaskets.judging.rubrics import read_rubric

    operations = snakemake.config["operations"]["judges"][name]
    judge = open_panel_judge(
        name, params, operations, model=inputs.model, threads=snakemake.threads, gpus=devices
    )
    output = Path(snakemake.output[0])
    with withheld(restricted, snakemake.log[0]):
        try_judge(judge, [read_rubric(file) for file in inputs.rubrics], Path(params.work), output)
        publish([output])
