"""Versions of the stages.

A change of the library is not seen by a workflow's file times. Whoever changes what a stage writes
raises its number here; the stage and what hangs on it then run again, and nothing else does.
"""

from __future__ import annotations

STAGES = {
    "world": 1,
    "dataset": 1,
    "clean": 1,
    "split": 1,
    "prompt_sets": 1,
    "pretrain": 1,
    "fetch": 1,
    "human": 1,
    "generate": 1,
    "collect": 1,
    "lengths": 1,
    "eligible": 1,
    "mix": 1,
    "train": 1,
    "respond": 1,
    "likelihood": 1,
    "embed": 1,
    "matched": 1,
    "measure": 1,
    "summarise": 1,
    "counts": 1,
    "curves": 1,
    "tables": 1,
    "figures": 1,
    "report": 1,
}


def stage_version(stage: str) -> int:
    """Version of a stage, to stand among its parameters."""
    return STAGES[stage]
