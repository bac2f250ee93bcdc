"""The plans of the published studies: made without network and models, with the jobs that they must have."""

from __future__ import annotations

import time

import pytest

EGGS = ["config/synthetic-eggs.yaml"]
PAPER = [*EGGS, "config/synthetic-eggs.paper.yaml"]
WILDCHAT = ["config/wildchat-50m.yaml"]
# Nothing answers here: whoever asks the network fails.
NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")  # fmt: skip
SECONDS = 30

# Counted by hand. Of 12 sources 8 are models with 4+6+4+6 and 4×4 shards, 4 are asked over the network
# with 4 shards each; 7 mixes, 2 targets.
EGGS_JOBS = {
    "fetch_dataset": 1, "clean": 1, "measure_prompts": 9, "split": 1, "prompt_sets": 1, "human_source": 1,
    "fetch_model": 9, "pilot": 8 + 4, "generate": 36 + 16, "collect": 12,
    "lengths": 2, "find_eligible": 1, "mix": 7,
    "train": 2 * 7 * 3,
    "respond": 2 * (7 * 3 + 1), "score_target": 2 * (7 * 3 + 1),
    "score_fixed": 2, "divergence": 2, "swap": 2, "published_procedures": 1, "published_collapse": 1,
    "embed": 2, "match_runs": 1, "measure": 2 * (7 + 1), "match_sources": 1, "measure_source": 13,
    "similarity": 1, "topics": 1, "distances": 1, "style": 1,
    "summarise": 1, "count_stages": 1, "curves": 1, "write_tables": 1, "write_report": 1,
}  # fmt: skip
# One training seed; all else is as above.
ONE_SEED = {"train": 2 * 7, "respond": 2 * (7 + 1), "score_target": 2 * (7 + 1)}
PAPER_JOBS = EGGS_JOBS | ONE_SEED
# Of 25 sources the mixes use 6, with 3×48 + 24 + 2×16 shards; models: these, the 2 bases and the scorer.
WILDCHAT_JOBS = {
    "fetch_dataset": 1, "clean": 1, "measure_prompts": 9, "split": 1, "prompt_sets": 1, "human_source": 1,
    "fetch_model": 9, "pilot": 6, "generate": 200, "collect": 6,
    "lengths": 2, "find_eligible": 1, "mix": 9, "train": 2 * 9,
    "respond": 2 * (9 + 1), "score_target": 2 * (9 + 1),
    "score_fixed": 2, "swap": 2, "embed": 2, "match_runs": 1, "measure": 2 * (9 + 1), "measure_source": 7,
    "similarity": 1, "topics": 1, "distances": 1, "style": 1,
    "summarise": 1, "count_stages": 1, "curves": 1, "write_tables": 1, "write_report": 1,
}  # fmt: skip
ASKING = ("generate", "pilot", "replay", "fetch")


@pytest.mark.parametrize(
    ("files", "expected"),
    [(EGGS, EGGS_JOBS), (PAPER, PAPER_JOBS), (WILDCHAT, WILDCHAT_JOBS)],
    ids=["synthetic-eggs", "synthetic-eggs-paper", "wildchat-50m"],
)
def test_the_plan_has_the_jobs_that_the_config_asks_for(project, monkeypatch, files, expected):
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    started = time.monotonic()
    jobs = project.planned("--configfile", *files)
    assert time.monotonic() - started < SECONDS
    assert {rule: jobs.get(rule, 0) for rule in expected} == expected
    assert not [rule for rule in set(jobs) - set(expected) if rule.startswith(ASKING)]
    assert not (project.folder / "results").exists()


def test_all_runs_of_a_target_may_share_one_load(project):
    """Everything else stays as it is."""
    jobs = project.planned(
        "--configfile", *EGGS, "--config", "responses={share_model_load: target}"
    )  # fmt: skip
    expected = EGGS_JOBS | {"respond": 2, "score_target": 2}
    assert {rule: jobs.get(rule, 0) for rule in expected} == expected


def test_a_smaller_sample_is_a_study_of_its_own(project):
    """The command in the config's head."""
    printed = project.run(
        "-n", "--configfile", *WILDCHAT,
        "--config", "study=wildchat-50m-100k", "split={max_train_prompts: 100000}",
    ).stdout  # fmt: skip
    assert "results/wildchat-50m-100k/sources/qwen2.5-72b/shards/47-of-48.parquet" in printed
    assert "results/wildchat-50m/" not in printed
