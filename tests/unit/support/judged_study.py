"""A small study with judges of known and unknown families."""

from __future__ import annotations

from manybaskets.config.loading import parse_study

HUB = {"kind": "hub", "revision": "a" * 40}
STUDY = {
    "study": "small",
    "dataset": {"kind": "file", "path": "rows.jsonl"},
    "models": {
        "base": {**HUB, "repo": "meta-llama/Llama-3.1-8B-Instruct"},
        "big": {**HUB, "repo": "meta-llama/Llama-3.1-70B-Instruct"},
        "other": {**HUB, "repo": "Qwen/Qwen2.5-72B-Instruct"},
        "mine": {"kind": "folder", "path": "models/my-mistral-7b"},
        "odd": {"kind": "folder", "path": "models/odd"},
        "named": {"kind": "folder", "path": "models/odd", "family": "Llama"},
        "safe": {"kind": "folder", "path": "models/WildGuard-mistral"},
    },
    "sources": {"a": {"model": "other"}, "b": {"model": "mine"}},
    "mixes": {"from-a": {"kind": "single", "source": "a"}},
    "targets": ["base"],
    "measures": ["distinct_2"],
    "judges": {
        "same": {"kind": "model", "model": "big"},
        "stranger": {"kind": "model", "model": "odd"},
        "kin": {"kind": "model", "model": "named", "engine": "vllm"},
        "served": {"kind": "model", "engine": {"kind": "openai", "served_model": "qwen-max"}},
        "foreign": {
            "kind": "model",
            "engine": {"kind": "openai", "served_model": "model-7"},
            "family": "Seven",
        },
        "guard": {"kind": "classifier", "model": "safe", "labels": {"yes": 5, "no": 1}},
        "patterns": {"kind": "rule", "rule": "refusal_patterns"},
        "people": {"kind": "labels", "path": "labels.csv"},
    },
}


def study(**judges):
    return parse_study(STUDY | {"judges": STUDY["judges"] | judges}, "test")
