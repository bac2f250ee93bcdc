"""Which figures a study has: known from its config, all measures drawn, none twice."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml
from repository import ROOT

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.measures import all_measures
from manybaskets.measures.selection import measured_names
from manybaskets.presentation.figures import panel_grid
from manybaskets.presentation.figures.registry import FIGURES
from manybaskets.report.figures import planned_figures

SMALL = {
    "study": "small",
    "dataset": {"kind": "embedded", "rows": 600},
    "split": {"parts": 2},
    "models": {name: {"kind": "embedded", "architecture": name, "habit": "lister"}
               for name in ("llama", "qwen")},
    "sources": {name: {"model": name} for name in ("llama", "qwen")},
    "mixes": {"human": {"kind": "human"}, "single-llama": {"kind": "single", "source": "llama"},
              "multi": {"kind": "multi", "sources": ["llama", "qwen"]}},
    "targets": ["llama"],
    "measures": ["self_bleu", "response_words", "habit_lister", "style_lists"],
    "comparisons": {"first": {"baseline": "human", "conditions": ["multi"], "measures": ["self_bleu"]}},
}  # fmt: skip
DESCRIBED = {"source_analysis": {"measures": ["self_bleu", "style_lists"]}}


def study(**changes) -> Study:
    return Study.model_validate({**SMALL, **changes})


def drawn(planned, kind):
    """All panels of a kind of figure."""
    return [tuple(panel) for figure in planned.values() if figure.kind == kind
            for panel in figure.options["panels"]]  # fmt: skip


def test_a_small_study_has_the_figures_of_what_it_measures():
    planned = planned_figures(study())
    assert list(planned) == ["multi-against-singles", "differences-first", "conditions", "distributions", "growth", "style",
                             "habits", "training-curves", "knowledge"]  # fmt: skip
    assert planned["habits"].options["measures"] == ["habit_lister"]
    every = {*measured_names(study(), "test")} - {"habit_lister", "style_lists"}
    assert {measure for measure, _ in drawn(planned, "conditions")} == every


def test_sources_are_drawn_where_they_are_described_and_alone():
    planned = planned_figures(study(**DESCRIBED))
    assert {"conditions-sources", "distributions-sources", "growth-sources", "source-distances",
            "source-map"} <= set(planned)  # fmt: skip
    for name, figure in planned.items():
        sets = {prompt_set for _, prompt_set in figure.options.get("panels", [])}
        assert sets <= ({"train"} if "sources" in name else {"test"})


def test_a_study_of_sources_alone_has_no_figure_of_runs():
    alone = {key: value for key, value in SMALL.items()
             if key not in ("mixes", "targets", "measures", "comparisons")}  # fmt: skip
    planned = planned_figures(Study.model_validate({**alone, **DESCRIBED}))
    assert not {"conditions", "growth", "training-curves"} & set(planned)
    assert {"conditions-sources", "growth-sources", "style"} <= set(planned)
    tables = {table for figure in planned.values() for table in figure.tables}
    assert "curves" not in tables and "divergence" not in tables


def test_every_measure_of_a_long_list_is_drawn_once_and_pages_stay_low():
    names = [each.name for each in all_measures()
             if each.lexical and each.variant == "default"][:20]  # fmt: skip
    names += ["response_words"]
    many = study(measures=[*names, *(f"{name}@len_matched" for name in names[:16])])
    planned = planned_figures(many)
    panels = drawn(planned, "conditions")
    listed = [name for name in measured_names(many, "test") if "fit_ok" not in name]
    assert Counter(panels) == Counter((name, "test") for name in listed)
    assert {"conditions", "conditions-2"} <= set(planned)
    titles = [figure.title for figure in planned.values() if figure.kind == "conditions"]
    assert titles[0] == f"All conditions (1 of {len(titles)})"


@pytest.mark.parametrize("count", [1, 2, 5, 9, 10, 31])
def test_pages_hold_everything_in_order_and_no_more_than_fits(count):
    chunks = panel_grid.pages(list(range(count)), 9, 3)
    assert [item for chunk in chunks for item in chunk] == list(range(count))
    assert max(map(len, chunks)) <= 9 and len(chunks) == -(-count // 9)
    assert panel_grid.pages([], 9) == []


def test_a_page_is_not_higher_than_the_config_allows():
    settings = study().figures
    names = [f"condition-{index}" for index in range(12)]
    arranged = panel_grid.arrange(["A title that is long enough to be broken twice"] * 70, names,
                              settings)  # fmt: skip
    assert arranged.height * arranged.per_page / arranged.columns <= settings.height
    thirteen = panel_grid.arrange_cells(5, [f"source-{i}" for i in range(13)], settings)
    assert thirteen.height * thirteen.per_page / thirteen.columns <= settings.height


def test_families_whose_names_clash_with_a_page_are_refused():
    long = [f"{name}@{variant}" for name in ("self_bleu", "mtld", "mattr", "hdd", "vocabulary",
            "distinct_1", "distinct_2", "token_entropy") for variant in ("len_matched",
            "token_budget")]  # fmt: skip
    family = {"baseline": "human", "conditions": ["multi", "single-llama"], "measures": long}
    clash = {"a": {**family}, "a-2": {**family, "measures": long[:1]}}
    low = {"height": 3.1}
    with pytest.raises(UserError, match="differences-a-2"):
        planned_figures(study(measures=long, comparisons=clash, figures=low))


@pytest.mark.parametrize("config", ["config.yaml", "synthetic-eggs.yaml", "wildchat-50m.yaml"])
def test_every_figure_of_the_shipped_studies_can_be_drawn_and_has_a_caption(config):
    shipped = Study.model_validate(yaml.safe_load((ROOT / "config" / config).read_text()))
    for figure in planned_figures(shipped).values():
        assert len(FIGURES.get(figure.kind).caption) > 100, figure.kind
        assert figure.tables and figure.title
