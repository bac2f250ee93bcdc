"""What is added to a finished study runs, and what is new because of it; no answer is made twice."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest
from projects import Project, new_project

from manybaskets.records.responses import read_responses

SETTINGS = {
    "study": "small",
    "dataset": {"kind": "embedded", "rows": 400, "towns": 16},
    "split": {"parts": 2},
    "prompting": {"max_prompt_tokens": 160},
    "embedded_model_size": {"hidden": 64, "steps": 60, "conversations": 2000},
    "models": {"llama": {"kind": "embedded", "architecture": "llama", "habit": "lister"}},
    "sources": {
        "llama": {
            "model": "llama",
            "sampling": {"temperature": 0.5, "top_p": 0.9, "max_new_tokens": 48},
            "pilot": {"prompts": 8, "override_reason": "a trial of the code"},
            "quality": {"max_failed_share": 0.9},
        }
    },
    "mixes": {"human": {"kind": "human"}, "single": {"kind": "single", "source": "llama"}},
    "targets": ["llama"],
    "training": {"rank": 4, "epochs": 1, "learning_rate": 0.005, "batch_size": 16, "max_length": 256,
                 "evaluations": 2, "precision": "float32", "seeds": [1]},
    "responses": {"sampling": {"temperature": 0.8, "top_p": 0.95, "max_new_tokens": 48}},
    "scoring": {"no_scorer_reason": "a small study"},
    "measures": ["human_nll", "response_words", "self_bleu"],
}  # fmt: skip
CONFIG = ("--configfile", "small.json")
# Everything that looks at all runs, or at all runs of a mix, sees a new one. No model runs in it.
ALL_RUNS = {"match_runs", "measure", "summarise", "count_stages", "curves", "figure", "growth", "source_map",
            "score_fixed", "divergence", "summarise_divergence", "swap", "style", "distances", "similarity",
            "topics", "source_tables", "measure_source", "match_sources", "published_procedures", "published_variants",
            "published_collapse", "write_tables", "write_report", "write_browser", "embed", "lengths"}  # fmt: skip


def write(project: Project, **changes) -> None:
    """The study's config, with some keys changed."""
    (project.folder / "small.json").write_text(json.dumps(SETTINGS | changes))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Project:
    """A small study, run once; tests copy it."""
    project = new_project(tmp_path_factory.mktemp("small") / "project")
    write(project)
    project.run("--cores", "2", *CONFIG)
    return project


@pytest.fixture()
def copy(small, tmp_path) -> Project:
    """A copy of the finished small study; file times are kept."""
    shutil.copytree(small.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")


def own(jobs: dict[str, int]) -> dict[str, int]:
    """Jobs but for those that look at all runs."""
    return {rule: count for rule, count in jobs.items() if rule not in ALL_RUNS - {"lengths"}}


def stamps(project: Project, *patterns: str) -> dict[str, int]:
    """When files were last written."""
    results = project.path("", "small")
    files = [file for pattern in patterns for file in results.glob(pattern) if file.is_file()]
    assert files
    return {str(file.relative_to(results)): file.stat().st_mtime_ns for file in files}


def test_nothing_is_left_to_do(small):
    assert small.planned(*CONFIG) == {}


def test_a_mix_runs_itself(copy):
    write(copy, mixes=SETTINGS["mixes"] | {"half": {"kind": "weighted", "weights": {"human": 1, "llama": 1}}})  # fmt: skip
    jobs = copy.planned(*CONFIG)
    assert own(jobs) == {"mix": 1, "mix_card": 1, "train": 1, "respond": 1, "score_target": 1}
    assert jobs["measure"] == 4  # the prompts that every run answered may be fewer


def test_a_seed_runs_one_training_of_every_mix(copy):
    write(copy, training=SETTINGS["training"] | {"seeds": [1, 2]})
    assert own(copy.planned(*CONFIG)) == {"train": 2, "respond": 2, "score_target": 2}


def test_a_measure_runs_no_model(copy):
    write(copy, measures=[*SETTINGS["measures"], "distinct_2"])
    jobs = copy.planned(*CONFIG)
    assert own(jobs) == {} and jobs["measure"] == 3
    assert not jobs.keys() & {"embed", "score_fixed", "divergence", "match_runs"}


def with_a_source(project: Project, empty: int = 0) -> None:
    """Add a source of ready answers, people's to other questions, some of them empty, and a mix of it."""
    prompts = pl.read_parquet(project.path("data/prompts/train.parquet", "small"))
    split = pl.read_parquet(project.path("data/split.parquet", "small"))
    said = split["response"].drop_nulls().to_list()
    asked = prompts.select("instruction", "context").rows()
    rows = [
        {"instruction": instruction, "context": context, "response": answer}
        for (instruction, context), answer in zip(asked, [""] * empty + said[::-1], strict=False)
    ]
    (project.folder / "ready.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fields = {"context": "context"}
    replay = {
        "engine": {"kind": "replay", "path": "ready.jsonl", "fields": fields},
        "max_error_share": 0.5,
    }
    write(
        project,
        sources=SETTINGS["sources"] | {"ready": replay},
        mixes=SETTINGS["mixes"] | {"single-ready": {"kind": "single", "source": "ready"}},
    )


def test_a_source_runs_itself_and_its_mix_for_real(copy):
    """First the mixes: the old ones come out as they were, so that only the new one is trained on."""
    old = ("runs/*/*/*/adapter/*", "runs/*/*/*/responses/*", "runs/*/*/*/target-likelihood.parquet",
           "work/**/*.jsonl", "work/likelihood/**/*", "sources/llama/**/*", "models/**/*", "data/**/*",
           "benchmarks/runs/*/*/*/*.tsv")  # fmt: skip
    before = stamps(copy, *old)
    mixes = {
        name: copy.path(f"mixes/{name}/train.jsonl", "small").read_bytes()
        for name in SETTINGS["mixes"]
    }
    with_a_source(copy)
    copy.run("mixes", "--cores", "2", *CONFIG)
    for name, content in mixes.items():
        assert copy.path(f"mixes/{name}/train.jsonl", "small").read_bytes() == content
    # Cards tell of all mixes.
    jobs = {rule: n for rule, n in own(copy.planned(*CONFIG)).items() if not rule.endswith("_card")}
    assert jobs == {"train": 1, "respond": 1, "score_target": 1}
    printed = copy.run("responses", "measures", "--cores", "2", *CONFIG).stdout
    assert printed.count("Training llama on mix") == 1
    assert "Source llama answers" not in printed
    made = copy.path("runs/llama/single-ready/seed1/responses/test.parquet", "small")
    assert read_responses(made).height == 40
    after = stamps(copy, *old)
    assert {name: after[name] for name in before} == before


def test_a_source_by_one_command_trains_only_its_mix(copy):
    """Snakemake plans all trainings before the mixes are there; those of the same rows end at once."""

    def made() -> dict:
        results = copy.path("", "small")
        found = [
            *results.glob("runs/*/*/*/adapter/[!.]*"),
            *results.glob("work/responses/**/*.jsonl"),
        ]
        return {file: file.read_bytes() for file in found}

    before = made()
    with_a_source(copy)
    assert own(copy.planned(*CONFIG))["train"] == 3
    copy.run("--cores", "2", *CONFIG)
    logs = copy.path("logs/runs/llama", "small")
    taken = {
        mix: "not training again" in (logs / mix / "seed1/train.log").read_text()
        for mix in ("human", "single", "single-ready")
    }
    assert taken == {"human": True, "single": True, "single-ready": False}
    after = made()
    assert len(before) == 2 * 5 + 3 and {file: after[file] for file in before} == before
    assert copy.planned(*CONFIG) == {}


def test_a_source_that_fails_on_a_prompt_takes_it_from_all_mixes(copy):
    """Then they are other training sets, and all runs are new: the comparison stays controlled."""
    with_a_source(copy, empty=1)
    copy.run("mixes", "--cores", "2", *CONFIG)
    jobs = own(copy.planned(*CONFIG))
    assert (jobs["train"], jobs["respond"], jobs["score_target"]) == (3, 3, 3)
    assert not jobs.keys() & {"generate", "collect", "pretrain", "pilot", "split"}


def test_a_failed_stage_runs_again_by_the_same_command(copy):
    """Nothing upstream runs; the result is that of a study in which nothing failed."""
    lost = copy.path("runs/llama/human/seed1/likelihood.parquet", "small")
    before = lost.read_bytes()
    measured = copy.path("measures/llama/human.parquet", "small")
    for file in (lost, lost.with_name("target-likelihood.parquet"), measured):
        file.unlink()
    shutil.rmtree(copy.path("work/likelihood/llama/human", "small"))
    script = copy.folder / "workflow/scripts/score_target.py"
    whole = script.read_text()
    script.write_text(whole.replace("    score_runs(\n", '    raise OSError("planted")\n    score_runs(\n'))  # fmt: skip
    failed = copy.run("--cores", "2", *CONFIG, check=False)
    assert failed.returncode
    assert "OSError: planted" in failed.stdout
    assert "logs/runs/llama/human/seed1/likelihood.log" in failed.stdout
    script.write_text(whole)
    jobs = copy.planned(*CONFIG)
    assert own(jobs) == {"score_target": 1}
    adapters = stamps(copy, "runs/*/*/*/adapter/*", "runs/*/*/*/responses/*")
    copy.run("--cores", "2", *CONFIG)
    assert lost.read_bytes() == before
    assert stamps(copy, "runs/*/*/*/adapter/*", "runs/*/*/*/responses/*") == adapters
    assert copy.planned(*CONFIG) == {}


def test_one_load_for_a_target_makes_what_one_load_per_run_makes(copy):
    """Without anything to take from `work/`; the journals lie where they lay."""
    results = copy.path("", "small")
    made = [*results.glob("runs/*/*/*/responses/*"), *results.glob("runs/*/*/*/target-likelihood.parquet")]  # fmt: skip
    before = {file: file.read_bytes() for file in made}
    assert len(before) == 2 * 3
    journals = set(results.glob("work/responses/**/*.jsonl"))
    for stage in ("responses", "likelihood"):
        shutil.rmtree(results / "work" / stage)
    write(copy, responses=SETTINGS["responses"] | {"share_model_load": "target"})
    assert own(copy.planned(*CONFIG)) == {"respond": 1, "score_target": 1}
    wanted = [str(file.relative_to(copy.folder)) for file in made]
    copy.run(*wanted, "--cores", "2", *CONFIG)
    assert {file: file.read_bytes() for file in made} == before
    assert set(results.glob("work/responses/**/*.jsonl")) == journals
    log = copy.path("logs/runs/llama/respond.log", "small").read_text()
    assert log.count("loaded in") == 1 and "run 3 of 3" in log
