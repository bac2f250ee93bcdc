"""Rule `fetch_dataset`: read the raw rows of a dataset of the hub."""

import os
from pathlib import Path

from manybaskets.jobs.job import job

with job(snakemake.log[0]):
    for switch in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[switch] = "0"
    from manybaskets.config.data import HubDataset
    from manybaskets.data.reading import read_hub_dataset
    from manybaskets.records.writing import write_table

    rows = read_hub_dataset(HubDataset(**snakemake.params.dataset))
    write_table(rows, Path(snakemake.output[0]))
