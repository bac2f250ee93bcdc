"""Ready scores: what is read, and what is refused before it can mix with others."""

from __future__ import annotations

import json

import pytest
from score_files import harness_results, samples, section

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.ready_scores import read_books, read_items


def of_harness(path, model="one", kind="lm_eval", **more):
    return {"kind": kind, "path": str(path), "model": model, **more}


def of_csv(path, **more):
    settings = {"harness": "h", "version": "1"}
    columns = {"bbh": "BBH", "mt-bench": "MT"}
    return {"kind": "csv", "path": str(path), "measured_with": settings, "columns": columns, **more}


def read(*files, **changes):
    return read_books(section(results={"ours": list(files)}, **changes))["ours"]


def test_a_harness_result_has_its_score_error_items_and_settings(tmp_path):
    score = read(of_harness(harness_results(tmp_path / "r.json"))).get("one", "bbh")
    assert (score.value, score.se, score.n) == (0.5, 0.05, 100)
    assert score.settings == {
        "harness": "lm-evaluation-harness",
        "version": "0.4.13",
        "task_hash": "version 1.0, f697dc04e487",
        "few_shot": 3,
        "chat_template": True,
        "limit": None,
        "judge": None,
    }


def test_evalchemy_results_are_read_with_metrics_without_a_filter(tmp_path):
    found = {"results": {"MTBench": {"Average": 6.5, "Turn 1": 7.0}}, "git_hash": "e1"}
    (tmp_path / "r.json").write_text(json.dumps(found))
    tasks = {"mt-bench": {"task": "MTBench", "metric": "Average", "maximum": 10}}
    file = of_harness(tmp_path / "r.json", kind="evalchemy")
    score = read(file, tasks=tasks, averages={}).get("one", "mt-bench")
    assert (score.value, score.se) == (6.5, None)
    assert score.settings["harness"] == "Evalchemy" and score.settings["version"] == "e1"


def test_a_csv_gives_scores_of_named_rows_and_leaves_missing_ones_out(tmp_path):
    (tmp_path / "s.csv").write_text("run,BBH,MT,err\nA,0.5,6,0.1\nB,0.25,NA,\nC,9,9,9\n")
    names = {"one": "A", "two": "B"}
    file = of_csv(tmp_path / "s.csv", models=names, se_columns={"mt-bench": "err"})
    book = read(file, tasks={"bbh": {"items": 100}, "mt-bench": {"maximum": 10}})
    assert book.get("one", "mt-bench").se == 0.1
    assert book.get("two", "mt-bench") is None
    # √(p (1 − p) / n), by hand: √(.25 · .75 / 100)
    assert book.get("two", "bbh").se == pytest.approx(0.04330127)


def test_items_are_named_by_their_documents_and_repeats_are_kept(tmp_path):
    path = samples(tmp_path / "s.jsonl", {"a": 1, "b": 0})
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")
    assert read_items(path, "acc_norm,none", "bbh") == {"a:0": 1, "b:0": 0, "a:1": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lm_eval_version": "0.4.9"}, 'version "0.4.9" and "0.4.13"'),
        ({"n-shot": {"leaderboard_bbh": 0}}, "few_shot 0 and 3"),
        ({"chat_template_sha": None}, "chat_template false and true"),
        ({"versions": {"leaderboard_bbh": 2}}, 'task_hash "version 2, '),
        ({"configs": {"leaderboard_bbh": {"doc_to_text": "other"}}}, 'task_hash "version 1.0, '),
        ({"config": {"limit": 10}}, "limit 10.0 and unknown"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else "",
)
def test_scores_of_other_settings_never_join_a_set(tmp_path, changes, message):
    files = [of_harness(harness_results(tmp_path / "1.json")),
             of_harness(harness_results(tmp_path / "2.json", **changes), "two")]  # fmt: skip
    with pytest.raises(UserError, match="different settings") as error:
        read(*files)
    assert message in str(error.value)
    assert "two names in `benchmarks.results`" in error.value.remedy
    books = read_books(section(results={"a": files[:1], "b": files[1:]}))
    assert [book.models() for book in books.values()] == [["one"], ["two"]]


BAD = {
    "of another model": ({}, {"pretrained": "models/two"}, "another model: models/one"),
    "of no results": ({"results": {}}, {}, "the file has no results"),
    "of a failed task": (
        {"results": {"leaderboard_bbh": {"acc_norm,none": "N/A"}}}, {}, "has no score: acc_norm,none is 'N/A'"
    ),
    "of a missing task": ({"results": {"other": {}}}, {"benchmarks": ["bbh"]}, "no result of the task"),
    "of another scale": (
        {"results": {"leaderboard_bbh": {"acc_norm,none": 50}}}, {}, "50 is not on the benchmark's scale"
    ),
    "of several metrics": (
        {"results": {"leaderboard_bbh": {"acc,none": 0.1, "acc_norm,none": 0.2}}}, {}, "several metrics",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "keys", "message"), BAD.values(), ids=BAD)
def test_results_that_cannot_count_are_refused(tmp_path, changes, keys, message):
    path = harness_results(tmp_path / "r.json", **changes)
    with pytest.raises(UserError, match=message) as error:
        read(of_harness(path, **keys))
    assert "r.json" in error.value.where


def test_an_adapter_is_the_evaluated_model(tmp_path):
    arguments = {"model": "hf", "model_args": {"pretrained": "base", "peft": "adapters/one"}}
    path = harness_results(tmp_path / "r.json", config=arguments)
    assert read(of_harness(path, pretrained="adapters/one")).get("one", "bbh")
    with pytest.raises(UserError, match="another model"):
        read(of_harness(path, pretrained="base"))


def test_a_torn_results_file_and_a_torn_sample_are_refused(tmp_path):
    (tmp_path / "r.json").write_text('{"results": {')
    with pytest.raises(UserError, match="has no results"):
        read(of_harness(tmp_path / "r.json"))
    path = samples(tmp_path / "s.jsonl", {"a": 1, "b": 0})
    path.write_text(path.read_text()[:-9])
    with pytest.raises(UserError, match="not a sample") as error:
        read_items(path, "acc_norm,none", "bbh")
    assert error.value.where.endswith("line 2")


def test_two_results_for_one_cell_are_refused(tmp_path):
    path = harness_results(tmp_path / "r.json")
    with pytest.raises(UserError, match="two results for one model and benchmark"):
        read(of_harness(path), of_harness(path))


@pytest.mark.parametrize(
    ("row", "message"),
    [("one,51,6", "51 is not on"), ("one,-.1,6", "-0.1 is not on"), ("one,half,6", "'half' is not a"),
     ("three,.5,6", "'three' is not an entry"), ("one,inf,6", "inf is not on")],
)  # fmt: skip
def test_cells_that_are_no_scores_are_refused(tmp_path, row, message):
    (tmp_path / "s.csv").write_text(f"run,BBH,MT\n{row}\n")
    with pytest.raises(UserError, match=message):
        read(of_csv(tmp_path / "s.csv"))
    (tmp_path / "s.csv").write_text("run,BBH,MT\nA,.5,6\n")
    with pytest.raises(UserError, match="no row has 'B'"):
        read(of_csv(tmp_path / "s.csv", models={"one": "B"}))


def test_prompts_rendered_with_other_templates_are_the_same_task(tmp_path):
    """The harness's own hash has the rendered prompts, and metadata the model's arguments."""
    other = {
        "task_hashes": {"leaderboard_bbh": "beef"},
        "configs": {"leaderboard_bbh": {"num_fewshot": 3, "metadata": {"pretrained": "two"}}},
    }
    files = [of_harness(harness_results(tmp_path / "1.json")),
             of_harness(harness_results(tmp_path / "2.json", **other), "two")]  # fmt: skip
    assert read(*files).models() == ["one", "two"]
