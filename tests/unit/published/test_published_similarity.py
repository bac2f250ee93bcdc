"""Similarity of sources, reported against reproduced."""

from __future__ import annotations

import polars as pl
import pytest
from repository import ROOT

import manybaskets.report.published_tables  # noqa: F401 registers the tables
from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.errors import UserError
from manybaskets.presentation.tables import computed_tables, write_tables
from manybaskets.published.similarity_numbers import (
    PUBLISHED_SIMILARITY_SCHEMA,
    check_similarity,
    compare_similarity,
    load_similarity,
)

NUMBERS = ROOT / "resources" / "published" / "wildchat50m.csv"
FOUND = pl.DataFrame(
    {
        "metric": ["rouge_1", "rouge_1", "rouge_l", "meteor"],
        "source": ["qwen", "other", "qwen", "qwen"],
        "value": [0.30, 0.5, 0.2, None],
        "low": [0.25, 0.4, None, None],
        "high": [0.35, 0.6, None, None],
        "n_prompts": [500, 500, 500, 0],
    }
)


def test_the_published_table_has_26_rows_and_its_known_range():
    reported = load_similarity(NUMBERS)
    assert len({row for row, _ in reported}) == 26 and len(reported) == 3 * 26
    rouge_1 = [float(value) for (_, metric), value in reported.items() if metric == "rouge_1"]
    assert (min(rouge_1), max(rouge_1)) == (0.19, 0.37)
    assert reported["Qwen2.5-72B-Instruct", "rouge_1"] == "0.34"


def test_a_source_meets_its_row_and_its_interval_says_whether_it_agrees(tmp_path):
    found = compare_similarity(
        load_similarity(NUMBERS), FOUND, {"qwen": "Qwen2.5-72B-Instruct", "gone": "x"}
    )
    assert found.schema == PUBLISHED_SIMILARITY_SCHEMA and found.height == 2
    first, second = found.to_dicts()
    assert (first["reported"], first["within"]) == (0.34, "yes")
    assert first["difference"] == pytest.approx(-0.04)
    assert (first["agreement"], second["agreement"]) == (
        "no",
        "same digits" if second["reported"] == 0.2 else "no",
    )
    assert (second["metric"], second["within"]) == ("rouge_l", None)
    assert compare_similarity({}, FOUND, {}).schema == PUBLISHED_SIMILARITY_SCHEMA
    write_tables(computed_tables({"published-similarity": found}), tmp_path)
    assert len([path for path in tmp_path.iterdir() if path.stat().st_size]) == 3


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"llama": "Qwen2.5-7B"}, "'Qwen2.5-7B' is not one of the rows of table T5"),
        ({"nobody": "Qwen2.5-72B-Instruct"}, "'nobody' is not one of the sources"),
    ],
)
def test_unknown_names_are_told_before_the_run(named, message):
    settings = read_yaml(ROOT / "config" / "config.yaml")
    settings |= {
        "source_analysis": {"measures": ["response_words"]},
        "scoring": {"no_scorer_reason": "x"},
    }
    settings["comparisons"] = {}
    settings["published_cells"] = {"similarity": {"qwen": "Qwen2.5-72B-Instruct"}}
    check_similarity(parse_study(settings, "test"), NUMBERS)
    settings["published_cells"] = {"similarity": named}
    with pytest.raises(UserError, match=message):
        check_similarity(parse_study(settings, "test"), NUMBERS)
