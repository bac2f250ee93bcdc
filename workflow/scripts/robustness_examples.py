"""Rule `robustness_examples`: a page of examples, in the restricted folder."""

from pathlib import Path

from manybaskets.experiments.robustness.restricted import withheld
from manybaskets.jobs.job import job

inputs, params = snakemake.input, snakemake.params

with job(snakemake.log[0]), withheld(Path(params.restricted), snakemake.log[0]):
    from manybaskets.experiments.robustness.examples import write_examples

    write_examples(
        [tuple(run) for run in params.runs],
        params.targets,
        params.prompt_sets,
        prompts=inputs.prompts,
        responses=inputs.responses,
        judged=inputs.judged,
        count=params.examples,
        seed=params.seed,
        output=Path(snakemake.output[0]),
    )
