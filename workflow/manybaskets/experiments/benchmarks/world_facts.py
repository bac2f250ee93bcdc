"""A task of the embedded world: which of all rivers, founders, crafts or animals is a town's?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from manybaskets.records.writing import write_text
from manybaskets.world.language import KIND_BY_NAME
from manybaskets.world.places import VALUES, make_towns

TASK = "world_facts"
_KINDS = ("river", "founder", "craft", "banner")


def write_facts(towns: int, seed: int, task: Path, data: Path) -> None:
    """Write the task for lm-evaluation-harness: its definition (YAML) and its items (JSONL).

    A multiple choice between sentences that differ in the value alone; chance is 1 in 12.

    Args:
        towns, seed: of the world, as for its dataset.
    """
    lines = [json.dumps(item, ensure_ascii=False) for item in facts(towns, seed)]
    write_text("\n".join(lines) + "\n", data)
    definition = {
        "task": TASK,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": str(data)},
        "test_split": "train",
        "output_type": "multiple_choice",
        "num_fewshot": 0,
        "doc_to_text": "question",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1},
    }
    write_text(yaml.safe_dump(definition, sort_keys=False), task)


def facts(towns: int, seed: int) -> Iterator[dict[str, Any]]:
    """Questions about every town with the possible answers and the number of the right one."""
    for town in make_towns(towns, seed):
        for name in _KINDS:
            kind = KIND_BY_NAME[name]
            core = kind.cores[0]
            answers = [core.format(town=town.name, **{kind.fact: v}) for v in VALUES[kind.fact]]
            yield {
                "question": kind.questions[0].format(town=town.name),
                "choices": [answer[0].upper() + answer[1:] for answer in answers],
                "answer": VALUES[kind.fact].index(getattr(town, kind.fact)),
            }
