"""Rule `robustness_outcomes`: statistics of the robustness experiment, from scores."""

from pathlib import Path

from manybaskets.jobs.job import job

inputs, params = snakemake.input, snakemake.params

with job(snakemake.log[0]):
    from manybaskets.experiments.robustness import statistics
    from manybaskets.published.condition_groups import Groups

    targets = params.analysis["targets"]
    canaries = statistics.read_canaries(dict(zip(params.judges, inputs.canaries, strict=True)))
    templates = statistics.read_by_target(inputs.templates, targets)
    statistics.write_statistics(
        statistics.read_scores(inputs.scores, [tuple(run) for run in params.runs]),
        statistics.read_by_target(inputs.design, targets),
        statistics.analysis_of(params.analysis, templates, canaries),
        canaries,
        dict(zip(params.statistics, map(Path, snakemake.output), strict=True)),
        Groups(**params.groups),
        params.human,
    )
