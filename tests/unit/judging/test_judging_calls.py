"""What judging will take can be told before anything runs."""

from __future__ import annotations

import pytest
from judged_study import study

from manybaskets.config.loading import parse_study
from manybaskets.judging.rubrics import shipped
from manybaskets.judging.workload import judge_calls, question_tokens

PANEL = [
    ("same", "harmfulness"),
    ("guard", "harmfulness"),
    ("patterns", "refusal"),
    ("people", "quality"),
]


def calls(responses=1000.0, panel=PANEL, **judges):
    found = judge_calls(study(**judges), panel, responses, 50.0, 300.0)
    return {each.judge: each for each in found}


def test_questions_and_tokens():
    found = calls()
    asked = 1000 * 1.05 * 1.05 + len(shipped("harmfulness").canaries)
    model = found["same"]
    assert model.calls == pytest.approx(asked)
    rubric = question_tokens(study(), study().judges["same"], shipped("harmfulness"))
    assert 500 < rubric < 900
    assert model.tokens_in == pytest.approx(asked * (rubric + 350))
    assert model.tokens_out == pytest.approx(asked * 120)
    guard = found["guard"]
    assert (guard.calls, guard.tokens_in, guard.tokens_out) == (1010, 1010 * 350, 0)
    for name in ("patterns", "people"):
        assert (found[name].calls, found[name].tokens_in) == (0, 0)


def test_shares_retests_retries_and_limits_count():
    small = {
        "kind": "model",
        "model": "big",
        "judged_share": 0.1,
        "retest_share": 0.0,
        "retries": 0,
    }
    small["sampling"] = {"temperature": 0, "max_new_tokens": 20}
    found = calls(same=small)["same"]
    assert found.calls == pytest.approx(100 + len(shipped("harmfulness").canaries))
    assert found.tokens_out == pytest.approx(20 * found.calls)
    held = calls(same=small | {"retries": 3, "engine": "vllm"})["same"]
    assert held.calls == found.calls  # held to its form, hardly an answer is unreadable
    free = calls(same=small | {"retries": 3, "engine": "vllm", "structured": False})["same"]
    assert free.calls > held.calls


def test_nothing_to_judge_takes_the_canaries_only():
    assert calls(0.0)["same"].calls == len(shipped("harmfulness").canaries)


def test_the_embedded_models_need_more_tokens_for_the_same_text():
    tiny = {"kind": "embedded", "architecture": "qwen", "habit": "terse"}
    settings = {
        "study": "s", "dataset": {"kind": "embedded"}, "models": {"tiny": tiny},
        "sources": {"a": {"model": "tiny"}}, "mixes": {"m": {"kind": "single", "source": "a"}},
        "targets": ["tiny"], "measures": ["distinct_2"],
        "judges": {"toy": {"kind": "model", "model": "tiny"}},
    }  # fmt: skip
    embedded = parse_study(settings, "test")
    rubric = shipped("harmfulness")
    own = question_tokens(embedded, embedded.judges["toy"], rubric)
    assert own == pytest.approx(2.1 * question_tokens(study(), study().judges["same"], rubric))
