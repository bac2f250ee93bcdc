"""Packages and keys that jobs need are missed before the first job starts."""

from __future__ import annotations

import pytest

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.plan import preflight
from manybaskets.plan.preflight import check_environment

SERVER = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "served_model": "far"}
STUDY = Study.model_validate(
    {
        "study": "s",
        "dataset": {"kind": "file", "path": "rows.jsonl"},
        "models": {"near": {"kind": "folder", "path": "near"}},
        "sources": {
            "far": {"engine": SERVER | {"key_variable": "FAR_KEY"}},
            "open": {"engine": SERVER | {"key_variable": None}},
            "near": {"model": "near"},
        },
        "source_analysis": {"measures": ["response_words"]},
        "judges": {
            "far": {"kind": "model", "engine": SERVER | {"key_variable": "JUDGE_KEY"}},
        },
    }
)


def missing(*jobs, variables=None, deployed=False) -> str:
    with pytest.raises(UserError) as error:
        check_environment(STUDY, jobs, variables or {}, deployed)
    return str(error.value)


def test_the_key_of_a_source_that_is_going_to_answer_must_be_there():
    job = ("generate", "/x/envs/openai.yaml", {"source": "far", "shard": "0", "shards": "2"})
    for variables in ({}, {"FAR_KEY": " "}, {"JUDGE_KEY": "k"}):
        text = missing(job, variables=variables)
        assert "environment variable FAR_KEY, which rule generate needs (source far" in text
        assert "export FAR_KEY=" in text
    check_environment(STUDY, [job], {"FAR_KEY": "k"}, False)


def test_only_jobs_that_ask_need_a_key():
    jobs = [
        ("collect", "/x/envs/light.yaml", {"source": "far"}),
        ("generate", "/x/envs/openai.yaml", {"source": "open"}),
        ("generate", "/x/envs/main.yaml", {"source": "near"}),
        ("train", "/x/envs/main.yaml", {"target": "far", "mix": "far"}),
    ]
    check_environment(STUDY, jobs, {}, False)


def test_a_judge_needs_its_own_key():
    job = ("robustness_judge", "/x/envs/openai.yaml", {"judge": "far", "target": "near"})
    assert "JUDGE_KEY" in missing(job, variables={"FAR_KEY": "k"})


def test_a_package_that_is_not_installed_is_missed_with_its_extra(monkeypatch):
    installed = {"torch": None, "vllm": None, "openai": 1}
    monkeypatch.setattr(preflight, "find_spec", installed.get)
    text = missing(("train", "/x/envs/main.yaml", {}))
    assert "the package `torch` is not installed" in text and "rule train needs it" in text
    assert "extra `models`" in text
    text = missing(("respond", "/x/envs/vllm.yaml", {}))
    assert "the package `vllm` is not installed" in text and "envs/vllm.yaml" in text
    jobs = [("figure", "/x/envs/light.yaml", {}), ("pilot", "/x/envs/openai.yaml", {})]
    check_environment(STUDY, jobs, {}, False)


def test_nothing_need_be_installed_where_snakemake_brings_the_software(monkeypatch):
    monkeypatch.setattr(preflight, "find_spec", lambda package: None)
    check_environment(STUDY, [("train", "/x/envs/main.yaml", {})], {}, True)
