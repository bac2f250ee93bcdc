"""Rule `write_report`: one page that opens offline."""

import json
from pathlib import Path

import polars as pl

from manybaskets.config import parse_study
from manybaskets.experiments.preference import presenting as preference
from manybaskets.experiments.preference.findings import experiment_of
from manybaskets.experiments.robustness import presenting as robustness
from manybaskets.experiments.robustness import statistics as gathering
from manybaskets.jobs.job import job
from manybaskets.presentation.page import write_report
from manybaskets.report.assemble import assemble

with job(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    study = parse_study(params.study, "the config of this run")
    frames = {Path(file).stem: pl.read_parquet(file) for file in given.statistics}
    experiments = []
    if study.robustness:
        analysis = gathering.read_analysis(study, given.templates, given.canaries)
        made = robustness.tables_of(
            frames, analysis, study.published_cells, Path(given.robustness[0])
        )
        experiments.append(robustness.experiment_of(frames, analysis, made))
    if study.preference:
        names = preference.table_names(study)
        texts, numbers = pl.read_parquet(given.texts[0]), Path(given.preference[0])
        made = preference.tables_of(frames, texts, names, study.published_cells, numbers)
        experiments.append(experiment_of(study, frames, made))
    report = assemble(
        study,
        frames,
        kinds=params.kinds,
        pilots={
            name: json.loads(Path(file).read_text())
            for name, file in zip(params.pilots, given.pilots, strict=True)
        },
        others={Path(file).stem: pl.read_csv(file) for file in given.tables},
        figures={Path(file).stem: Path(file) for file in given.figures},
        experiments=experiments,
    )
    write_report(Path(snakemake.output[0]), report)
