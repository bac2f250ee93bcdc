"""One shard of a source with vLLM, as the workflow's script does it: `answer_shard.py SHARD.json`.

SHARD.json has `folder`, `prompts`, `work`, `output`, `usage`, `log`, `settings` (of the engine),
`max_prompt_tokens` and `max_new_tokens`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl

from manybaskets.config.engine_kinds import Opening
from manybaskets.config.engines import VllmSettings
from manybaskets.config.models import Prompting
from manybaskets.config.sampling import Sampling
from manybaskets.engines.factory import open_engine
from manybaskets.generation.answering import AnswerSettings, answer_prompts
from manybaskets.jobs.job import job


def main(shard: Path) -> None:
    """Answer the shard's prompts through the journal."""
    wanted = json.loads(shard.read_text())
    with job(wanted["log"]):
        sampling = Sampling(temperature=0.8, max_new_tokens=wanted["max_new_tokens"])
        opening = Opening(
            name="tiny",
            folder=Path(wanted["folder"]),
            prompting=Prompting(max_prompt_tokens=wanted["max_prompt_tokens"]),
            sampling=sampling,
            precision="float32",
            threads=2,
        )
        engine = open_engine(VllmSettings(**wanted["settings"]), opening)
        how = AnswerSettings(
            who="tiny",
            sampling=sampling,
            batch_size=1,
            max_prompt_tokens=wanted["max_prompt_tokens"],
            max_error_share=0.0,
            study_seed=1,
            work=Path(wanted["work"]),
            usage=Path(wanted["usage"]),
        )
        answer_prompts(pl.read_parquet(wanted["prompts"]), engine, how, Path(wanted["output"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
