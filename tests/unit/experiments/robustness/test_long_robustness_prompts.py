"""Adversarial prompts and judges' questions that are too long: found before anything is answered."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import polars as pl
import pytest
import yaml
from repository import ROOT

from manybaskets.chat import ChatRenderer, load_tokenizer
from manybaskets.config.loading import parse_study
from manybaskets.config.models import ModelPrompting
from manybaskets.config.participants import judge_models, measured_models, prompt_readers
from manybaskets.config.study import Study
from manybaskets.data.long_prompts import fit_sets, read_long_prompts
from manybaskets.errors import UserError
from manybaskets.experiments import EXPERIMENTS
from manybaskets.experiments.robustness.robustness_prompts import World, make_prompts, unit_of
from manybaskets.generation.prompt_fitting import measure_prompts
from manybaskets.judging.rubrics import read_rubric

PROMPTING = ModelPrompting(system_prompt="Be brief.")
NAMES = {"target": {"ChatGPT": "Llama", "OpenAI": "Meta AI"}}
SHIPPED = ROOT / "resources/robustness/templates.jsonl"


def study_of(tiny_models, answer_tokens=20, longest=150, judge=None, **changes) -> Study:
    """The embedded study with a target and a judge that are model folders."""
    settings = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    for name, model in (("target", "llama"), ("referee", "gemma")):
        settings["models"][name] = {
            "kind": "folder",
            "path": str(tiny_models[model]),
            "family": f"family-of-{name}",
        }
    settings["targets"] = ["target"]
    rubrics = settings["judges"]["tiny"]["rubrics"]
    settings["judges"]["referee"] = {
        "kind": "model",
        "model": "referee",
        "rubrics": rubrics,
        "sampling": {"max_new_tokens": 16},
    } | (judge or {})
    robustness = settings["robustness"]
    robustness["names"] = NAMES
    robustness["judges"]["harm"] = ["vault-harm", "referee"]
    robustness["responses"] = {
        "sampling": {"max_new_tokens": answer_tokens},
        "max_prompt_tokens": longest,
    }
    robustness |= changes
    return parse_study(settings | {"preference": None}, "config.yaml")


def found_in(study: Study, tiny_models, folder: Path, name: str, model: str) -> pl.DataFrame:
    experiment = EXPERIMENTS.get("robustness")
    settings = experiment.measuring(study) | {"restricted": str(folder / "restricted")}
    return experiment.long_prompts(
        settings, name, tiny_models[model], PROMPTING, folder / "logs/measure.log"
    )


def made_for(study: Study) -> dict[str, pl.DataFrame]:
    world = World(study.dataset.towns, study.seed)
    made, _, _ = make_prompts(
        study.robustness.prompts(), NAMES["target"], world, SHIPPED, study.seed
    )
    return {name: frame.with_columns(unit=unit_of()) for name, frame in made.items()}


def test_targets_and_judges_with_a_tokenizer_are_measured(tiny_models):
    study = study_of(tiny_models)
    assert judge_models(study) == ["referee"]  # not the embedded one
    assert measured_models(study) == [*prompt_readers(study), "referee"]
    assert "target" in prompt_readers(study)


def test_prompts_that_are_too_long_for_a_target_are_found_by_ids_alone(
    tiny_models, tmp_path, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    study = study_of(tiny_models)
    tokenizer = load_tokenizer(tiny_models["llama"], "llama")
    renderer = ChatRenderer(tokenizer, PROMPTING.system_prompt, PROMPTING.date, "llama")
    made = made_for(study)
    lengths = {
        (f"robustness/{name}", unit): len(renderer.encode_prompt(text))
        for name, frame in made.items()
        for unit, text in frame.select("unit", "instruction").iter_rows()
    }
    middle = sorted(lengths.values())[len(lengths) // 2]
    limit = min(middle, 256 - 20)
    found = found_in(study_of(tiny_models, longest=limit), tiny_models, tmp_path, "target", "llama")
    over = {key: tokens for key, tokens in lengths.items() if tokens > limit}
    rows = found.select("prompt_set", "prompt_id", "tokens").unique().rows()
    assert over and {(name, unit): tokens for name, unit, tokens in rows} == over
    assert set(found["action"]) == {"excluded"} and set(found["limit"]) == {limit}
    sizes = dict(found.select("prompt_set", "prompts").iter_rows())
    assert all(made[name.partition("/")[2]].height == count for name, count in sizes.items())
    # No text leaves the restricted folder, neither in what is found nor in what is printed.
    assert found["question"].null_count() == found.height
    printed = caplog.text + "".join(capfd.readouterr()) + str(found.rows())
    for frame in made.values():
        assert not any(text in printed for text in frame["request"])
    output = tmp_path / "long.jsonl"
    measure_prompts(tmp_path / "none", {}, None, [found], output)
    assert read_long_prompts(output).equals(found)
    assert stat.S_IMODE((tmp_path / "restricted").stat().st_mode) == 0o700
    assert stat.S_IMODE(output.stat().st_mode) & 0o044, "what is found may be read by others"


def test_the_windows_of_a_target_leaves_room_for_the_answer(tiny_models, tmp_path):
    study = study_of(tiny_models, answer_tokens=200, longest=4000)
    found = found_in(study, tiny_models, tmp_path, "target", "llama")
    assert set(found["limit"]) == {56}  # of 256 positions
    with pytest.raises(UserError, match="leave no room for a prompt"):
        found_in(
            study_of(tiny_models, answer_tokens=256, longest=4000),
            tiny_models, tmp_path, "target", "llama",
        )  # fmt: skip


def test_questions_that_a_judge_cannot_read_are_counted_before_anything_is_judged(
    tiny_models, tmp_path
):
    study = study_of(tiny_models)
    tokenizer = load_tokenizer(tiny_models["gemma"], "gemma")
    files = EXPERIMENTS.get("robustness").measuring(study)["judges"]["referee"]["rubrics"]
    rubric = read_rubric(Path(files["harm"]))
    renderer = ChatRenderer(tokenizer, rubric.system, PROMPTING.date, "gemma")
    system = "" if renderer.system_turn else f"{rubric.system.strip()}\n\n"
    made = made_for(study)
    lengths = {
        f"{name}/{unit}": len(renderer.encode_prompt(system + rubric.question(request, "", "json")))
        for name in ("direct", "jailbreak")
        for unit, request in made[name].select("unit", "request").iter_rows()
    }
    limit = sorted(lengths.values())[len(lengths) // 2]
    study = study_of(tiny_models, judge={"max_prompt_tokens": limit, "sampling": {"max_new_tokens": 1}},
                     answer_tokens=1)  # fmt: skip
    found = found_in(study, tiny_models, tmp_path, "referee", "gemma")
    window = 256 - 1
    limit = min(limit, window)
    expected = {
        unit: "not judged" if tokens > limit else "not judged if the answer is long"
        for unit, tokens in lengths.items()
        if tokens + 1 > limit
    }
    assert dict(found.select("prompt_id", "action").iter_rows()) == expected
    assert "not judged" in expected.values()
    assert set(found["prompt_set"]) == {"judge referee, harm"}
    assert (
        set(found["prompts"]) == {len(lengths)} and found["question"].null_count() == found.height
    )
    with pytest.raises(UserError, match="questions to judge referee, harm"):
        fit_sets(found, {"long_prompts": "shorten"}, 0.05)
    counts, kept = fit_sets(found, {"long_prompts": "shorten"}, 1.0)
    assert counts["judge referee, harm"]["not judged"] > 0 and kept == {}


def test_other_models_have_nothing_to_measure(tiny_models, tmp_path):
    found = found_in(study_of(tiny_models), tiny_models, tmp_path, "a-source", "llama")
    assert found.is_empty() and not (tmp_path / "restricted").exists()
