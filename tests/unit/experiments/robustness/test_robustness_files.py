"""Files of the robustness experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned_jobs import study
from repository import ROOT

from manybaskets.config.loading import read_yaml
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.layout import Files


def files_of(config=None) -> RobustnessFiles:
    return Files(config or study()).stage(RobustnessFiles)


@pytest.fixture(scope="module")
def files() -> RobustnessFiles:
    return files_of()


def test_texts_are_in_the_restricted_folder_alone(files):
    run = ("llama", "human", 1)
    texts = [files.prompts("llama", "direct"), files.judged("tiny", *run), files.examples()]
    texts += [*files.all_responses(*run), files.responses_work("llama"), files.judged_work()]
    texts += [files.canaries_work(), files.responses_journal(*run, "direct")]
    open_to_all = [files.design("llama"), files.templates("llama"), files.scores(*run)]
    assert all(file.is_relative_to(files.restricted()) for file in texts)
    assert not any(file.is_relative_to(files.restricted()) for file in open_to_all)


def test_runs_are_those_of_the_chosen_mixes(files):
    assert files.runs()[0] == ("vanilla", 0)
    chosen = study().robustness.model_copy(update={"mixes": ["human"]})
    few = files_of(study(robustness=chosen.model_dump(mode="json")))
    assert few.runs() == [("vanilla", 0), ("human", 1), ("human", 2), ("human", 3)]
    assert few.all_runs() == [("llama", *run) for run in few.runs()]


def test_answers_come_in_the_order_of_the_prompt_sets(files):
    assert [file.stem for file in files.all_responses()] == files.prompt_sets()
    assert [file.stem for file in files.all_prompts("llama")] == ["direct", "jailbreak", "benign"]


def test_every_judge_has_a_trial_a_file_of_a_run_and_its_rubrics(files):
    judges = files.judges()
    assert [file.stem for file in files.all_canaries()] == judges
    assert [file.parts[-4] for file in files.all_judged("llama", "human", 1)] == judges
    assert [file.stem for file in files.rubrics("vault-harm")] == ["harmfulness"]
    assert files.judge_models("vault-harm") == [] == files.labels("vault-harm")
    assert files.judge_models("tiny") == [Files(study()).models.folder("outsider")]


def test_files_that_the_user_brings():
    settings = read_yaml(ROOT / "config/config.yaml")
    settings["robustness"]["requests"] = {"kind": "file", "path": "requests.json"}
    settings["judges"]["people"] = {"kind": "labels", "path": "labels.csv"}
    settings["robustness"]["judges"]["harm"].append("people")
    files = files_of(study(**settings))
    assert files.given()["robustness.requests.path"] == "requests.json"
    assert files.given()["judges.people.path"] == "labels.csv"
    assert files.given_prompts() == ["requests.json"]


def test_a_study_without_the_experiment_has_no_files_of_it():
    files = files_of(study(robustness=None))
    lists = (files.runs, files.all_runs, files.all_prompts, files.all_canaries, files.all_designs)
    assert [each() for each in (*lists, files.all_templates)] == [[]] * 6
    assert files.given() == {} and files.load().handled({"target": "llama"}) == []


def test_scores_are_written_where_the_statistics_read_them(files):
    run = ("llama", "multi", 2)
    assert files.scores(*run) == Path(
        "results/embedded/robustness/scores/llama/multi/seed2.parquet"
    )
