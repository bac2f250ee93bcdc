"""Keys with a new name: a config with the old one gives the same study, and a line that says so."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from manybaskets.config import parse_study
from manybaskets.config.documentation import configuration_page, json_schema
from manybaskets.config.loading import read_yaml, renamed_keys
from manybaskets.config.operations import operations_of_jobs
from manybaskets.config.sections import Section
from manybaskets.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
HUB = {"kind": "hub", "repo": "maker/large", "revision": "v1"}
GUARD = {"kind": "classifier", "model": "guard", "labels": {"a": 1}}
TINY = {"kind": "model", "model": "outsider"}
# Path of the section, old key, new key, a value that is not the default.
RENAMED = [
    ("", "tiny", "embedded_model_size", {"hidden": 64}),
    (
        "",
        "describe",
        "source_analysis",
        {"measures": ["response_words", "remote_clique", "style_list_items"]},
    ),
    ("", "paper", "published_procedures", {"splitter": "untrained", "seed": 7}),
    ("", "published", "published_cells", {"targets": {"llama": "8B"}}),
    ("published_procedures", "punkt", "punkt_folder", "some/folder"),
    ("split", "train_rows", "max_train_prompts", 700),
    ("split", "test_rows", "max_test_prompts", 70),
    ("models.large", "billions", "parameters_billion", 7.5),
    ("sources.llama.pilot", "override", "override_reason", "a trial of the code"),
    ("training", "keep", "keep_checkpoint", "last"),
    ("training.launch.llama", "wrap", "wrapped_layers", ["Layer"]),
    ("responses", "one_load", "share_model_load", "run"),
    ("scoring", "without_scorer", "no_scorer_reason", "there is only one family"),
    ("statistics", "resamples", "bootstrap_resamples", 500),
    ("statistics", "permutations", "sign_flips", 20000),
    ("statistics", "draws", "half_samples", 30),
    ("statistics", "swaps", "answer_swaps", 5000),
    ("comparisons.against-human", "mixes", "conditions", ["multi"]),
    ("judges.tiny", "share", "judged_share", 0.3),
    ("judges.tiny", "unfit", "on_failed_canaries", "mark"),
    ("judges.vault-harm", "unfit", "on_failed_canaries", "mark"),
    ("judges.guard", "reads", "judged_text", "response"),
    ("robustness", "cuts", "danger_thresholds", [4]),
    ("robustness", "paper", "published_procedure", True),
    ("robustness.statistics", "resamples", "bootstrap_resamples", 3000),
    ("robustness.comparisons", "mixes", "conditions", ["multi"]),
    ("preference", "without_held_out", "no_held_out_reason", "all families took part"),
    ("preference", "own", "own_summaries", False),
    ("preference", "one_load", "share_model_load", "run"),
    ("preference.statistics", "resamples", "bootstrap_resamples", 500),
    ("preference.statistics", "permutations", "sign_flips", 500),
    ("preference.judging", "paper", "published_form", None),
    ("preference.judging.discrimination", "of", "authors", ["llama"]),
]
NAMES = [f"{path}.{old}".lstrip(".") for path, old, *_ in RENAMED]


def config(path: str, **changes) -> dict:
    """The embedded study's config with other keys in one section."""
    settings = copy.deepcopy(read_yaml(ROOT / "config/config.yaml"))
    settings["models"] |= {"large": dict(HUB), "guard": {"kind": "folder", "path": "guard"}}
    settings["judges"] |= {"guard": copy.deepcopy(GUARD)}
    section = settings
    for step in path.split(".") if path else []:
        section = section.setdefault(step, {})
    for _, old, new, _ in (row for row in RENAMED if row[0] == path):
        if old in changes:
            section.pop(new, None)
    section |= changes
    return settings


def subclasses(section: type) -> list[type]:
    return [section, *(each for sub in section.__subclasses__() for each in subclasses(sub))]


def test_every_renamed_key_is_tested():
    tested = {(new, old) for _, old, new, _ in RENAMED}
    declared = {pair for section in subclasses(Section) for pair in section.old_keys().items()}
    assert declared == tested
    for section in subclasses(Section):
        assert set(section.old_keys()) <= set(section.model_fields)
        assert not set(section.old_keys().values()) & set(section.model_fields)


@pytest.mark.parametrize(("path", "old", "new", "value"), RENAMED, ids=NAMES)
def test_an_old_key_gives_the_same_study_and_names_the_new_one(path, old, new, value):
    with_old, with_new = config(path, **{old: value}), config(path, **{new: value})
    study = parse_study(with_old, "old")
    assert study == parse_study(with_new, "new")
    prefix = f"{path}." if path else ""
    assert renamed_keys(with_old, study) == [f"{prefix}{old} is now {prefix}{new}; rename it"]
    assert renamed_keys(with_new, study) == []


@pytest.mark.parametrize(("path", "old", "new", "value"), RENAMED, ids=NAMES)
def test_both_names_at_once_are_an_error(path, old, new, value):
    settings = config(path, **{new: value})
    section = settings
    for step in path.split(".") if path else []:
        section = section[step]
    section[old] = value
    with pytest.raises(UserError) as stopped:
        parse_study(settings, "both")
    prefix = f"{path}: " if path else ""
    message = f"{prefix}remove `{old}`, which is the old name of `{new}` (both are given)"
    assert message in stopped.value.what.splitlines()[1]


def test_both_names_on_a_path_are_told():
    settings = config("", paper={"splitter": "punkt", "punkt": "x"})
    lines = renamed_keys(settings, parse_study(settings, "old"))
    assert lines == [
        "paper is now published_procedures; rename it",
        "paper.punkt is now published_procedures.punkt_folder; rename it",
    ]


def test_a_name_of_the_users_own_is_no_old_key():
    settings = config("")
    assert "tiny" in settings["judges"]
    assert renamed_keys(settings, parse_study(settings, "names")) == []


def test_what_jobs_read_keeps_the_old_names_in_their_order():
    """Else Snakemake would run the jobs of finished studies again."""
    study = parse_study(config(""), "params")
    plain = study.model_dump()
    assert list(plain["statistics"]) == [
        "confidence", "resamples", "permutations", "draws", "swaps",
    ]  # fmt: skip
    assert list(plain["split"])[-2:] == ["train_rows", "test_rows"]
    assert list(plain["comparisons"]["against-human"]) == [
        "baseline", "mixes", "prompt_set", "measures",
    ]  # fmt: skip
    assert study.statistics.model_dump(include={"confidence", "bootstrap_resamples"}) == {
        "confidence": 0.95,
        "resamples": 9999,
    }
    judge = study.judges["tiny"].science()
    assert list(judge)[:2] == ["must_pass", "unfit"] and judge["share"] == 0.1
    assert "keep" in study.training.science()
    assert operations_of_jobs(study)["responses"]["one_load"] == "target"
    for section in (study.statistics, study.training, study.preference, study.robustness):
        assert type(section).model_validate(section.model_dump()) == section


def test_the_report_and_the_documentation_show_new_names():
    study = parse_study(config(""), "shown")
    shown = study.settings()
    assert shown["statistics"]["half_samples"] == 200 and "draws" not in shown["statistics"]
    assert shown["source_analysis"] and "describe" not in shown
    assert parse_study(shown | {"mixes": config("")["mixes"]}, "again") == study
    schema = json.loads(json_schema())
    for definition in [schema, *schema["$defs"].values()]:
        for section in subclasses(Section):
            if definition["title"] == section.__name__:
                assert not set(section.old_keys().values()) & set(definition["properties"])
    assert (
        "| `draws` |" not in configuration_page() and "| `half_samples` |" in configuration_page()
    )
