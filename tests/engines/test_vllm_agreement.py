"""vLLM against transformers: the same model, prompts and seeds on both, in one run of each."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from answer_with import opened, take
from safetensors.numpy import load_file, save_file
from scipy.stats import chi2_contingency, ks_2samp

from manybaskets.models.folder import fingerprint

ROOM = {"max_prompt_tokens": 160, "max_new_tokens": 40}
GREEDY = {"temperature": 0.0, "max_new_tokens": 40}
WARM = {"temperature": 0.9, "top_p": 0.95, "max_new_tokens": 40}
DRAWS = 500


def engine_task(kind: str, name: str, folder: Path, **settings: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "folder": str(folder), "settings": settings, **ROOM}


def changed_copy(folder: Path, to: Path, file: str, **changes: Any) -> Path:
    """A copy of a folder with other values in one of its JSON files."""
    shutil.copytree(folder, to)
    content = json.loads((to / file).read_text()) | changes
    (to / file).write_text(json.dumps(content))
    return to


def scaled_copy(folder: Path, to: Path, factor: float) -> Path:
    """A copy of an adapter that acts so many times as much."""
    shutil.copytree(folder, to)
    file = to / "adapter_model.safetensors"
    weights = {n: w * (factor if "lora_B" in n else 1.0) for n, w in load_file(file).items()}
    save_file({n: w.astype(np.float32) for n, w in weights.items()}, file, {"format": "pt"})
    return to


@pytest.fixture(scope="module")
def broken(models, adapters, tmp_path_factory) -> dict[str, Path]:
    """Adapters that cannot be used."""
    made = tmp_path_factory.mktemp("broken")
    base = {"base_weights": fingerprint(models["gemma"])}
    # Of other weights: an adapter under two names is refused for that.
    other = scaled_copy(adapters[0], made / "scaled", 0.9)
    return {
        "other base": changed_copy(adapters[0], made / "other", "manifest.json", **base),
        "huge rank": changed_copy(adapters[0], made / "huge", "adapter_config.json", r=1024),
        "unknown kind": changed_copy(other, made / "dora", "adapter_config.json", use_dora=True),
        "no effect": scaled_copy(adapters[0], made / "zero", 0.0),
        "second name": shutil.copytree(adapters[1], made / "copy"),
    }


@pytest.fixture(scope="module")
def steps(questions, adapters) -> dict[str, dict[str, dict[str, Any]]]:
    """What both engines do, by model and name; the order is that of the run."""

    def greedy(adapter: Path | None) -> dict[str, Any]:
        return {"adapter": adapter and str(adapter), "prompts": questions, "sampling": GREEDY}

    def draw(count: int, temperature: float) -> dict[str, Any]:
        sampling = WARM | {"temperature": temperature}
        return {"adapter": None, "prompts": questions[:1], "repeat": count, "sampling": sampling}

    def score(adapter: Path | None) -> dict[str, Any]:
        answers = ["The town lies on the Mor.", "Nobody knows.", "I cannot help with that."]
        asked = [row["instruction"] for row in questions[:20]]
        pairs = [[text, answers[place % 3]] for place, text in enumerate(asked)]
        return {"adapter": adapter and str(adapter), "pairs": pairs}

    return {
        "llama": {
            "base": greedy(None),
            "warm": draw(DRAWS, 0.9),
            "warm again": draw(DRAWS, 0.9),
            "warm in small company": draw(40, 0.9),
            "cool": draw(DRAWS, 0.4),
            "first adapter": greedy(adapters[0]),
            "second adapter": greedy(adapters[1]),
            "first adapter again": greedy(adapters[0]),
            "base again": greedy(None),
            "scores": score(None),
            "scores of the second adapter": score(adapters[1]),
        },
        # One adapter for the whole life of an engine.
        "llama alone": {
            "second adapter": greedy(adapters[1]),
            "scores of the second adapter": score(adapters[1]),
        },
        "gemma": {"base": greedy(None), "scores": score(None)},
    }


@pytest.fixture(scope="module")
def vllm(run_vllm, models, broken, steps, tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What vLLM made of all steps, and of what it must refuse, in one process."""
    folder = tmp_path_factory.mktemp("vllm")
    quick = {"enforce_eager": True, "max_adapters": 1}
    llama = engine_task("vllm", "llama", models["llama"], **quick)
    only = {"prompts": steps["llama"]["base"]["prompts"][:12], "sampling": GREEDY}
    base = only | {"adapter": None}
    more = {
        "left alone": base | {"stop_after": 3},
        "after it": base,
        **{name: only | {"adapter": str(bad)} for name, bad in broken.items()},
    }
    refused = {
        "fp8": {"quantization": "fp8"},
        "beyond the context": {"max_model_len": 4096},
        "two GPUs": {"tensor_parallel": 2},
    }
    plan = {
        "llama": (llama, steps["llama"] | more),
        "llama alone": (llama, steps["llama alone"]),
        "gemma": (engine_task("vllm", "gemma", models["gemma"], **quick), steps["gemma"]),
        **{
            name: (engine_task("vllm", "llama", models["llama"], **quick, **bad), {name: base})
            for name, bad in refused.items()
        },
    }
    tasks = [{"engine": engine, "steps": list(own.values())} for engine, own in plan.values()]
    (folder / "tasks.json").write_text(json.dumps(tasks))
    run_vllm("answer_with.py", folder / "tasks.json", folder / "results.json")
    results = json.loads((folder / "results.json").read_text())
    return {
        name: dict(zip(own, made, strict=True))
        for (name, (_, own)), made in zip(plan.items(), results, strict=True)
    }


@pytest.fixture(scope="module")
def transformers(models, steps) -> dict[str, dict[str, Any]]:
    """What transformers made of the same steps."""
    results = {}
    for name in models:
        own = steps[name]
        engine = opened(engine_task("transformers", name, models[name]))
        results[name] = {
            step: take(engine, own[step], ROOM["max_prompt_tokens"])
            for step in own
            if "again" not in step and "company" not in step
        }
    return results


@pytest.mark.parametrize(
    ("model", "step"),
    [
        ("llama", "base"),
        ("llama", "first adapter"),
        ("llama", "second adapter"),
        ("gemma", "base"),
    ],
)
def test_greedy_answers_are_the_same(vllm, transformers, model, step):
    ours, theirs = vllm[model][step], transformers[model][step]
    assert ours["ids"] == [list(ids) for ids in theirs["ids"]]
    assert ours["answers"] == theirs["answers"]
    assert {"stop", "length"} >= {reason for _, reason, _ in ours["answers"]}
    assert len({text for text, _, _ in ours["answers"]}) > 20


def test_both_reasons_to_end_occur(vllm):
    """Else the test above would say nothing of them."""
    for step in ("base", "second adapter"):
        for _, reason, tokens in vllm["llama"][step]["answers"]:
            assert tokens == GREEDY["max_new_tokens"] or reason == "stop"
    answered = vllm["llama"]["base"]["answers"] + vllm["llama"]["second adapter"]["answers"]
    assert {reason for _, reason, _ in answered} == {"stop", "length"}


def test_every_adapter_answers_for_itself(vllm, adapters):
    """With room for one adapter at a time, in turns, and with the base before and after."""
    made = vllm["llama"]
    base, first, second = (made[name]["answers"] for name in ("base", "first adapter",
                                                              "second adapter"))  # fmt: skip
    for one, other in ((base, first), (base, second), (first, second)):
        assert sum(a != b for a, b in zip(one, other, strict=True)) > 40
    assert made["first adapter again"]["answers"] == first
    assert made["base again"]["answers"] == base
    assert made["first adapter"]["identity"]["adapter"] == fingerprint(adapters[0])
    assert made["second adapter"]["identity"]["adapter"] == fingerprint(adapters[1])
    assert made["base again"]["identity"]["adapter"] is None


def test_an_adapter_among_others_answers_and_scores_as_alone(vllm):
    """One load for all against a load of its own."""
    among, alone = vllm["llama"], vllm["llama alone"]
    assert among["second adapter"]["answers"] == alone["second adapter"]["answers"]
    pairs = zip(
        *(each["scores of the second adapter"]["scores"] for each in (among, alone)), strict=True
    )
    for one, other in pairs:
        assert np.allclose(one, other, rtol=0, atol=1e-5)


def test_who_answered_is_recorded(vllm, transformers, models):
    ours = vllm["llama"]["base"]["identity"]
    theirs = transformers["llama"]["base"]["identity"]
    same = ["model", "weights", "precision", "template", "system_prompt", "system_turn", "date"]
    assert {key: ours[key] for key in same} == {key: theirs[key] for key in same}
    assert ours["engine"] == "vllm" and ours["engine_version"].startswith("0.32")
    assert ours["max_model_len"] == 200 and ours["quantization"] is None
    assert ours["weights"] == fingerprint(models["llama"])


def first_words(answers: list[list[Any]]) -> Counter[str]:
    return Counter(" ".join(text.split()[:1]) for text, _, _ in answers)


def same_openings(one: list[list[Any]], other: list[list[Any]]) -> float:
    """p-value of the chi-squared test that both draw their first word from one distribution."""
    counts = [first_words(one), first_words(other)]
    common = [word for word in counts[0] | counts[1] if counts[0][word] + counts[1][word] >= 10]
    table = [[count[word] for word in common] for count in counts]
    rest = [sum(count.values()) - sum(row) for count, row in zip(counts, table, strict=True)]
    columns = np.array([[*row, left] for row, left in zip(table, rest, strict=True)])
    return chi2_contingency(columns[:, columns.sum(0) > 0]).pvalue


def same_lengths(one: list[list[Any]], other: list[list[Any]]) -> float:
    """p-value of the Kolmogorov-Smirnov test on the tokens of the answers."""
    return ks_2samp(*([tokens for _, _, tokens in each] for each in (one, other))).pvalue


def test_sampled_answers_agree_in_distribution(vllm, transformers):
    ours, theirs = vllm["llama"]["warm"]["answers"], transformers["llama"]["warm"]["answers"]
    assert len(first_words(theirs)) > 5
    assert same_openings(ours, theirs) > 1e-4
    assert same_lengths(ours, theirs) > 1e-4


def test_another_temperature_would_be_noticed(vllm, transformers):
    cool, warm = vllm["llama"]["cool"]["answers"], transformers["llama"]["warm"]["answers"]
    assert same_openings(cool, warm) < 1e-12
    assert same_openings(cool, transformers["llama"]["cool"]["answers"]) > 1e-4


def test_a_seed_gives_its_answer_again(vllm):
    """In other company rounding may flip a rare draw; nearly all answers must be the same."""
    made = vllm["llama"]
    assert made["warm again"]["answers"] == made["warm"]["answers"]
    few = made["warm in small company"]["answers"]
    same = sum(a == b for a, b in zip(few, made["warm"]["answers"], strict=False))
    assert same >= 0.9 * len(few)
    assert len({text for text, _, _ in made["warm"]["answers"]}) > 0.5 * DRAWS


@pytest.mark.parametrize(
    ("model", "step"),
    [("llama", "scores"), ("llama", "scores of the second adapter"), ("gemma", "scores")],
)
def test_scores_agree(vllm, transformers, model, step):
    ours, theirs = vllm[model][step]["scores"], transformers[model][step]["scores"]
    assert [len(row) for row in ours] == [len(row) for row in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-3)
    assert max(max(row) for row in ours) <= 0 > min(min(row) for row in ours)


def test_the_adapter_counts_in_scores(vllm):
    base, tuned = (vllm["llama"][n]["scores"] for n in ("scores", "scores of the second adapter"))
    assert all(abs(sum(a) - sum(b)) > 0.1 for a, b in zip(base, tuned, strict=True))


def test_answers_come_out_as_they_end(vllm):
    made = vllm["llama"]["base"]
    tokens = {f"p{place}": answer[2] for place, answer in enumerate(made["answers"])}
    came = [tokens[prompt] for prompt in made["order"]]
    assert len(came) == 60 and len(set(came)) > 3
    # All start within a few steps of each other, so the short ones are out first.
    late = sum(came[place] < max(came[:place]) - 8 for place in range(1, len(came)))
    assert late == 0 and made["order"] != sorted(made["order"], key=lambda p: int(p[1:]))


def test_what_nobody_waits_for_does_not_come_later(vllm):
    assert len(vllm["llama"]["left alone"]["answers"]) == 3
    assert vllm["llama"]["after it"]["answers"] == vllm["llama"]["base"]["answers"][:12]


@pytest.mark.parametrize(
    ("task", "step", "words"),
    [
        ("llama", "other base", ["another base model than 'llama'"]),
        ("llama", "huge rank", ["has rank 1024", "at most 512", "engine `transformers`"]),
        ("llama", "unknown kind", ["vLLM cannot run this", "DoRA", "adapter"]),
        ("llama", "no effect", ["the adapter has no effect", "zero", "from the base model"]),
        ("llama", "second name", ["two runs have the same adapter", "copy"]),
        ("fp8", "fp8", ["quantization is fp8", "CPU build", "null on a CPU"]),
        (
            "beyond the context",
            "beyond the context",
            ["vLLM cannot run this", "(4096)", "model 'llama'"],
        ),
        ("two GPUs", "two GPUs", ["tensor_parallel is 2", "CPU build", "1 and null on"]),
    ],
)
def test_what_cannot_run_is_told(vllm, task, step, words):
    message = vllm[task][step]["error"]
    for word in [*words, "where:", "expected:", "to do:"]:
        assert word in message
