"""Rule `source_card`: a source's rows as a dataset of their own, with its card."""

from pathlib import Path

from manybaskets.cards.origins import read_origin
from manybaskets.cards.source_card import write_source_card
from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    responses, params = Path(snakemake.input.responses), snakemake.params
    write_source_card(
        read_origin(snakemake.wildcards.source, params.origin, responses),
        study=params.study,
        dataset=params.dataset,
        responses=responses,
        prompts=Path(snakemake.input.prompts),
        rows=Path(snakemake.output.rows),
        card=Path(snakemake.output.card),
    )
