"""Rule `benchmarks_statistics`: scores on benchmarks with intervals, and comparisons of models."""

from pathlib import Path

from manybaskets.config.evaluation import Statistics
from manybaskets.jobs.job import job
from manybaskets.records.writing import write_table

with job(snakemake.log[0]):
    from manybaskets.experiments.benchmarks.analysis import compute_statistics
    from manybaskets.experiments.benchmarks.ready_scores import read_books, read_runs
    from manybaskets.experiments.benchmarks.settings import RUNS, Benchmarks

    inputs, params = snakemake.input, snakemake.params
    section = Benchmarks(**params.section)
    evaluated = {}
    for model, *files in zip(params.evaluated, inputs.results, inputs.samples, strict=True):
        evaluated.setdefault(model, []).append(tuple(map(Path, files)))
    books = {RUNS: read_runs(section, evaluated)} if evaluated else {}
    frames = compute_statistics(
        books | read_books(section),
        Statistics(**params.statistics),
        params.seed,
        Path(inputs.published[0]) if inputs.published else None,
    )
    for file in snakemake.output:
        write_table(frames[Path(file).stem], Path(file))
