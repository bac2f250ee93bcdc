"""What vLLM says to a judge's question against transformers: log-probabilities of the same tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answer_with import opened, take

ROOM = {"max_prompt_tokens": 160, "max_new_tokens": 1}
WANTED = [33, 34, 60, 200]
TOLERANCE = 1e-4  # nats, in float32


def engine_task(kind: str, folder: Path, **settings: Any) -> dict[str, Any]:
    return {"kind": kind, "name": "llama", "folder": str(folder), "settings": settings, **ROOM}


@pytest.fixture(scope="module")
def steps(questions, adapters) -> dict[str, dict[str, Any]]:
    texts = [row["instruction"] for row in questions[:20]]
    # Questions that begin alike, as those about an article do.
    texts += [f"{texts[0]} {texts[0]} A or B? {text}" for text in texts]

    def read(adapter: Path | None, **more: Any) -> dict[str, Any]:
        return {"adapter": adapter and str(adapter), "questions": texts, "wanted": WANTED, **more}

    return {"base": read(None), "adapter": read(adapters[1]), "warped": read(None, warp=True)}


@pytest.fixture(scope="module")
def vllm(run_vllm, models, steps, tmp_path_factory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("reading")
    engine = engine_task("vllm", models["llama"], enforce_eager=True)
    tasks = [{"engine": engine, "steps": list(steps.values())}]
    (folder / "tasks.json").write_text(json.dumps(tasks))
    run_vllm("answer_with.py", folder / "tasks.json", folder / "results.json")
    made = json.loads((folder / "results.json").read_text())[0]
    return dict(zip(steps, made, strict=True))


@pytest.mark.parametrize("step", ["base", "adapter"])
def test_both_engines_read_the_same(vllm, models, steps, step):
    engine = opened(engine_task("transformers", models["llama"]))
    expected = np.array(take(engine, steps[step], 160)["readings"])
    found = np.array(vllm[step]["readings"])
    assert found.shape == expected.shape == (40, len(WANTED))
    assert np.abs(found - expected).max() < TOLERANCE
    assert expected.std(axis=0).min() > 100 * TOLERANCE


def test_the_adapter_is_read_and_not_the_base(vllm):
    base, tuned = (np.array(vllm[step]["readings"]) for step in ("base", "adapter"))
    assert np.abs(base - tuned).max() > 0.01


def test_warped_probabilities_are_refused_with_the_engine_that_has_them(vllm):
    assert "does not return probabilities after temperature and top-p" in vllm["warped"]["error"]
    assert "use engine `transformers`" in vllm["warped"]["error"]
