"""Versions of the stages.

A change of the library is not seen by a workflow's file times. Whoever changes what a stage writes
raises its number here; the stage and what hangs on it then run again, and nothing else does.
"""

from __future__ import annotations

STAGES = {
    "world": 1,
    "dataset": 2,
    "clean": 2,
    "split": 2,
    "prompt_sets": 2,
    "pretrain": 1,
    "fetch": 1,
    "human": 2,
    "pilot": 1,
    "generate": 2,
    "collect": 2,
    "fetch_answers": 1,
    "replay": 1,
    "card": 1,
    "throughput": 1,
    "lengths": 2,
    "eligible": 2,
    "mix": 2,
    "train": 2,
    "respond": 2,
    "likelihood": 2,
    "scorer": 1,
    "divergence": 1,
    "attack_prompts": 1,
    "attack_respond": 1,
    "attack_canaries": 1,
    "attack_judge": 1,
    "attack_scores": 1,
    "attack_outcomes": 1,
    "attack_tables": 1,
    "attack_examples": 1,
    "articles": 1,
    "references": 1,
    "summaries": 1,
    "preference_texts": 1,
    "judge": 1,
    "preference_statistics": 1,
    "preference_tables": 1,
    "embed": 2,
    "matched": 3,
    "measure": 3,
    "swap": 1,
    "summarise": 2,
    "similarity": 1,
    "topics": 1,
    "distances": 1,
    "style": 1,
    "source_tables": 1,
    "counts": 1,
    "curves": 2,
    "tables": 2,
    "paper": 1,
    "paper_tables": 1,
    "growth": 1,
    "source_map": 1,
    "figures": 2,
    "report": 2,
}


def stage_version(stage: str) -> int:
    """Version of a stage, to stand among its parameters."""
    return STAGES[stage]
