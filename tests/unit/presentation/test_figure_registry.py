"""Figures by registration: pages from the config, captions, an extension's figure."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from extension_files import extended
from fabricated_results import KINDS, condition, summary

from manybaskets.config.evaluation import Figures
from manybaskets.errors import UserError
from manybaskets.presentation.figures import registry
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.presentation.figures.registry import Page, PlannedFigure, figure, numbered
from manybaskets.registry import Registry

STUDY = SimpleNamespace(targets=["llama"])


@pytest.fixture
def empty(monkeypatch) -> None:
    """An empty registry in place of the library's."""
    monkeypatch.setattr(registry, "FIGURES", Registry("figure"))


def test_a_file_adds_a_figure_without_touching_the_library(tmp_path):
    rows = summary(*(condition("response_words", mix) for mix in KINDS))
    with extended("words_figure.py", figures=registry.FIGURES):
        (planned,) = registry.FIGURES.get("words").plan(STUDY)
        assert (planned.name, planned.pages) == ("words", [Page("Words per answer")])
        look = Look(Figures(), KINDS)
        drawn = registry.draw("words", tmp_path / "words", {"summary": rows}, {}, look)
        again = registry.draw("words", tmp_path / "again", {"summary": rows}, {}, look)
    assert [file.name for file in drawn] == ["words.svg", "words.png"]
    assert [file.read_bytes() for file in drawn] == [file.read_bytes() for file in again]
    assert "words" not in registry.FIGURES


def test_pages_options_and_sections_come_from_the_plan(empty):
    def plan(study):
        pages = numbered("Runs", [{"panels": [1]}, {"panels": [2]}])
        yield PlannedFigure("of-runs", pages)
        yield PlannedFigure("of-sources", [Page("Sources", {"panels": [3]})], "sources")

    figure(kind="k", caption="C.", needs=("a", "b"), plan=plan)(lambda *given: [])
    made = registry.planned_figures(STUDY)
    assert list(made) == ["of-runs", "of-runs-2", "of-sources"]
    assert [each.title for each in made.values()] == ["Runs (1 of 2)", "Runs (2 of 2)", "Sources"]
    assert [each.section for each in made.values()] == ["runs", "runs", "sources"]
    assert made["of-runs-2"].options == {"panels": [2]} and made["of-runs"].tables == ("a", "b")


def test_a_study_may_lack_a_figure(empty):
    figure(kind="k", title="T", caption="C.", when=lambda study: not study.targets)(lambda: [])
    assert registry.planned_figures(STUDY) == {}
    assert list(registry.planned_figures(SimpleNamespace(targets=[]))) == ["k"]


def test_two_figures_never_share_a_name(empty):
    figure(kind="k", caption="C.", plan=lambda study: [
        PlannedFigure("k", [Page("One"), Page("Two")])])(lambda: [])  # fmt: skip
    figure(kind="k-2", title="T", caption="C.")(lambda: [])
    with pytest.raises(UserError, match="k-2"):
        registry.planned_figures(STUDY)


def test_a_registration_has_either_a_title_or_a_plan(empty):
    with pytest.raises(ValueError, match="title"):
        figure(kind="k", caption="C.")(lambda: [])
    with pytest.raises(ValueError, match="title"):
        figure(kind="k", title="T", caption="C.", plan=lambda study: [])(lambda: [])


def test_tables_and_options_reach_the_drawing_function(empty):
    def drawn(first, second, **more):
        return [first, second, more]

    figure(kind="k", title="T", caption="C.", needs=("a", "b"))(drawn)
    first, second, more = registry.draw("k", "stem", {"a": 1, "b": 2}, {"panels": []}, "look")
    assert (first, second) == (1, 2) and more == {"stem": "stem", "panels": [], "look": "look"}
