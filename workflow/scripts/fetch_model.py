"""Rule `fetch_model`: fetch a model of the hub."""

import os
from pathlib import Path

from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    os.environ["HF_HUB_OFFLINE"] = "0"
    from manybaskets.config.models import HubModel
    from manybaskets.models.fetching import fetch_model

    name, operations = snakemake.wildcards.model, snakemake.config["operations"]
    model = HubModel.assembled(snakemake.params.model, operations["models"][name])
    modules = operations["trained_modules"].get(name, [])
    fetch_model(model, name, Path(snakemake.output[0]), modules)
