"""Result files of harnesses, and a config section that reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from manybaskets.experiments.benchmarks.settings import Benchmarks


def section(**changes: Any) -> Benchmarks:
    """Two benchmarks, two models; scores have to be added."""
    return Benchmarks.model_validate(
        {
            "tasks": {"bbh": {"task": "leaderboard_bbh"}, "mt-bench": {"maximum": 10}},
            "averages": {"both": ["bbh", "mt-bench"]},
            "models": {"one": {}, "two": {}},
            "results": {"ours": []},
        }
        | changes
    )


def harness_results(path: Path, *, score: Any = 0.5, **changes: Any) -> Path:
    """A results file of lm-evaluation-harness, with the keys that version 0.4 writes."""
    results = {
        "results": {
            "leaderboard_bbh": {
                "alias": "bbh", "acc_norm,none": score, "acc_norm_stderr,none": 0.05,
            }
        },
        "configs": {"leaderboard_bbh": {"num_fewshot": 3}},
        "versions": {"leaderboard_bbh": 1.0},
        "n-shot": {"leaderboard_bbh": 3},
        "n-samples": {"leaderboard_bbh": {"original": 100, "effective": 100}},
        "config": {"model": "hf", "model_args": "pretrained=models/one,dtype=float32"},
        "git_hash": "abc123",
        "lm_eval_version": "0.4.13",
        "task_hashes": {"leaderboard_bbh": "f00d"},
        "chat_template_sha": "5ha",
    }  # fmt: skip
    path.write_text(json.dumps(results | changes))
    return path


def samples(path: Path, values: dict[str, float]) -> Path:
    """A file of samples: a line per document."""
    lines = [
        {"doc_id": number, "doc_hash": document, "filter": "none", "acc_norm": value}
        for number, (document, value) in enumerate(values.items())
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
