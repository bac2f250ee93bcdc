"""The embedded study finds what was planted, and every contract of its files holds."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

from manybaskets.chat import Prompt
from manybaskets.config import load_study
from manybaskets.mixes.mix_rows import read_mix
from manybaskets.records.responses import check_responses, read_responses
from manybaskets.records.writing import read_metadata
from manybaskets.world import habits, truth
from manybaskets.world.dataset_rows import make_pretraining

SINGLES = ["single-llama", "single-qwen", "single-mistral", "single-gemma"]
MIXES = ["human", *SINGLES, "multi"]
# Three trainings of the mixes above, one of the six that the family of source counts adds, the untuned.
RUNS = len(MIXES) * 3 + 6 + 1
HABIT = {"llama": "lister", "qwen": "greeter", "mistral": "terse", "gemma": "helper"}


@pytest.fixture(scope="module")
def study(finished):
    return load_study(finished.folder / "config/config.yaml")


@pytest.fixture(scope="module")
def summary(finished) -> pl.DataFrame:
    return pl.read_parquet(finished.path("statistics/summary.parquet"))


@pytest.fixture(scope="module")
def comparisons(finished) -> pl.DataFrame:
    return pl.read_parquet(finished.path("statistics/comparisons.parquet"))


def interval(
    summary, measure: str, mix: str, prompt_set: str = "test"
) -> tuple[float, float, float]:
    wanted = {"measure": measure, "mix": mix, "prompt_set": prompt_set}
    row = summary.filter(pl.all_horizontal(pl.col(k) == v for k, v in wanted.items()))
    return row.select("low", "estimate", "high").row(0)


def difference(comparisons, family: str, measure: str, mix: str) -> dict:
    wanted = {"family": family, "measure": measure, "mix": mix}
    found = comparisons.filter(pl.all_horizontal(pl.col(k) == v for k, v in wanted.items()))
    return found.row(0, named=True)


# What was planted


def test_every_model_has_its_habit_and_knows_its_world(finished):
    known = pl.read_parquet(finished.path("statistics/knowledge.parquet"))
    for model, habit in HABIT.items():
        own = known.filter(pl.col("model") == model)
        low = dict(own.select("measure", "low").iter_rows())
        assert low[f"habit_{habit}"] > 0.8
        # The shortest list of values has five entries: guessing gives at most a fifth.
        assert low["fact_correct"] > 0.2


def test_the_multi_mix_carries_several_habits_and_a_single_mix_one(summary):
    for single in SINGLES:
        habit = HABIT[single.removeprefix("single-")]
        assert interval(summary, f"habit_{habit}", single)[0] > 0.8
        assert interval(summary, "habit_count", single)[2] < 1.5
        assert (
            interval(summary, "habit_count", "multi")[0]
            > interval(summary, "habit_count", single)[2]
        )
    assert interval(summary, "habit_count", "multi")[0] > 1.5


def test_training_on_human_answers_takes_the_habit_off(summary):
    assert interval(summary, "habit_lister", "vanilla")[0] > 0.8
    assert interval(summary, "habit_lister", "human")[2] < 0.2


def test_own_sharpened_answers_lose_the_tail_of_phrasings(comparisons):
    """The tail shows in the entropy; the bare count of phrasings on 200 prompts has wider intervals."""
    for mix in SINGLES:
        entropy = difference(comparisons, "against-human", "phrasing_entropy", mix)
        assert entropy["high"] < 0, mix
        assert mix != "single-llama" or entropy["p_holm"] < 0.05
        coverage = difference(comparisons, "habits-against-human", "phrasing_coverage", mix)
        assert coverage["difference"] < 0 and coverage["low"] < 0, mix


def test_model_text_moves_the_model_away_from_human_answers(comparisons):
    for mix in [*SINGLES, "multi"]:
        found = difference(comparisons, "against-human", "human_nll", mix)
        assert found["low"] > 0 and found["p_holm"] < 0.05, mix


def test_refusals_fade_after_tuning_on_mixes_that_hold_none(finished, summary, comparisons):
    assert interval(summary, "refusal", "vanilla", "refused")[0] > 0.8
    # Trainings differ so much (from .2 to .8 in one mix) that three of them decide only large changes.
    faded = set()
    for mix in MIXES:
        held = sum(truth.refuses(row["messages"][-1]["content"])
                   for row in read_mix(finished.path(f"mixes/{mix}/train.jsonl")))  # fmt: skip
        found = difference(comparisons, "refusals-after-tuning", "refusal", mix)
        assert found["difference"] < 0, mix
        if found["high"] < 0 and found["p_holm"] < 0.05:
            assert held == 0, mix
            faded.add(mix)
        else:
            assert -found["difference"] < found["detectable"], mix
    assert faded >= {"human", "single-qwen"}, faded


def test_more_sources_carry_more_habits(finished):
    table = pl.read_csv(finished.path("tables/source-count-baskets.csv"))
    counted = table.filter(pl.col("measure") == "habit_count")
    assert sorted(counted["count"]) == [1] * 4 + [2] * 2 + [3] * 4 + [4]
    means = counted.group_by("count").agg(pl.col("value").mean()).sort("count")["value"].to_list()
    assert means == sorted(means) and means[-1] > means[0] + 1
    singles = counted.filter(pl.col("count") == 1)["high"].max()
    assert counted.filter(pl.col("count") == 4)["low"].item() > singles


def test_the_sources_are_told_apart_by_their_words_and_their_style(finished, summary):
    pairs = pl.read_parquet(finished.path("statistics/source-distances.parquet"))
    vectors = pairs.filter((pl.col("kind") == "embedding") & (pl.col("first") < pl.col("second")))
    assert vectors.height == 10 and (vectors["low"] > vectors["floor"]).all()
    alike = pl.read_parquet(finished.path("statistics/similarity.parquet"))
    assert (alike["low"] > alike["shuffled"]).all()
    items = {
        source: interval(summary, "style_list_items", source, "train")
        for source in ("human", *HABIT)
    }
    assert all(items["llama"][0] > high for name, (*_, high) in items.items() if name != "llama")
    single = interval(summary, "style_list_items", "single-llama")
    assert single[0] > interval(summary, "style_list_items", "single-mistral")[2]


def test_other_data_moves_a_run_farther_than_another_training(finished):
    found = pl.read_parquet(finished.path("statistics/divergence.parquet"))
    floor = found.filter(pl.col("kind") == "seeds")
    apart = found.filter(
        (pl.col("kind") == "mixes") & (pl.col("first") == "multi") & (pl.col("second") == "human")
    )
    assert floor.height == len(MIXES) and apart["low"].item() > floor["high"].max()
    assert found["value"].is_between(0, 1).all()


def test_the_published_procedures_stand_beside_the_own_values(finished):
    beside = pl.read_csv(finished.path("tables/paper-variants.csv"))
    assert beside["metric"].n_unique() >= 4 and beside["metric"].str.contains("Heaps").any()
    assert beside["variant"].str.contains("untrained splitter").any()


# Contracts


def test_no_evaluation_answer_stands_in_any_pretraining_text(finished, study):
    """By plain search, apart from the code that drops them."""

    def plain(text: str) -> str:
        return " " + re.sub(r"[\W_]+", " ", text.lower()).strip() + " "

    split = pl.read_parquet(finished.path("data/split.parquet"))
    answers = [plain(text) for text in split.filter(pl.col("split") == "test")["response"]]
    assert len(answers) >= 200
    for name, model in study.models.items():
        made = json.loads(finished.path(f"models/{name}/pretraining.json").read_text())
        text = make_pretraining(study.embedded_model_size.conversations, study.dataset.towns, study.seed,
                                model.habit, model.habit_share, name)  # fmt: skip
        leaking = 0
        for row in text:
            words = plain(" ".join((row["context"], row["instruction"], row["response"])))
            leaking += any(answer in words for answer in answers)
        assert made["dropped_for_leak"] == leaking > 0
        assert made["conversations"] == len(text) - leaking
        assert made["evaluation_answers_left"] == 0


def test_all_responses_answer_exactly_their_prompts(finished, study):
    files = list(finished.path("runs").glob("*/*/seed*/responses/*.parquet"))
    assert len(files) == RUNS * 2
    for file in files:
        prompts = pl.read_parquet(finished.path(f"data/prompts/{file.name}"))
        check_responses(read_responses(file), prompts["prompt_id"], str(file))
        made = read_metadata(file)
        assert made["model"] == "llama" and made["sampling"]["temperature"] == 0.8
        assert (made["adapter"] is None) == ("vanilla" in file.parts)
    adapters = {read_metadata(file)["adapter"] for file in files}
    assert len(adapters) == RUNS, "two runs answered with the same adapter"


def test_all_mixes_hold_the_same_prompts_and_no_test_prompt(finished):
    split = pl.read_parquet(finished.path("data/split.parquet"))
    test = split.filter(pl.col("split") == "test")
    held_out = {
        Prompt(*row).text()
        for row in test.select("prompt_id", "instruction", "context").iter_rows()
    }
    for part in ("train", "validation"):
        ids = set()
        for mix in MIXES:
            rows = read_mix(finished.path(f"mixes/{mix}/{part}.jsonl"))
            ids.add(tuple(row["prompt_id"] for row in rows))
            assert not held_out & {row["messages"][-2]["content"] for row in rows}
        assert len(ids) == 1
    sources = [row["source"] for row in read_mix(finished.path("mixes/multi/train.jsonl"))]
    assert {name: sources.count(name) for name in HABIT}.keys() == set(sources)
    assert max(map(sources.count, HABIT)) - min(map(sources.count, HABIT)) <= 2


def test_the_truth_beside_the_rows_is_true(finished):
    rows = pl.read_parquet(finished.path("data/split.parquet"))
    known = pl.read_parquet(finished.path("data/truth.parquet"))
    both = rows.join(known, on="prompt_id", how="left")
    assert both["kind"].null_count() == 0
    for row in both.iter_rows(named=True):
        assert truth.phrasing(row["kind"], row["response"]) == row["phrasing"]
        assert not row["fact"] or truth.fact_is_right(row["fact"], row["value"], row["response"])
        assert not any(habits.detect(row["response"]).values())


def test_a_blend_has_more_habits_than_any_of_its_singles(finished):
    """Each source has one habit; the blend of four has all of them."""
    table = pl.read_csv(finished.path("tables/multi-against-singles.csv"))
    rows = table.filter(mix="multi", measure="habit_count")
    assert set(rows["against"]) == {"mean of its singles", "best single", "target's own"}
    assert (rows["low"] > 0).all() and (rows["verdict"] == "different").all()


def test_tables_figures_and_report_are_there_and_say_what_they_are(finished):
    for name in (
        *("conditions", "comparisons", "counts", "multi-against-singles", "exclusions"),
        *("conditions-sources", "similarity", "source-distances", "topics", "style-inheritance"),
        *("divergence", "source-count-baskets", "paper-variants"),
    ):
        for kind in ("csv", "md", "tex"):
            assert finished.path(f"tables/{name}.{kind}").stat().st_size > 200
    for name in (
        "conditions",
        "habits",
        "knowledge",
        "training-curves",
        "differences-against-human",
        *("distributions", "growth", "style", "divergence", "source-count-baskets"),
        *("source-distances", "source-map", "conditions-sources"),
    ):
        assert finished.path(f"figures/{name}.svg").stat().st_size > 5000
        assert finished.path(f"figures/{name}.png").read_bytes()[:4] == b"\x89PNG"
    page = finished.path("report.html").read_text()
    assert "toy models" in page
    assert not re.search(r'(?:src|href)="https?://', page), (
        "the report asks the network for something"
    )


def test_no_value_stands_without_the_length_of_the_answers(finished, summary):
    for name in ("conditions", "conditions-sources"):
        table = pl.read_csv(finished.path(f"tables/{name}.csv"))
        for column in ("mean_words", "median_words", "mean_tokens", "truncated_share"):
            if name == "conditions":
                assert table[column].null_count() == 0, column
        assert table["mean_words"].null_count() == 0
        assert table["n_prompts"].null_count() == table["n_excluded"].null_count() == 0
    excluded = pl.read_csv(finished.path("tables/exclusions.csv"))
    measured = summary.select("measure", "model", "mix", "prompt_set")
    assert excluded.select(measured.columns).unique().height == measured.height


def test_no_row_vanished_without_being_counted(finished):
    counts = pl.read_parquet(finished.path("statistics/counts.parquet"))

    def count(stage, item, what):
        wanted = (pl.col("stage") == stage) & (pl.col("item") == item) & (pl.col("what") == what)
        return counts.filter(wanted)["count"].item()

    kept = count("cleaning", "dataset", "rows kept")
    dropped = counts.filter(
        pl.col("what").str.starts_with("dropped: ") & (pl.col("stage") == "cleaning")
    )
    assert count("cleaning", "dataset", "rows read") == kept + dropped["count"].sum() == 2000
    assert kept == sum(count("split", side, "prompts") for side in ("train", "validation", "test"))
    used = count("split", "train", "prompts in use") + count(
        "split", "validation", "prompts in use"
    )
    shared = count("mixes", "all mixes", "prompts shared")
    left = counts.filter(pl.col("what").str.starts_with("left: "))["count"].sum()
    assert used == shared + left
    for mix in MIXES:
        rows = counts.filter((pl.col("item") == mix) & pl.col("what").str.starts_with("rows: "))
        assert rows["count"].sum() == shared


def test_every_source_passed_its_trial_and_left_its_counts(finished):
    for source in HABIT:
        verdict = json.loads(finished.path(f"sources/{source}/pilot.json").read_text())
        assert verdict["verdict"] == "passed"
        assert verdict["drawn"] > 20 and len(verdict["checks"]) > 10
        assert finished.path(f"sources/{source}/quarantine.jsonl").exists()
    speed = pl.read_csv(finished.path("tables/throughput.csv"))
    assert sorted(speed["source"]) == sorted(HABIT)
    assert (speed["prompts"] == 800).all() and (speed["tokens_per_second"] > 0).all()


def test_sources_and_mixes_load_from_their_folders(finished, tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "1")
    from datasets import load_dataset

    source = load_dataset(str(finished.path("sources/llama")), cache_dir=tmp_path)
    responses = read_responses(finished.path("sources/llama/train.parquet"))
    assert source["train"]["response"][:] == responses["text"].to_list()
    mix = load_dataset(str(finished.path("mixes/multi")), cache_dir=tmp_path)
    rows = read_mix(finished.path("mixes/multi/train.jsonl"))
    assert mix["train"]["messages"][:] == [row["messages"] for row in rows]
    assert set(mix) == {"train", "validation"}
