"""Rule `fetch_gguf`: fetch a GGUF file of the hub."""

import os
from pathlib import Path

from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    os.environ["HF_HUB_OFFLINE"] = "0"
    from manybaskets.config.models import GgufModel
    from manybaskets.models.fetching import fetch_gguf

    model = GgufModel(**snakemake.params.model)
    fetch_gguf(model, snakemake.wildcards.model, Path(snakemake.output[0]))
