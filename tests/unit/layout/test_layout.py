"""Paths of all files: patterns, concrete files, and what is read back from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from known_files import identify, patterns_of
from planned_jobs import dry_run, study

from manybaskets.config.models import FolderModel
from manybaskets.errors import UserError
from manybaskets.experiments import EXPERIMENTS
from manybaskets.layout import Files, StageFiles, TargetLoad, check_given, read_path

NAMES = {
    "model": "qwen2.5-7b", "source": "gpt-4o", "target": "llama-3.1-8b", "mix": "single-llama",
    "judge": "olmo", "author": "human", "prompt_set": "adversarial", "seed": "2", "shard": "3",
    "shards": "12", "table": "preference-length", "figure": "conditions-2", "ending": "csv",
}  # fmt: skip


@pytest.fixture(scope="module")
def files() -> Files:
    return Files(study())


@pytest.fixture(scope="module")
def experiments(files) -> list[StageFiles]:
    return [files.stage(each.files) for each in EXPERIMENTS]


def patterns(stages) -> list[tuple[StageFiles, str, Path]]:
    """Every class with the name of each of its methods and its pattern."""
    return [(stage, *each) for stage in stages for each in patterns_of(stage).items()]


def test_every_output_of_the_embedded_study_is_known(files, experiments, tmp_path):
    jobs, _ = dry_run(files.study, tmp_path / "study")
    assert len(jobs) == 195
    outputs = [Path(output) for job in jobs for output in job.outputs]
    kinds = set()
    for output in outputs:
        found = identify(output, [*files.stages, *experiments])
        if output in (files.report, files.browser):
            continue
        assert found, f"{output}: no class of layout/ or of an experiment's files.py names it"
        stage, method, names = found
        assert getattr(stage, method)(**names) == output
        kinds.add((type(stage), method))
    assert len(kinds) > 45


def test_a_file_gives_back_the_names_it_was_made_from(files, experiments):
    for stage, method, pattern in patterns([*files.stages, *experiments]):
        wanted = {key: value for key, value in NAMES.items() if f"{{{key}}}" in str(pattern)}
        file = getattr(stage, method)(**wanted)
        assert "{" not in str(file), pattern
        assert read_path(pattern, file) == wanted, pattern
        assert file.is_relative_to(files.results), pattern


def test_no_two_kinds_of_files_have_the_same_pattern(files, experiments):
    known = [pattern for _, _, pattern in patterns([*files.stages, *experiments])]
    assert len(set(known)) == len(known)


def test_what_is_left_out_stays_in_braces(files):
    pattern = "results/embedded/runs/{target}/{mix}/seed{seed}/responses/test.parquet"
    assert files.runs.responses(prompt_set="test") == Path(pattern)
    assert files.runs.responses("llama", "multi", 2, "test") == Path(
        "results/embedded/runs/llama/multi/seed2/responses/test.parquet"
    )


def test_names_are_read_from_a_path():
    pattern = Path("runs/{target}/{mix}/seed{seed}/{target}.parquet")
    assert read_path(pattern, Path("runs/a.b/c-d/seed12/a.b.parquet")) == {
        "target": "a.b", "mix": "c-d", "seed": "12",
    }  # fmt: skip
    for other in (
        "runs/a/c/seed1/b.parquet",  # the same name twice, with two values
        "runs/a/c/seedx/a.parquet",  # no number
        "runs/a/c/d/seed1/a.parquet",  # a name has no slash
        "runs/A/c/seed1/A.parquet",
        "runs/a/c/seed1/aXparquet",  # a dot is a dot
    ):
        assert read_path(pattern, Path(other)) is None


def test_paths_start_where_snakemake_runs(tmp_path):
    files = Files(study(), tmp_path)
    assert files.data.split() == tmp_path / "results/embedded/data/split.parquet"
    assert files.log("data/split") == tmp_path / "results/embedded/logs/data/split.log"
    assert files.benchmark("a/{mix}") == tmp_path / "results/embedded/benchmarks/a/{mix}.tsv"
    assert files.report == tmp_path / "results/embedded/report.html"


def test_lists_follow_the_study(files):
    config = files.study
    assert len(files.runs.all()) == len(files.runs.tuned()) + len(config.targets) == 25
    assert files.runs.all()[0] == ("llama", "vanilla", 0)
    assert files.runs.adapters("llama", [("vanilla", 0), ("human", 1)]) == [
        files.runs.adapter("llama", "human", 1)
    ]
    assert len(files.runs.all_responses()) == 25 * len(config.all_prompt_sets())
    assert files.answers_to("train") == [
        files.sources.answers(name) for name in ("human", "llama", "qwen", "mistral", "gemma")
    ]
    assert files.answers_to("test")[0] == files.runs.responses("llama", "vanilla", 0, "test")
    assert len(files.measured()) == 13 + 5 and len(files.cards()) == 12 + 5
    assert files.data.truths() == [files.data.truth()]


def test_shards_of_a_source(files):
    settings = files.study.model_dump(mode="json")["sources"]
    settings["llama"] |= {"shards": 2}
    settings["qwen"]["pilot"]["prompts"] = 0
    sources = Files(study(sources=settings)).sources
    assert sources.shards("llama") == [sources.shard("llama", 0, 2), sources.shard("llama", 1, 2)]
    assert sources.usages("llama")[1].name == "1-of-2.usage.json"
    assert sources.generating() == ["llama", "qwen", "mistral", "gemma"]
    assert sources.piloted() == ["llama", "mistral", "gemma"]
    assert sources.pilots_of("qwen") == []
    assert sources.pilots_of("llama") == [sources.pilot("llama")]


def test_a_model_of_the_user_stays_where_it_is(files):
    changed = files.study.model_copy(deep=True)
    changed.models["own"] = FolderModel(kind="folder", path="somewhere/else")
    models = Files(changed).models
    assert models.folder("own") == Path("somewhere/else")
    assert models.folder("llama") == models.made("llama")
    assert "own" not in models.of_kind("embedded") and "llama" in models.of_kind("embedded")


RUNS = [("vanilla", 0), ("human", 1), ("human", 2)]


def test_one_load_for_all_runs_of_a_target(files):
    load = TargetLoad(RUNS, whole=True)
    assert load.name == "{target}" and load.handled({"target": "llama"}) == RUNS
    assert load.files(files.runs.likelihood, files.runs.adapter) == [
        kind("{target}", *run)
        for run in RUNS
        for kind in (files.runs.likelihood, files.runs.adapter)
    ]
    assert load.minutes({"target": "llama"}, 100, 10) == 120


def test_one_load_for_each_run(files):
    load = TargetLoad(RUNS, whole=False)
    assert load.name == "{target}/{mix}/seed{seed}"
    wildcards = {"target": "llama", "mix": "human", "seed": "2"}
    assert load.files(files.runs.likelihood) == [files.runs.likelihood()]
    assert load.minutes(wildcards, 100, 10) == 100

    class Wildcards:  # as Snakemake gives them: values are attributes, too
        def __getitem__(self, key):
            return wildcards[key]

    assert load.handled(Wildcards()) == load.handled(wildcards) == [("human", 2)]


def test_a_missing_file_of_the_user_is_named_with_its_key(tmp_path):
    (tmp_path / "rows.jsonl").write_text("{}\n")

    class Given(StageFiles):
        def given(self) -> dict[str, str]:
            return {
                "dataset.path": str(tmp_path / "rows.jsonl"),
                "prompt_sets.own.path": str(tmp_path / "none.jsonl"),
            }

    with pytest.raises(UserError) as caught:
        check_given([Files(study()).stage(Given)])
    assert caught.value.where == f"prompt_sets.own.path: {tmp_path / 'none.jsonl'}"
    (tmp_path / "none.jsonl").touch()
    check_given([Files(study()).stage(Given)])


def test_files_that_the_config_names(files):
    assert files.data.given() == {}
    settings = {
        "dataset": {"kind": "file", "path": "rows.jsonl"},
        "prompt_sets": {"own": {"kind": "file", "path": "prompts.jsonl"}},
    }
    data = Files(study("synthetic-eggs", **settings)).data
    assert data.given() == {"dataset.path": "rows.jsonl", "prompt_sets.own.path": "prompts.jsonl"}
    assert data.given_prompts() == ["prompts.jsonl"] and data.truths() == []


def test_journals_of_files_that_are_made_row_by_row(files, experiments):
    *_, robustness, preference = experiments
    for stage, file, journal in (
        (files.sources, files.sources.shard("llama", 0, 2), "sources/llama/0-of-2"),
        (files.sources, files.sources.pilot("llama"), "sources/llama/pilot"),
        (files.runs, files.runs.responses("llama", "human", 1, "test"),
         "responses/llama/human/seed1/test"),
        (preference, preference.summaries("llama"), "preference/summaries/llama"),
        (preference, preference.own_summaries("llama", "human", 1),
         "preference/own/llama/human/seed1"),
    ):  # fmt: skip
        assert stage.journal_of(file) == files.results / "work" / journal
    answers = robustness.responses("llama", "human", 1, "direct")
    assert robustness.journal_of(answers) == (
        files.results / "restricted/work/responses/llama/human/seed1/direct"
    )
    assert files.sources.journal_of(files.sources.shard_usage("llama", 0, 2)) is None
    assert files.runs.journal_of(files.runs.adapter("llama", "human", 1)) is None
