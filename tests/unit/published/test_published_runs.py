"""All published procedures on fabricated runs and sources, through the functions the rule calls."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, replace
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from paper_inputs import (
    UNTRAINED,
    answers,
    fake_vectors,
    splitter,
    write_answers,
    write_perplexities,
)
from repository import ROOT
from scipy import stats
from statsmodels.stats.multitest import multipletests

from manybaskets.config.loading import load_study, parse_study, read_yaml
from manybaskets.errors import UserError
from manybaskets.published import heaps, perplexity, self_bleu, semantic_distance
from manybaskets.published.condition_groups import Groups, first_runs, groups_of
from manybaskets.published.encoding import kept_vectors
from manybaskets.published.procedure_rows import PROCEDURES_SCHEMA
from manybaskets.published.run_procedures import Procedures, Run, run_procedures
from manybaskets.published.source_procedures import prompts_of_parts, source_procedures
from manybaskets.published.splitting import UNTRAINED as SUFFIX
from manybaskets.published.splitting import check_paper

CONFIG = ROOT / "config"
ORDER = ["human", "single-a", "single-b", "multi", "vanilla"]
GROUPS = Groups(ORDER, [ORDER], [["single-a", "single-b"]], {"a": 1, "b": 2})
SETTINGS = UNTRAINED.model_copy(
    update={
        "individual": 60,
        "aggregated": 12,
        "sentences": 50,
        "distances": 300,
        "source_answers": 40,
        "source_sentences": 100,
    }
)
KEY = PROCEDURES_SCHEMA.names()[:6]


@pytest.fixture
def how(tmp_path) -> Procedures:
    return Procedures(SETTINGS, splitter(), fake_vectors, tmp_path / "vectors")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Run]:
    """Two targets, five conditions, 80 prompts; one answer failed and one is empty."""
    folder, made = tmp_path_factory.mktemp("runs"), []
    rng = np.random.default_rng(11)
    for t, target in enumerate(["big", "small"]):
        for m, mix in enumerate(ORDER):
            texts = [None, "", *answers(78, 10 * t + m)]
            human = np.exp(rng.normal(1 + 0.2 * m, 0.8, 80)).tolist()
            own = [None, None, *np.exp(rng.normal(0.3 * m, 0.5, 78)).tolist()]
            stem = folder / target / mix
            made.append(
                Run(
                    target,
                    mix,
                    0 if mix == "vanilla" else 7,
                    write_answers(texts, stem / "test.parquet"),
                    write_perplexities(human, own, stem / "likelihood.parquet"),
                )
            )
    return made


@pytest.fixture(scope="module")
def table(runs, tmp_path_factory) -> pl.DataFrame:
    work = tmp_path_factory.mktemp("vectors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return run_procedures(runs, GROUPS, Procedures(SETTINGS, splitter(), fake_vectors, work))


def value(table: pl.DataFrame, *key: str) -> float:
    """The value of metric, variant, target, condition, statistic."""
    metric, variant, target, condition, statistic = key
    rows = table.filter(
        (pl.col("metric") == metric)
        & (pl.col("variant").str.replace(SUFFIX, "", literal=True) == variant)
        & (pl.col("target") == target)
        & (pl.col("condition") == condition)
        & (pl.col("statistic") == statistic)
    )
    assert rows.height == 1
    return rows["value"][0]


def texts_of(runs: list[Run], target: str) -> dict[str, list[str]]:
    """Valid answers by mix in the order of the groups."""
    files = {run.mix: run.responses for run in runs if run.target == target}
    return {
        mix: [text for text in pl.read_parquet(files[mix]).sort("prompt_id")["text"] if text]
        for mix in ORDER
    }


def test_the_table_is_whole_and_names_its_splitter(table):
    assert table.schema == PROCEDURES_SCHEMA
    assert not table.select(KEY).is_duplicated().any()
    assert set(table.filter(pl.col("value").is_null())["metric"]) <= {"heaps"}
    by_sentences = table.filter(~pl.col("metric").str.starts_with("ppl"))
    assert by_sentences["variant"].str.ends_with(SUFFIX).all()
    notes = table.filter(pl.col("condition") == "multi", pl.col("statistic") == "mean")["note"]
    assert notes.str.contains("training seed 7").all()
    assert notes.str.contains("2 of 80 answers failed or empty").all()
    assert "untuned" in table.filter(pl.col("condition") == "vanilla")["note"][0]


def test_perplexities_are_those_of_the_columns(table, runs):
    for run in runs:
        frame = pl.read_parquet(run.likelihood)
        for metric, column, ddof in (
            ("ppl_human_text", "reference_ppl_paper", 1),
            ("ppl_own_output", "own_ppl_paper", 0),
        ):
            values = frame[column].drop_nulls().to_numpy()
            where = (run.target, run.mix)
            assert value(table, metric, "raw", *where, "mean") == pytest.approx(values.mean())
            sd = value(table, metric, "raw", *where, f"sd_ddof{ddof}")
            assert sd == pytest.approx(values.std(ddof=ddof))
            cleaned = perplexity.within_fences(values)
            assert value(table, metric, "iqr_clean", *where, "n") == len(cleaned.values)
            assert value(table, metric, "iqr_clean", *where, "n_removed") == cleaned.removed
    sizes = table.filter(pl.col("variant") == "iqr_clean", pl.col("statistic") == "n")
    assert sizes["value"].n_unique() > 1, "the defect: n differs between conditions"


def test_pairs_of_own_outputs_are_kruskal_wallis_and_say_so(table, runs):
    own = {
        run.mix: pl.read_parquet(run.likelihood)["own_ppl_paper"].drop_nulls().to_numpy()
        for run in runs
        if run.target == "big"
    }
    expected = stats.kruskal(own["single-a"], own["single-b"])
    key = ("ppl_own_output", "raw", "big", "single-a vs single-b", "kruskal_H")
    assert value(table, *key) == pytest.approx(expected.statistic)
    rows = table.filter(
        pl.col("metric") == "ppl_own_output", pl.col("condition").str.contains(" vs ")
    )
    assert not rows["statistic"].str.contains("mannwhitney").any()
    assert rows["note"].str.contains("Kruskal-Wallis of two groups").all()


def test_self_bleu_takes_its_seed_from_the_place_in_the_list(table, runs):
    texts = texts_of(runs, "small")
    scores = {}
    for place, mix in enumerate(ORDER):
        cut = [self_bleu.eligible_sentences(text, splitter()) for text in texts[mix]]
        scores[mix] = self_bleu.individual(cut, 60, 42 + place).scores
        key = ("lexical_diversity_sb3", "individual", "small", mix, "mean")
        assert value(table, *key) == pytest.approx(scores[mix].mean())
        key = ("lexical_diversity_sb3", "aggregated", "small", mix, "score")
        assert value(table, *key) == self_bleu.aggregated(cut, 12, 42 + place).score
    h, p = stats.kruskal(*scores.values())
    group = ", ".join(ORDER)
    key = ("lexical_diversity_sb3", "individual", "small", group)
    assert value(table, *key, "kruskal_H") == pytest.approx(h)
    assert value(table, *key, "kruskal_p") == pytest.approx(p)
    for one, other in combinations(ORDER, 2):
        u, p = stats.mannwhitneyu(scores[one], scores[other], alternative="two-sided")
        key = ("lexical_diversity_sb3", "individual", "small", f"{one} vs {other}")
        assert value(table, *key, "mannwhitney_U") == u
        assert value(table, *key, "mannwhitney_p") == pytest.approx(p)
    of_pairs = pl.col("statistic") == "mannwhitney_p", pl.col("target") == "small"
    rows = table.filter(*of_pairs, pl.col("metric") == "lexical_diversity_sb3")
    assert rows.height == 10
    assert rows["note"].str.contains("alpha 0.05/10").all()


def test_heaps_and_distances_are_those_of_the_procedures(table, runs, how):
    texts = texts_of(runs, "big")
    pools = [
        [
            each
            for text in texts[mix]
            for each in semantic_distance.valid_sentences(text, splitter())
        ]
        for mix in ORDER
    ]
    drawn = semantic_distance.samples(pools, 50, 42)
    vectors = {}
    for mix, sample in zip(ORDER, drawn, strict=True):
        fitted = heaps.linear_fit(heaps.growth_in_order(texts[mix], splitter()))
        key = ("heaps", "linear_fit", "big", mix, "beta")
        assert value(table, *key) == (pytest.approx(fitted["beta"]) if fitted else None)
        vectors[mix] = kept_vectors(sample, fake_vectors, how.work)
        distances = 1 - vectors[mix] @ vectors[mix].T
        expected = distances[~np.eye(50, dtype=bool)].mean()
        key = ("semantic_diversity", "sentence_pairs", "big", mix, "mean")
        assert value(table, *key) == pytest.approx(expected)
    rng = np.random.default_rng(42)
    tested = [semantic_distance.drawn_distances(vectors[mix], 300, rng) for mix in ORDER]
    key = ("semantic_diversity", "sentence_pairs", "big", ", ".join(ORDER))
    w, p = stats.levene(*tested, center="median")
    assert value(table, *key, "levene_W") == pytest.approx(w)
    assert value(table, *key, "levene_p") == pytest.approx(p)
    assert value(table, *key, "kruskal_H") == pytest.approx(stats.kruskal(*tested).statistic)
    u = stats.mannwhitneyu(tested[0], tested[4], alternative="two-sided").statistic
    key = ("semantic_diversity", "sentence_pairs", "big", "human vs vanilla", "mannwhitney_U")
    assert value(table, *key) == u


def test_all_pairs_of_models_are_corrected_together(table):
    rows = table.filter(pl.col("variant").str.starts_with("sentence_pairs_all"))
    p = rows.filter(pl.col("statistic") == "mannwhitney_p")
    flags = rows.filter(pl.col("statistic") == "significant_bonferroni")
    assert p.height == flags.height == 45
    assert set(p["target"]) == {"big", "small", "big vs small"}
    bonferroni = multipletests(p["value"].to_numpy(), method="bonferroni")[0]
    holm = multipletests(p["value"].to_numpy(), method="holm")[0]
    assert flags["value"].cast(pl.Boolean).to_list() == bonferroni.tolist()
    counts = dict(rows.filter(pl.col("target") == "all").select("statistic", "value").iter_rows())
    assert counts["n_significant_bonferroni"] == bonferroni.sum()
    assert counts["n_significant_holm"] == holm.sum()
    later = sorted(p["value"])[int(holm.sum())]
    assert counts["holm_first_nonsignificant_p"] == later
    assert later * (45 - holm.sum()) > 0.05


def test_the_order_of_runs_and_rows_means_nothing(table, runs, how, tmp_path):
    turned = []
    for run in reversed(runs):
        frame = pl.read_parquet(run.responses).sample(fraction=1.0, shuffle=True, seed=3)
        responses = tmp_path / run.target / run.mix / "test.parquet"
        responses.parent.mkdir(parents=True)
        frame.write_parquet(responses)
        likelihood = responses.with_name("likelihood.parquet")
        pl.read_parquet(run.likelihood).reverse().write_parquet(likelihood)
        turned.append(replace(run, responses=responses, likelihood=likelihood))
    again = run_procedures(turned, GROUPS, how)
    assert again.select(KEY).equals(table.select(KEY))
    assert np.allclose(again["value"].drop_nulls(), table["value"].drop_nulls(), rtol=1e-12)


def test_two_runs_of_one_label_are_refused(runs, how):
    with pytest.raises(UserError, match="share a label: big/human"):
        run_procedures([runs[0], replace(runs[1], mix="human"), *runs[2:]], GROUPS, how)


def test_a_study_of_too_little_text_has_empty_values_and_no_tests(tmp_path, how):
    texts = write_answers(["One.", "Two.", None], tmp_path / "a.parquet")
    scores = write_perplexities([2.0, 3.0, float("inf")], [None] * 3, tmp_path / "l.parquet")
    pair = [Run("t", mix, 1, texts, scores) for mix in ("human", "multi")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run_procedures(pair, GROUPS, how)
    assert value(found, "ppl_human_text", "raw", "t", "multi", "mean") == 2.5
    assert value(found, "ppl_own_output", "raw", "t", "multi", "n") == 0
    assert value(found, "lexical_diversity_sb3", "aggregated", "t", "multi", "score") == 0
    assert value(found, "lexical_diversity_sb3", "individual", "t", "multi", "mean") is None
    assert value(found, "heaps", "linear_fit", "t", "multi", "K") is None
    note = found.filter(pl.col("metric") == "ppl_human_text")["note"][0]
    assert "1 infinite left out" in note
    assert run_procedures([], GROUPS, how).schema == PROCEDURES_SCHEMA


def test_sources_are_described_part_by_part(tmp_path, how):
    files = {name: tmp_path / f"{name}.parquet" for name in ("a", "human")}
    texts = {name: answers(120, seed) for seed, name in enumerate(files)}
    for name, path in files.items():
        write_answers(texts[name], path)
    ids = [f"{place:05d}" for place in range(120)]
    split = pl.DataFrame(
        {"prompt_id": [*ids, "unused", "tested"], "part": [1, 2] * 60 + [1, None]}
    ).with_columns(used=pl.col("prompt_id") != "unused")
    parts = prompts_of_parts(split)
    assert parts == {1: ids[::2], 2: ids[1::2]}
    found = source_procedures(files, parts, how)
    assert set(found["target"]) == {"training_data"} and set(found["prompt_set"]) == {"train"}
    assert not found.select(KEY).is_duplicated().any()
    variants = found["variant"].str.replace(SUFFIX, "", literal=True).unique().to_list()
    parts_of = [
        f"{name}:part{part}" for name in ("linear_fit", "sentence_pairs") for part in (1, 2)
    ]
    assert sorted(variants) == sorted(["individual", *parts_of])
    cut = [self_bleu.eligible_sentences(text, splitter()) for text in texts["a"]]
    expected = self_bleu.individual(cut, 40, 42).scores.mean()
    key = ("lexical_diversity_sb3", "individual", "training_data", "a", "mean")
    assert value(found, *key) == pytest.approx(expected)
    pools = [
        [
            each
            for t in texts["a"][part::2]
            for each in semantic_distance.valid_sentences(t, splitter())
        ]
        for part in (0, 1)
    ]
    vectors = kept_vectors(semantic_distance.samples(pools, 100, 42)[1], fake_vectors, tmp_path)
    expected = semantic_distance.pair_statistics(vectors)["mean"]
    key = ("semantic_diversity", "sentence_pairs:part2", "training_data", "a", "mean")
    assert value(found, *key) == pytest.approx(expected)


def test_of_each_condition_the_first_training_seed_is_taken():
    study = load_study(CONFIG / "synthetic-eggs.yaml")
    runs = first_runs(study)
    assert len(runs) == len(study.targets) * (len(study.mixes) + 1)
    assert runs[0] == (study.targets[0], next(iter(study.mixes)), study.training.seeds[0])
    assert runs[len(study.mixes)] == (study.targets[0], "vanilla", 0)


def test_groups_of_the_published_study_are_its_tiers():
    found = groups_of(load_study(CONFIG / "synthetic-eggs.yaml"))
    assert found.order[0] == "human" and found.order[-1] == "vanilla"
    assert sorted(map(sorted, found.families)) == [
        sorted(["human", "vanilla", f"single-{tier}", f"multi-{tier}"])
        for tier in ("large", "medium", "small")
    ]
    kinds = ("single", "multi")
    tiers = ("small", "medium", "large")
    assert found.sizes == [[f"{kind}-{tier}" for tier in tiers] for kind in kinds]
    assert (found.part_of["llama-3.1-8b"], found.part_of["falcon3-10b"]) == (1, 4)
    assert Groups(**json.loads(json.dumps(asdict(found)))) == found


def test_published_cells_need_the_procedures():
    settings = read_yaml(CONFIG / "config.yaml")
    settings |= {"published_procedures": None, "published_cells": {"targets": {"llama": "8B"}}}
    with pytest.raises(UserError, match="no procedures reproduce them"):
        check_paper(parse_study(settings, "test"))
    settings["published_procedures"] = {"splitter": "punkt", "punkt_folder": "no/such/folder"}
    with pytest.raises(UserError, match="no/such/folder"):
        check_paper(parse_study(settings, "test"))
    settings["published_procedures"] = {"splitter": "untrained"}
    check_paper(parse_study(settings, "test"))
