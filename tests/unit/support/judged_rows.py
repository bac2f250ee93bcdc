"""Tables for judges in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from manybaskets.config.judges import JudgeSettings
from manybaskets.config.sections import Section
from manybaskets.judging.records import EXCHANGES

RUN = {"target": "llama", "mix": "human", "seed": 1}


class _Holder(Section):
    judge: JudgeSettings


def settings(**values: Any) -> JudgeSettings:
    """The settings of a judge, as a config would give them."""
    return _Holder.model_validate({"judge": values}).judge


def table(
    exchanges: Sequence[tuple[str, str | None]], prompt_set: str = "direct", samples: int = 1
) -> pl.DataFrame:
    """Requests with responses (None: failed), every one `samples` times."""
    rows = [
        {
            "prompt_set": prompt_set,
            "prompt_id": f"p{number:04d}",
            "sample": sample,
            "request": request,
            "response": response,
        }
        for number, (request, response) in enumerate(exchanges)
        for sample in range(samples)
    ]
    return pl.DataFrame(rows, schema=EXCHANGES)
