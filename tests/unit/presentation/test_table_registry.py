"""Tables by registration: names from the config, files and captions, an extension's table."""

from __future__ import annotations

from types import SimpleNamespace

import polars as pl
import pytest
from extension_files import extended
from fabricated_results import summary

from manybaskets.errors import UserError
from manybaskets.presentation import tables
from manybaskets.presentation.tables import computed_table, make_tables, table, table_names
from manybaskets.registry import Registry

ROWS = pl.DataFrame({"model": ["a", "b"], "value": [1.0, 2.0]})


@pytest.fixture
def registry(monkeypatch) -> Registry:
    """An empty registry in place of the library's."""
    empty = Registry("table")
    monkeypatch.setattr(tables, "TABLES", empty)
    return empty


def registered(name: str, **more) -> None:
    table(name=name, title=f"Title of {name}", caption="Caption.", **more)(lambda *given: given[0])


def study(*families: str) -> SimpleNamespace:
    return SimpleNamespace(source_counts=list(families), targets=["llama"])


def test_a_file_adds_a_table_without_touching_the_library(tmp_path):
    with extended("words_table.py", tables=tables.TABLES):
        assert tables.needed_frames(["words"]) == ["summary"]
        made = make_tables(["words"], {"summary": summary()}, None)
        tables.write_tables(made, tmp_path)
    assert made["words"].title == "Words per answer"
    written = pl.read_csv(tmp_path / "words.csv")
    assert written.columns[:3] == ["model", "mix", "prompt_set"] and written.height == 6
    assert {file.suffix for file in tmp_path.iterdir()} == {".csv", ".md", ".tex"}
    assert "Mean number of words" in (tmp_path / "words.md").read_text()
    assert "words" not in tables.TABLES


def test_names_follow_from_the_config_member_by_member(registry):
    def families(study):
        return study.source_counts

    registered("first")
    registered("count-{member}", members=families)
    registered("trend-{member}", members=families, when=lambda study: study.targets)
    registered("last", when=lambda study: not study.targets)
    assert table_names(study("a", "b")) == ["first", "count-a", "trend-a", "count-b", "trend-b"]
    assert table_names(study()) == ["first"]


def test_a_table_of_a_member_is_given_its_member(registry):
    seen = []

    @table(name="of-{member}", title="Of {member}", caption="C.", needs=("rows", "more"),
           members=lambda study: study.source_counts)  # fmt: skip
    def of_member(*given):
        seen.extend(given[2:])
        return given[1]

    made = make_tables(["of-big"], {"more": ROWS, "rows": ROWS.head(0)}, "context")
    assert seen == ["context", "big"]
    assert made["of-big"].title == "Of big" and made["of-big"].frame.equals(ROWS)


def test_two_tables_never_share_a_name(registry):
    registered("count-x")
    registered("count-{member}", members=lambda study: study.source_counts)
    assert table_names(study("y")) == ["count-x", "count-y"]
    with pytest.raises(UserError, match="count-x"):
        table_names(study("x"))
    with pytest.raises(ValueError, match="already registered"):
        registered("count-x")


def test_rules_write_their_own_tables(registry):
    registered("ours")
    registered("theirs", rule="robustness_tables")
    computed_table(name="speed", title="Speed", caption="C.", section="sources", rule="throughput")
    assert table_names(study()) == ["ours"]
    assert table_names(study(), "robustness_tables") == ["theirs"]
    assert table_names(study(), "throughput") == ["speed"]
    shown = tables.computed_tables({"speed": ROWS})["speed"]
    assert shown.title == "Speed" and shown.frame is ROWS


def test_an_unknown_table_lists_those_that_exist(registry):
    registered("ours")
    with pytest.raises(UserError, match="words") as caught:
        make_tables(["words"], {}, None)
    assert "ours" in caught.value.expected
