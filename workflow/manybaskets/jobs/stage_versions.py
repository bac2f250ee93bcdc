"""Versions of the stages.

Snakemake does not notice changes in the library from file times. If you change what a stage writes,
raise its number here: only that stage and the stages that depend on it run again.
"""

from __future__ import annotations

from collections.abc import Mapping

STAGES = {
    "world": 1,
    "dataset": 2,
    "clean": 2,
    "measure_prompts": 1,
    "split": 2,
    "prompt_sets": 2,
    "pretrain": 1,
    "fetch_model": 1,
    "fetch_gguf": 1,
    "convert_gguf": 1,
    "human_source": 2,
    "pilot": 1,
    "generate": 2,
    "collect": 2,
    "fetch_answers": 1,
    "replay": 1,
    "card": 1,
    "throughput": 1,
    "lengths": 2,
    "find_eligible": 2,
    "mix": 2,
    "train": 2,
    "respond": 2,
    "score_target": 2,
    "score_fixed": 1,
    "divergence": 1,
    "embed": 2,
    "match_runs": 3,
    "measure": 4,
    "swap": 2,
    "summarise": 5,
    "similarity": 2,
    "topics": 1,
    "distances": 2,
    "style": 1,
    "source_tables": 2,
    "count_stages": 2,
    "curves": 2,
    "write_tables": 3,
    "published_procedures": 1,
    "published_tables": 2,
    "growth": 1,
    "source_map": 2,
    "figure": 4,
    "write_report": 3,
    "write_browser": 1,
}


def add_stages(versions: Mapping[str, int]) -> None:
    """Add the stages of an experiment.

    Raises:
        ValueError: a stage exists already.
    """
    for stage, version in versions.items():
        if stage in STAGES:
            raise ValueError(f"the stage '{stage}' is already registered")
        STAGES[stage] = version


def stage_version(stage: str) -> int:
    """Version of a stage, one of its rule's params."""
    return STAGES[stage]
