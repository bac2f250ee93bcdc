"""Which tables a study has, in which order, and what an extension's table is given."""

from __future__ import annotations

import polars as pl
import pytest
import yaml
from extension_files import extended
from fabricated_results import compared, condition, summary
from repository import ROOT

from manybaskets.config.loading import parse_study
from manybaskets.errors import UserError
from manybaskets.presentation.tables import TABLES, make_tables, table, table_names, tables_of
from manybaskets.report import all_tables
from manybaskets.report.report_sections import check_sections
from manybaskets.report.study_tables import TableContext


def study(config: str = "config.yaml", **changes):
    settings = yaml.safe_load((ROOT / "config" / config).read_text())
    return parse_study(settings | changes, config)


def test_the_order_is_that_of_finished_studies():
    """The rule's parameters hold these names: another order would write all tables again."""
    assert table_names(study()) == [
        "multi-against-singles", "conditions", "comparisons", "source-count-baskets",
        "source-count-trend-baskets", "divergence", "conditions-sources", "comparisons-sources",
        "exclusions", "counts",
    ]  # fmt: skip
    assert table_names(study(), "source_tables") == [
        "similarity", "source-distances", "topics", "style-inheritance",
    ]  # fmt: skip


def test_families_of_numbers_of_sources_stand_one_after_the_other():
    families = {name: {"sources": ["llama", "qwen"], "counts": [1, 2]} for name in ("a", "b")}
    names = [n for n in table_names(study(source_counts=families)) if n.startswith("source-count")]
    assert names == ["source-count-a", "source-count-trend-a",
                     "source-count-b", "source-count-trend-b"]  # fmt: skip


def test_a_study_of_sources_alone_has_no_table_of_runs():
    names = table_names(study(targets=[], mixes={}, source_counts={}, comparisons={}, measures=[],
                              robustness=None, preference=None))  # fmt: skip
    assert names[0] == "conditions-sources" and not {"conditions", "divergence"} & set(names)


def test_every_table_says_what_it_shows():
    for name, definition in TABLES.items():
        assert definition.title and (len(definition.caption) >= 15 or name == "knowledge"), name


def test_rows_come_in_the_order_of_the_config_whatever_the_table():
    plain = study()
    mixes = [mix for mix in plain.mixes if mix not in plain.sources and mix != "human"]
    rows = summary(*(condition("response_words", mix, 1.0) for mix in reversed(mixes)))
    context = TableContext.of(plain)
    frames = context.sorted({"summary": rows, "comparisons": compared()})
    with extended("words_table.py", tables=TABLES):
        made = make_tables(["words"], frames, context)
    assert made["words"].frame["mix"].to_list() == mixes


def test_the_report_shows_an_extensions_table_last_in_its_section():
    with extended("words_table.py", tables=TABLES):
        runs = [name for name, each in tables_of(study()).items() if each.section == "runs"]
        assert runs[-1] == "words" and all_tables.table_names(study())[-1] == "words"


def test_a_section_that_does_not_exist_is_refused(monkeypatch):
    monkeypatch.setattr(TABLES, "_values", dict(TABLES._values))
    table(name="x", title="X", caption="Caption.", section="elsewhere")(lambda *_: pl.DataFrame())
    with pytest.raises(UserError, match="no section 'elsewhere' for the table 'x'") as caught:
        check_sections(study())
    assert "robustness" in caught.value.expected
