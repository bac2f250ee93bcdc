"""Mistakes of users: one clear message with place and remedy, a failing exit code, nothing half done."""

from __future__ import annotations

import shutil

import pytest
import yaml
from safetensors.torch import load_file, save_file


def change(project, edit) -> None:
    """Edit the embedded study's config."""
    file = project.folder / "config/config.yaml"
    settings = yaml.safe_load(file.read_text())
    edit(settings)
    file.write_text(yaml.safe_dump(settings, sort_keys=False))


def message_of(project, *arguments: str) -> str:
    """What is printed by a run that must fail; the last thing is never a traceback."""
    finished = project.run(*(arguments or ("-n",)), check=False)
    assert finished.returncode != 0, finished.stdout[-2000:]
    assert "Traceback (most recent call last)" not in finished.stdout[-3000:]
    return finished.stdout


def unknown_source(settings):
    settings["mixes"]["multi"]["sources"][2] = "falcon"


def unknown_key(settings):
    settings["training"]["epoch"] = 3


def unknown_kind(settings):
    settings["dataset"]["kind"] = "xml"


def wrong_parts(settings):
    settings["split"]["parts"] = 3


def unknown_measure_in_family(settings):
    settings["comparisons"]["against-human"]["measures"].append("blue")


def unknown_measure(settings):
    settings["measures"].append("blue")


def missing_dataset(settings):
    settings["dataset"] = {"kind": "file", "path": "data/none.jsonl"}
    settings["prompt_sets"] = {}
    del settings["comparisons"]["refusals-after-tuning"]
    for model in settings["models"]:
        settings["models"][model] = {"kind": "hub", "repo": f"a/{model}-1b", "revision": "v1"}
    settings["measures"] = ["response_words"]
    settings["comparisons"] = {}
    for section in ("robustness", "preference"):  # of the embedded world, too
        settings.pop(section)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (unknown_source, ["mixes.multi: 'falcon' is not among sources", "gemma, human, llama"]),
        (
            unknown_key,
            ["training.epoch: unknown key; did you mean 'epochs'?", "docs/configuration.md"],
        ),
        (unknown_kind, ["dataset", "'xml'"]),
        (wrong_parts, ["mixes.multi.sources: 4 sources for split.parts = 3"]),
        (unknown_measure_in_family, ["comparisons.against-human.measures: 'blue'"]),
        (unknown_measure, ["there is no measure 'blue'", "response_words"]),
        (missing_dataset, ["the file does not exist", "dataset.path: data/none.jsonl"]),
    ],
)
def test_mistakes_in_the_config_stop_before_anything_runs(project, edit, expected):
    change(project, edit)
    text = message_of(project)
    for part in expected:
        assert part in text
    assert not (project.folder / "results").exists()


def test_a_config_that_is_no_yaml_names_its_line(project):
    (project.folder / "config/config.yaml").write_text("study: embedded\nmixes: [a, b\nseed: 1\n")
    text = message_of(project)
    assert "the config is not YAML" in text and "config.yaml, line 3" in text


def test_a_named_config_that_is_no_yaml(project):
    """Snakemake reads a named file before this workflow does, and words the message itself."""
    (project.folder / "own.yaml").write_text("study: own\nmixes: [a, b\nseed: 1\n")
    text = message_of(project, "-n", "--configfile", "own.yaml")
    assert "Config file is not valid JSON or YAML" in text


def user_study(project, tiny_models, **changes) -> None:
    """A study of a user's own file, rows.jsonl, with an untrained model folder."""
    shutil.copytree(tiny_models["llama"], project.folder / "model")
    settings = {
        "study": "own",
        "dataset": {"kind": "file", "path": "rows.jsonl"},
        "models": {"tiny": {"kind": "folder", "path": "model"}},
        "mixes": {"human": {"kind": "human"}},
        "targets": ["tiny"],
        "responses": {"sampling": {"max_new_tokens": 48}},
        "measures": ["response_words"],
    }
    (project.folder / "own.yaml").write_text(yaml.safe_dump(settings | changes))


ROWS = '{"instruction": "Who?", "context": "", "response": "King Harl."}\n'


@pytest.mark.parametrize(
    ("content", "changes", "expected"),
    [
        ("", {}, ["the file has no rows", "dataset.path"]),
        (ROWS * 3 + '{"instruction": "Wh\n' + ROWS, {}, ["line 4"]),
        (
            ROWS + '{"instruction": "", "response": "x"}\n',
            {},
            ["no instruction", "rows.jsonl, row 2"],
        ),
        (ROWS * 3, {"split": {"test_share": 0.1, "parts": 4}}, ["split."]),
    ],
    ids=["empty", "broken-json", "no-instruction", "impossible-split"],
)
def test_bad_rows_name_file_and_place(project, tiny_models, content, changes, expected):
    (project.folder / "rows.jsonl").write_text(content)
    user_study(project, tiny_models, **changes)
    text = message_of(project, "data", "--cores", "1", "--configfile", "own.yaml")
    for part in expected:
        assert part in text, text[-3000:]
    last = text[text.index("What failed:") :]
    assert "results/own/logs/data/" in last
    assert not project.path("data/split.parquet", "own").exists()
    assert not list(project.path("data", "own").glob("*.partial"))


def test_a_column_that_the_file_lacks_stops_the_plan(project, tiny_models):
    (project.folder / "rows.jsonl").write_text(ROWS)
    fields = {"response": "output"}
    user_study(
        project, tiny_models, dataset={"kind": "file", "path": "rows.jsonl", "fields": fields}
    )
    text = message_of(project, "-n", "--configfile", "own.yaml")
    for part in ("'output'", "dataset.fields.response", "instruction, context, response"):
        assert part in text
    assert not (project.folder / "results").exists()


def test_a_key_that_the_environment_lacks_stops_a_run_before_its_first_job(project, tiny_models):
    rows = (ROWS.replace("Who?", f"Who was number {number}?") for number in range(40))
    (project.folder / "rows.jsonl").write_text("".join(rows))
    engine = {"kind": "openai", "served_model": "far", "key_variable": "KEY_OF_A_TEST"}
    far = {"kind": "single", "source": "far"}
    user_study(project, tiny_models, sources={"far": {"engine": engine}}, mixes={"far": far})
    project.run("-n", "--configfile", "own.yaml")  # a plan needs no key
    text = message_of(project, "--cores", "1", "--configfile", "own.yaml")
    assert "environment variable KEY_OF_A_TEST" in text and "no job was started" in text
    assert not project.path("data", "own").exists()
    project.run("data", "--cores", "1", "--configfile", "own.yaml")  # nor do jobs that ask nobody


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("model.safetensors", "no safetensors weights"), ("chat_template.jinja", "no chat template")],
)
def test_a_model_folder_that_lacks_something_stops_the_plan(
    project, tiny_models, missing, expected
):
    (project.folder / "rows.jsonl").write_text(ROWS)
    user_study(project, tiny_models)
    (project.folder / "model" / missing).unlink()
    text = message_of(project, "-n", "--configfile", "own.yaml")
    assert expected in text and "model" in text


def test_a_model_folder_with_nan_stops_before_any_job(project, tiny_models):
    weights = load_file(tiny_models["gemma"] / "model.safetensors")
    weights["model.norm.weight"][1] = float("nan")
    shutil.copytree(tiny_models["gemma"], project.folder / "own")
    save_file(weights, project.folder / "own/model.safetensors", metadata={"format": "pt"})

    def own_model(settings):
        settings["models"]["gemma"] = {"kind": "folder", "path": "own"}

    change(project, own_model)
    text = message_of(project, "--cores", "1")
    assert "weights that are not finite numbers: model.safetensors: model.norm.weight" in text
    assert not list((project.folder / "results").rglob("*.*"))


def test_a_target_behind_the_config_file_is_answered_in_words(project):
    text = message_of(project, "--configfile", "config/config.yaml", "plan")
    assert "Traceback" not in text and "snakemake plan --configfile config/config.yaml" in text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("figurs", "figures"), ("results/embedded/reprot.html", "results/embedded/report.html")],
)
def test_a_mistyped_target_is_answered_with_the_right_one(project, typed, meant):
    text = message_of(project, typed, "--cores", "1")
    assert f"there is no target '{typed}'; did you mean '{meant}'?" in text
    assert not (project.folder / "results").exists()
