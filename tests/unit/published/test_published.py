"""Reported against reproduced: which cells meet, and what stands beside them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import polars as pl
import pytest
from fabricated_results import condition, summary
from pydantic import ValidationError
from repository import ROOT

import manybaskets.report.published_tables  # noqa: F401 registers the tables
from manybaskets.config.evaluation import PublishedCells
from manybaskets.errors import UserError
from manybaskets.presentation.tables import computed_tables, write_tables
from manybaskets.published.collapse_numbers import (
    CONTRASTS,
    PUBLISHED_COLLAPSE_SCHEMA,
    StudyCells,
    compare_published,
    load,
    published_collapse_findings,
    published_contrasts,
)
from manybaskets.published.procedure_comparison import COUNTERPARTS, paper_variants
from manybaskets.published.procedure_rows import PROCEDURES_SCHEMA

NUMBERS = ROOT / "resources" / "published" / "collapse.csv"
TIERS = ("small", "medium", "large")
GIVEN = PublishedCells.model_validate(
    {
        "targets": {"l8": "8B", "l70": "70B"},
        "conditions": {
            "people": {"condition": "human", "tier": "none"},
            "vanilla": {"condition": "vanilla", "tier": "none"},
            **{
                f"{kind}-{tier}": {"condition": kind, "tier": tier}
                for kind in ("single", "multi")
                for tier in TIERS
            },
        },
        "sources": {"llama8": "llama:small", "gemma9": "gemma:small", "human": "human:none"},
    }
)
PART_OF = {"llama8": 1, "gemma9": 2}
MEASURES = {
    "human_nll": ("NLL of human text", "exp"),
    "sentence_between": ("Between", "identity"),
    "self_bleu": ("Self-BLEU", "identity"),
    "semantic_sentences": ("Distance of sentences", "identity"),
    "heaps_k": ("K", "identity"),
}


def lookup(name: str) -> SimpleNamespace:
    label, transform = MEASURES[name]
    return SimpleNamespace(name=name, label=label, transform=transform)


def paper(*rows: tuple) -> pl.DataFrame:
    """Rows metric, variant, target, condition, prompt set, statistic, value, n as the table."""
    return pl.DataFrame([(*row, "seed 1") for row in rows], schema=PROCEDURES_SCHEMA, orient="row")


@pytest.fixture(scope="module")
def numbers() -> pl.DataFrame:
    return load(NUMBERS)


def reported(numbers: pl.DataFrame, *key: str) -> float:
    names = numbers.columns[:6]
    found = numbers.filter(*(pl.col(n) == k for n, k in zip(names, key, strict=True)))
    assert found.height == 1
    return found["value"][0]


def test_superseded_runs_are_left_out(numbers):
    everything = pl.read_csv(NUMBERS, infer_schema=False)
    wrong = everything.filter(pl.col("note").str.starts_with("not a target"))
    assert numbers.height == everything.height - wrong.height > 600
    assert {"individual_early", "sentence_pairs_invalid"} & set(wrong["variant"])
    assert not numbers["variant"].str.contains("early|invalid|alt_draw").any()
    assert numbers["value"].null_count() == 0
    assert not numbers.select(numbers.columns[:6]).is_duplicated().any()


def test_a_file_of_other_columns_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("metric,value\na,1\n")
    with pytest.raises(UserError, match="metric"):
        load(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("cell", "members"),
    [
        (("8B", "single", "small"), [("l8", "single-small")]),
        (("70B", "human", "none"), [("l70", "people")]),
        (("8B", "single_vs_human", "small"), [("l8", "single-small"), ("l8", "people")]),
        (("70B", "human_vs_vanilla", "none"), [("l70", "people"), ("l70", "vanilla")]),
        (
            ("70B", "single", "small_vs_large"),
            [("l70", "single-small"), ("l70", "single-large")],
        ),
        (
            ("8B_vs_70B", "multi_vs_single", "small_vs_medium"),
            [("l8", "multi-small"), ("l70", "single-medium")],
        ),
        (("8B_vs_70B", "vanilla", "none"), [("l8", "vanilla"), ("l70", "vanilla")]),
        (("8B_vs_70B", "human_vs_single", "large"), [("l8", "people"), ("l70", "single-large")]),
        (
            ("70B", "all_conditions", "medium"),
            [
                ("l70", "single-medium"),
                ("l70", "multi-medium"),
                ("l70", "people"),
                ("l70", "vanilla"),
            ],
        ),
        (("70B", "multi", "all_tiers"), [("l70", f"multi-{tier}") for tier in TIERS]),
        (("training_data", "gemma", "small"), [("training_data", "gemma9")]),
        (("training_data", "gpt", "large"), None),
        (("training_data", "all", "all_tiers"), None),
        (("all", "all", "all_tiers"), None),
    ],
)
def test_published_names_are_those_of_the_study(cell, members):
    assert StudyCells(GIVEN, PART_OF).members(*cell) == members


def test_the_twelve_models_are_all_runs_of_a_full_study_and_no_cell_of_a_smaller_one():
    twelve = StudyCells(GIVEN, {}).members("all", "all_12_models", "all_tiers")
    assert len(set(twelve)) == 12 and sum(target == "l8" for target, _ in twelve) == 4
    fewer = GIVEN.model_copy(update={"targets": {"l8": "8B"}})
    cells = StudyCells(fewer, {})
    assert cells.members("all", "all_12_models", "all_tiers") is None
    assert cells.members("70B", "single", "small") is None
    assert cells.members("8B_vs_70B", "single", "small") is None


def test_cells_meet_whatever_the_order_of_a_pair_or_the_splitter(numbers):
    rows = paper(
        ("lexical_diversity_sb3", "individual, untrained splitter", "l8", "people vs single-small",
         "test", "mannwhitney_U", 600000.0, None),
        ("lexical_diversity_sb3", "individual, untrained splitter", "l8", "people vs single-small",
         "test", "mannwhitney_U_of_second", 400000.0, None),
        ("lexical_diversity_sb3", "individual", "l70", "people, single-large, multi-large, vanilla",
         "test", "kruskal_H", 70.0, 4188),
        ("semantic_diversity", "sentence_pairs_all", "l8 vs l70", "people vs people", "test",
         "significant_bonferroni", 1.0, 10000),
        ("ppl_own_output", "raw", "l70", "single-small, single-medium, single-large", "test",
         "kruskal_p", 0.02, 1502),
        ("ppl_own_output", "raw", "l70", "single-medium vs single-small", "test", "kruskal_H", 1.0, None),
        ("ppl_own_output", "raw", "l70", "vanilla", "test", "mean", None, 0),
    )  # fmt: skip
    found = compare_published(numbers, rows, summary(), GIVEN, PART_OF, lookup)
    assert found.schema == PUBLISHED_COLLAPSE_SCHEMA and found.height == 5
    by = {(r["metric"], r["condition"], r["statistic"]): r for r in found.to_dicts()}
    u = by["lexical_diversity_sb3", "single_vs_human", "mannwhitney_U"]
    assert (u["reported"], u["reproduced"], u["difference"]) == (406489.5, 400000.0, -6489.5)
    assert "here: untrained splitter" in u["remark"] and "n1=1252" in u["remark"]
    h = by["lexical_diversity_sb3", "all_conditions", "kruskal_H"]
    assert (h["target"], h["tier"], h["n_reproduced"]) == ("70B", "large", 4188)
    assert h["difference"] == pytest.approx(70 - 65.02)
    p = by["ppl_own_output", "single", "kruskal_p"]
    assert (p["reported"], p["reproduced"], p["difference"]) == (4.534e-133, 0.02, None)
    flag = by["semantic_diversity", "human", "significant_bonferroni"]
    assert (flag["target"], flag["reported"], flag["reproduced"]) == ("8B_vs_70B", 0, 1)


def test_the_projects_own_value_stands_beside_on_the_published_scale(numbers):
    rows = paper(
        ("ppl_human_text", "iqr_clean", "l8", "people", "test", "mean", 4.5, 1400),
        ("lexical_diversity_sb3", "aggregated", "l8", "people", "test", "score", 52.0, 100),
        ("semantic_diversity", "sentence_pairs:part2", "training_data", "gemma9", "train", "mean", 0.9, 7000),
        ("heaps", "linear_fit:part2", "training_data", "gemma9", "train", "K", 20.0, 9000),
        ("lexical_diversity_sb3", "individual", "training_data", "llama8", "train", "sd_ddof0", 14.0, 480),
    )  # fmt: skip
    where = {"model": "l8", "prompt_set": "test"}
    sources = {"model": "sources", "mix": "gemma9", "prompt_set": "train"}
    own = summary(
        condition("human_nll", "people", 1.5, **where),
        condition("self_bleu", "people", 40.0, **where),
        condition("semantic_sentences", **{**sources, "estimate": 0.94, "low": 0.93, "high": 0.95}),
        condition("heaps_k", **sources),
    )
    found = compare_published(numbers, rows, own, GIVEN, PART_OF, lookup)
    by = {(r["metric"], r["condition"], r["statistic"]): r for r in found.to_dicts()}
    ppl = by["ppl_human_text", "human", "mean"]
    assert ppl["value"] == pytest.approx(math.exp(1.5)) and ppl["own"] == "NLL of human text"
    assert (ppl["low"], ppl["high"]) == pytest.approx((math.exp(1.4), math.exp(1.6)))
    aggregated = by["lexical_diversity_sb3", "human", "score"]
    assert (aggregated["value"], aggregated["low"], aggregated["high"]) == (60, 59.9, 60.1)
    assert aggregated["own"] == "100 − Self-BLEU"
    bleu = by["self_bleu3", "human", "score"]
    assert bleu["reproduced"] == 48 and bleu["own"] is None
    distance = by["semantic_diversity", "gemma", "mean"]
    assert (distance["variant"], distance["value"]) == ("sentence_pairs", 0.94)
    assert distance["n_reported"] == 7000
    assert by["heaps", "gemma", "K"]["own"] is None, "a part's vocabulary is not that of the whole"
    spread = by["lexical_diversity_sb3", "llama", "sd"]
    assert (spread["reported"], spread["reproduced"]) == (14.54, 14.0)


def test_contrasts_compare_directions(numbers):
    values = {"single-small": 0.95, "multi-small": 0.94, "people": 0.93, "vanilla": 0.92}
    rows = paper(
        *(
            ("semantic_diversity", "sentence_pairs", "l8", mix, "test", "mean", value, 5000)
            for mix, value in values.items()
        ),
        ("semantic_diversity", "sentence_pairs", "l8", "people", "test", "se_pairs_iid", 1.0, 1),
        ("semantic_diversity", "sentence_pairs", "l8", "people, vanilla, single-small, multi-small",
         "test", "kruskal_H", 5.0, 40000),
    )  # fmt: skip
    compared = compare_published(numbers, rows, summary(), GIVEN, {}, lookup)
    found = published_contrasts(compared)
    assert found.schema == CONTRASTS and found.height == 6
    agree = {(r["first"], r["second"]): r["agree"] for r in found.to_dicts()}
    assert agree == {
        ("single small", "multi small"): "yes",
        ("single small", "human"): "no",
        ("single small", "vanilla"): "yes",
        ("multi small", "human"): "no",
        ("multi small", "vanilla"): "no",
        ("human", "vanilla"): "yes",
    }
    one = found.row(0, named=True)
    assert one["reported"] == pytest.approx(0.956516 - 0.953474)
    assert one["reproduced"] == pytest.approx(0.01)
    told = published_collapse_findings(compared, found)
    assert told[0].startswith("5 published numbers")
    assert "Semantic diversity: 3 of 6 published differences" in told[1]


def test_every_published_central_value_can_meet_a_study(numbers):
    """Where the study gives the published numbers themselves, all differences are nil."""
    cells = StudyCells(GIVEN, PART_OF)
    rows, wanted = [], 0
    for row in numbers.to_dicts():
        members = cells.members(row["target"], row["condition"], row["tier"])
        variant = cells.variant(row["variant"], members) if members else ""
        if (row["metric"], variant.split(":")[0], row["statistic"]) in COUNTERPARTS:
            wanted += 1
            target, mix = members[0]
            key = (row["metric"], variant, target, mix, "", row["statistic"])
            rows.append((*key, row["value"], row["n"]))
    found = compare_published(numbers, paper(*rows), summary(), GIVEN, PART_OF, lookup)
    found = found.filter(pl.col("metric") != "self_bleu3")
    assert found.height == wanted > 80
    assert found["difference"].to_list() == [0.0] * wanted
    assert set(published_contrasts(found)["agree"]) <= {"yes", "no", "tie reported"}
    assert published_contrasts(found).filter(pl.col("reported") != 0)[
        "agree"
    ].unique().to_list() == ["yes"]


def test_a_study_without_a_common_cell_has_an_empty_table(numbers, tmp_path):
    found = compare_published(numbers, paper(), summary(), PublishedCells(), {}, lookup)
    assert found.schema == PUBLISHED_COLLAPSE_SCHEMA and found.is_empty()
    assert published_contrasts(found).schema == CONTRASTS
    assert published_collapse_findings(found, published_contrasts(found)) == []


def test_tables_are_written_for_readers(numbers, tmp_path):
    rows = paper(
        ("heaps", "linear_fit, untrained splitter", "l8", "people", "test", "K", None, 900),
        ("heaps", "linear_fit, untrained splitter", "l8", "people", "test", "beta", 0.6, 3000),
        ("ppl_human_text", "raw", "l8", "people", "test", "mean", math.inf, 3),
    )
    own = summary(condition("human_nll", "people", 1.5, model="l8"))
    variants = paper_variants(rows, own, lookup)
    assert variants.height == 3
    assert variants["metric"].to_list()[:2] == ["Heaps' law: K", "Heaps' law: beta"]
    assert variants["variant"][0] == "paper: linear_fit, untrained splitter"
    assert variants["value"][2] == pytest.approx(math.exp(1.5))
    assert variants["differs"].null_count() == 0
    compared = compare_published(numbers, rows, own, GIVEN, {}, lookup)
    frames = {"published": compared, "published-contrasts": published_contrasts(compared)}
    write_tables(computed_tables({**frames, "paper-variants": variants}), tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.stat().st_size]) == 9
    text = (tmp_path / "paper-variants.md").read_text()
    assert "untrained splitter" in text and "4.48" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": {"a": "8B", "b": "8B"}}, "two entries are the published 8B"),
        ({"sources": {"a": "llama"}}, "pattern"),
        ({"sources": {"a": "llama:small", "b": "llama:small"}}, "llama:small"),
        ({"conditions": {"a": {"condition": "human", "tier": "small"}}}, "no tier for human and vanilla"),
        ({"conditions": {"a": {"condition": "single", "tier": "none"}}}, "set a tier for single and multi"),
        (
            {"conditions": {m: {"condition": "multi", "tier": "large"} for m in "ab"}},
            "two entries are the published",
        ),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        PublishedCells.model_validate(change)
