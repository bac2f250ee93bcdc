"""Rule `robustness_outcomes`: statistics of the robustness experiment, from scores."""

from pathlib import Path

from manybaskets.jobs.job import job

inputs, params = snakemake.input, snakemake.params

with job(snakemake.log[0]):
    from manybaskets.experiments.robustness import statistics as gathering
    from manybaskets.published.condition_groups import Groups

    targets = params.analysis["targets"]
    canaries = gathering.read_canaries(dict(zip(params.judges, inputs.canaries, strict=True)))
    templates = gathering.read_by_target(inputs.templates, targets)
    gathering.write_statistics(
        gathering.read_scores(inputs.scores, [tuple(run) for run in params.runs]),
        gathering.read_by_target(inputs.design, targets),
        gathering.analysis_of(params.analysis, templates, canaries),
        canaries,
        dict(zip(params.statistics, map(Path, snakemake.output), strict=True)),
        Groups(**params.groups),
        params.human,
    )
