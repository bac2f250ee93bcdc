"""Rule `attack_outcomes`: statistics of the robustness experiment, from scores."""

from pathlib import Path

from manybaskets.jobs import job

given, params = snakemake.input, snakemake.params

with job(snakemake.log[0]):
    from manybaskets.robustness.analysing import write_statistics
    from manybaskets.robustness.gathering import analysis_of, read_by_target, read_scores

    targets = params.analysis["targets"]
    write_statistics(
        read_scores(given.scores, [tuple(run) for run in params.runs]),
        read_by_target(given.design, targets),
        analysis_of(
            params.analysis,
            read_by_target(given.templates, targets),
            dict(zip(params.judges, given.canaries, strict=True)),
        ),
        dict(zip(params.statistics, map(Path, snakemake.output), strict=True)),
    )
