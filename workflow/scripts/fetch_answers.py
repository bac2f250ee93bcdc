"""Rule `fetch_answers`: the ready answers of a dataset of the hub, as a file."""

import os
from pathlib import Path

from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    for switch in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[switch] = "0"
    from manybaskets.config.engines import ReplaySettings
    from manybaskets.generation.replay import fetch_answers

    key = f"sources.{snakemake.wildcards.source}.engine"
    fetch_answers(ReplaySettings(**snakemake.params.engine), key, Path(snakemake.output[0]))
