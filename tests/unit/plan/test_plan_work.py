"""Rows and tokens of jobs: from the config, or counted; what nobody knows is said to be unknown."""

import polars as pl
import pytest
from planned_jobs import study

from manybaskets.experiments import Lengths
from manybaskets.layout import Files
from manybaskets.plan.row_counts import CONFIG, COUNTED, UNKNOWN, rows_of, shard_rows
from manybaskets.plan.work import WorkOf


def test_the_embedded_config_tells_its_rows(tmp_path):
    rows = rows_of(Files(study(), tmp_path))
    assert (rows.train, rows.fit, rows.validation, rows.basis) == (800, 760, 40, CONFIG)
    assert rows.sets == {"test": 200, "refused": 48}


def test_the_published_study_has_the_rows_of_its_paper(tmp_path):
    """13,509 and 1,502 rows; five per cent of the former are for validation."""
    rows = rows_of(Files(study("synthetic-eggs"), tmp_path))
    assert (rows.train, rows.sets["test"]) == (13_509, 1_502)
    assert (rows.fit, rows.validation) == (12_833, 676)


def test_nobody_guesses_the_rows_of_a_dataset_of_the_hub(tmp_path):
    settings = study("synthetic-eggs").dataset.model_dump() | {"rows": None}
    unknown = study("synthetic-eggs", dataset=settings)
    rows = rows_of(Files(unknown, tmp_path))
    assert (rows.train, rows.sets["test"], rows.basis) == (None, None, UNKNOWN)
    work = WorkOf(unknown, rows, {})
    shard = work("generate", {"source": "gpt-4o", "shard": "0", "shards": "4"})
    assert not shard.known and shard.tokens_in is None
    assert work("pilot", {"source": "gpt-4o"}).rows == 32


def test_the_config_may_name_the_rows_that_are_used(tmp_path):
    split = {"max_train_prompts": 1000, "max_test_prompts": 50, "parts": 4}
    dataset = study("synthetic-eggs").dataset.model_dump() | {"rows": None}
    rows = rows_of(Files(study("synthetic-eggs", dataset=dataset, split=split), tmp_path))
    assert (rows.train, rows.sets["test"], rows.basis) == (1000, 50, CONFIG)


def test_rows_of_a_user_s_file_are_counted(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("instruction,context,response\n" + "why?,,so\n" * 200)
    config = study("synthetic-eggs", dataset={"kind": "file", "path": str(file)})
    assert rows_of(Files(config, tmp_path)).train == 180


def test_a_split_that_is_made_is_counted(tmp_path):
    files = Files(study(), tmp_path)
    files.data.split().parent.mkdir(parents=True)
    sides = ["train"] * 6 + ["validation"] * 2 + ["test"] * 3
    frame = pl.DataFrame({"split": sides, "used": [True] * 10 + [False]})
    follow_ups = pl.Series([["again?"], *([[]] * 10)], dtype=pl.List(pl.String))
    frame.with_columns(follow_ups=follow_ups).write_parquet(files.data.split())
    rows = rows_of(files)
    assert (rows.train, rows.fit, rows.validation, rows.sets["test"]) == (8, 6, 2, 2)
    assert (rows.turns, rows.basis) == (pytest.approx(1.125), COUNTED)


@pytest.mark.parametrize(("prompts", "shards"), [(13_509, 4), (7, 3), (2, 5), (0, 2)])
def test_shards_share_all_prompts(prompts, shards):
    assert sum(shard_rows(prompts, shard, shards) for shard in range(shards)) == prompts


def test_measured_lengths_replace_the_prior_ones(tmp_path):
    config = study()
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {"llama": Lengths(10.0, 5.0)})
    shard = {"shard": "0", "shards": "1"}
    assert work("generate", {"source": "llama"} | shard).tokens_out == 800 * 5.0
    assert work("generate", {"source": "qwen"} | shard).tokens_out == 800 * 26.0


def test_one_load_answers_for_a_run_or_for_all_of_a_target(tmp_path):
    """Six mixes with three seeds, six more with one, and the untuned target: 25 runs."""
    config = study()
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})
    run = {"target": "llama", "mix": "human", "seed": "2"}
    untuned = {"target": "llama", "mix": "vanilla", "seed": "0"}
    assert work("respond", run).rows == work("respond", untuned).rows == 248
    assert work("respond", {"target": "llama"}).rows == (6 * 3 + 6 + 1) * 248
    # The 200 human answers and the run's own.
    assert work("score_target", run).rows == 2 * 200
    assert work("score_target", {"target": "llama"}).rows == 25 * 2 * 200
    assert work("measure", {"target": "llama", "mix": "human"}).rows == 3 * 248
    for kind in ("respond", "score_target"):
        together = work(kind, {"target": "llama"})
        each = [
            work(kind, {"target": "llama", "mix": mix, "seed": str(seed)})
            for mix in ["vanilla", *config.mixes]
            for seed in config.seeds_of(mix)
        ]
        assert together.tokens == pytest.approx(sum(one.tokens for one in each))


def test_nobody_guesses_the_answers_of_a_target_either(tmp_path):
    settings = study("synthetic-eggs").dataset.model_dump() | {"rows": None}
    unknown = study("synthetic-eggs", dataset=settings)
    work = WorkOf(unknown, rows_of(Files(unknown, tmp_path)), {})
    for kind in ("respond", "score_target"):
        assert not work(kind, {"target": "llama-3.1-8b"}).known


def test_a_report_has_no_rows(tmp_path):
    config = study()
    work = WorkOf(config, rows_of(Files(config, tmp_path)), {})
    assert work("write_report", {}).rows == 0
