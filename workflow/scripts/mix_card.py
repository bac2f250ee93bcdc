"""Rule `mix_card`: a mix's rows as Parquet, with its card."""

from pathlib import Path

from manybaskets.cards.mix_card import write_mix_card
from manybaskets.cards.origins import read_origin
from manybaskets.jobs.job import job
from manybaskets.mixes.token_lengths import read_lengths
from manybaskets.records.responses import long_prompt_counts

with job(snakemake.log[0]):
    inputs, outputs, params = snakemake.input, snakemake.output, snakemake.params
    write_mix_card(
        snakemake.wildcards.mix,
        [
            read_origin(name, settings, Path(file))
            for (name, settings), file in zip(params.origins.items(), inputs.sources, strict=True)
        ],
        study=params.study,
        dataset=params.dataset,
        recipe=params.recipe,
        system_prompt=params.system_prompt,
        seed=params.seed,
        splits={split: Path(inputs[split]) for split in ("train", "validation")},
        counts=Path(inputs.counts),
        lengths=read_lengths(inputs.lengths),
        long_prompts=long_prompt_counts(Path(inputs.lengths[0])),
        rows={split: Path(outputs[split]) for split in ("train", "validation")},
        card=Path(outputs.card),
    )
