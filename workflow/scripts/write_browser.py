"""Rule `write_browser`: all answers on a page that opens offline."""

from pathlib import Path

from manybaskets.browse.browser_folder import write_folder
from manybaskets.jobs.job import job
from manybaskets.layout.answer_sets import AnswerSet

with job(snakemake.log[0]):
    params = snakemake.params
    write_folder(
        Path(snakemake.output[0]),
        [AnswerSet.of_plain(each) for each in params.sets],
        study=params.study,
        seed=params.seed,
    )
