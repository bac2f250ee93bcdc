"""Figures: stable bytes, stable colours, every point where it belongs, and files for nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import fabricated_figures as fabricated
import matplotlib as mpl
import numpy as np
import polars as pl
import pytest
from fabricated_results import (
    KINDS,
    blended,
    blends,
    compared,
    condition,
    difference,
    lookup,
    summary,
)
from matplotlib.colors import to_rgb
from PIL import Image

from manybaskets.config.evaluation import Figures
from manybaskets.presentation.figures import figure_style, intervals, panel_drawing
from manybaskets.presentation.figures.figure_style import Look, condition_style, source_style
from manybaskets.report.figures import (
    ablation,
    boxes,
    growth_curves,
    heatmaps,
    maps,
    plots,
    profiles,
)

SOURCES = ["human", "llama", "qwen", "gemma"]
MIX_SOURCES = {
    "human": ["human"],
    "single-llama": ["llama"],
    "single-qwen": ["qwen"],
    "multi": ["llama", "qwen"],
    "uneven": ["llama", "gemma"],
}
LOOK = Look(Figures(dpi=50), KINDS, MIX_SOURCES, ["llama", "mistral"], SOURCES)
CONDITIONS = ["vanilla", *KINDS]
CURVES = pl.DataFrame(
    [
        {"model": "llama", "mix": mix, "seed": seed, "step": step, "kind": kind, "loss": 3 / step}
        for mix in KINDS
        for seed in (1, 2)
        for step in (10, 20, 30)
        for kind in ("train", "eval")
    ]
)
KNOWN = pl.DataFrame(
    [
        {"model": "llama", "measure": name, "value": 0.8, "low": 0.7, "high": 0.9, "n": 200}
        for name in ("entropy", "not_registered")
    ]
)
MEASURES = ["entropy", "own_nll"]
PANELS = [[name, "test"] for name in MEASURES]
PAIRED = compared(*(difference(m, mix) for m in MEASURES for mix in KINDS if mix != "human"))
BLENDED = blends(
    *(blended(m, value, against=kind) for m in MEASURES
      for value, kind in zip((0.5, -0.1, 0.0), intervals.BLEND_KINDS, strict=True))
)  # fmt: skip
MEMBERS = {"single-llama": ["llama"], "single-qwen": ["qwen"], "multi": ["llama", "qwen"]}

# Each figure of planted data, and of tables without rows.
FIGURES = {
    "conditions": lambda stem, rows: intervals.draw_conditions(
        rows(summary()), stem, panels=PANELS, look=LOOK, lookup=lookup
    ),
    "differences": lambda stem, rows: intervals.draw_differences(
        rows(PAIRED), "against-human", stem, panels=PANELS, look=LOOK, lookup=lookup
    ),
    "multi-against-singles": lambda stem, rows: intervals.draw_blends(
        rows(BLENDED), stem, mixes=["multi"], panels=PANELS, look=LOOK, lookup=lookup
    ),
    "distributions": lambda stem, rows: boxes.distributions(
        rows(fabricated.quantiles(MEASURES, CONDITIONS)), rows(summary()), stem, panels=PANELS,
        look=LOOK, lookup=lookup,
    ),
    "source-distances": lambda stem, rows: heatmaps.source_distances(
        rows(fabricated.distances(SOURCES, ["embedding", "meteor"])), stem,
        kinds=["embedding", "meteor"], look=LOOK,
    ),
    "divergence": lambda stem, rows: heatmaps.divergence(
        rows(fabricated.divergences(list(KINDS))), stem, look=LOOK
    ),
    "growth": lambda stem, rows: growth_curves.growth(
        rows(fabricated.grown(CONDITIONS)), rows(fabricated.laws(CONDITIONS)), stem,
        prompt_set="test", look=LOOK,
    ),
    "source-map": lambda stem, rows: maps.source_map(
        rows(fabricated.mapped(SOURCES)), stem, look=LOOK
    ),
    "style": lambda stem, rows: profiles.style(
        rows(fabricated.styled(CONDITIONS, SOURCES, MEASURES)), stem, measures=MEASURES, look=LOOK,
        lookup=lookup,
    ),
    "source-count": lambda stem, rows: ablation.source_counts(
        rows(summary()), stem, members=MEMBERS, measures=MEASURES, look=LOOK, lookup=lookup
    ),
    "habits": lambda stem, rows: plots.habits(
        rows(summary()), stem, measures=["habit_terse"], look=LOOK, lookup=lookup
    ),
    "training-curves": lambda stem, rows: plots.training_curves(rows(CURVES), stem, look=LOOK),
    "knowledge": lambda stem, rows: plots.knowledge(rows(KNOWN), stem, look=LOOK, lookup=lookup),
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_data_give_the_same_bytes_in_any_order(name, tmp_path):
    first = FIGURES[name](tmp_path / "first", lambda frame: frame)
    # The figures of habits and of knowledge keep the order that they are given.
    kept = name in ("habits", "knowledge")
    second = FIGURES[name](tmp_path / "second", lambda frame: frame if kept else frame.reverse())
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"<dc:date>" not in first[0].read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_to_draw_still_gives_files(name, tmp_path):
    for path in FIGURES[name](tmp_path / "empty", lambda frame: frame.clear()):
        assert path.stat().st_size > 0


def test_missing_estimates_and_intervals_are_left_out(tmp_path):
    frame = summary().with_columns(
        estimate=pl.when(pl.col("mix") == "human").then(None).otherwise("estimate"),
        low=pl.when(pl.col("mix") == "multi").then(None).otherwise("low"),
    )
    for name in ("conditions", "habits", "source-count", "distributions"):
        assert FIGURES[name](tmp_path / name, lambda table: frame if "low" in table else table)


@pytest.mark.parametrize("name", ["conditions", "differences", "distributions", "source-count"])
def test_a_perplexity_beyond_all_bounds_does_not_stop_a_figure(name, tmp_path, recwarn):
    def huge(frame):
        columns = [c for c in ("estimate", "high", "difference", "value") if c in frame.columns]
        first = pl.int_range(pl.len()) % 3 == 0
        raised = [pl.when(first).then(800.0).otherwise(c).alias(c) for c in columns]
        return frame.with_columns(raised)

    for path in FIGURES[name](tmp_path / name, huge):
        assert path.stat().st_size > 0
    assert not recwarn.list


@pytest.fixture
def points(monkeypatch):
    """Points that a figure draws, instead of drawing them: place, estimate, colour, marker, filled."""
    drawn = []

    def record(axis, place, row, colour, marker, filled=True):
        drawn.append((place, row["estimate"], colour, marker, filled))

    monkeypatch.setattr(panel_drawing, "point", record)
    return drawn


def test_colours_do_not_depend_on_which_mixes_are_drawn(tmp_path, points):
    for mix in CONDITIONS:
        one = summary().filter(pl.col("mix") == mix)
        intervals.draw_conditions(
            one, tmp_path / "one", panels=PANELS[:1], look=LOOK, lookup=lookup
        )
    assert [point[2:4] for point in points] == list(LOOK.conditions.values())


def test_targets_stand_in_blocks_below_their_names(tmp_path, points):
    rows = [condition(mix=mix, estimate=e, model=model)
            for e, (model, mix) in enumerate([("mistral", "multi"), ("llama", "human"),
                                              ("mistral", "human"), ("llama", "multi")])]  # fmt: skip
    intervals.draw_conditions(
        summary(*rows), tmp_path / "two", panels=PANELS[:1], look=LOOK, lookup=lookup
    )
    assert {point[1]: point[0] for point in points} == {1: 1, 3: 2, 2: 4, 0: 5}


def test_a_figure_draws_its_panels_only(tmp_path, points):
    rows = [condition("entropy", estimate=1.0), condition("words", estimate=2.0),
            condition("entropy", estimate=3.0, prompt_set="refused")]  # fmt: skip
    intervals.draw_conditions(
        summary(*rows), tmp_path / "one", panels=[["entropy", "refused"]], look=LOOK, lookup=lookup
    )
    assert [point[1] for point in points] == [3.0]


def test_differences_are_filled_where_interval_and_test_agree(tmp_path, points):
    rows = [difference(mix="multi", p_holm=0.01), difference(mix="uneven", p_holm=0.2),
            difference(mix="single-llama", p=None, p_holm=None),
            difference(mix="single-qwen", value=0.1, low=-0.05, p_holm=0.01)]  # fmt: skip
    intervals.draw_differences(
        compared(*rows), "against-human", tmp_path / "d", panels=PANELS[:1], look=LOOK,
        lookup=lookup,
    )  # fmt: skip
    by_marker = {point[3]: point[4] for point in points}
    styles = LOOK.conditions
    assert by_marker[styles["multi"][1]] is True
    assert by_marker[styles["uneven"][1]] is False
    assert by_marker[styles["single-llama"][1]] is False
    assert by_marker[styles["single-qwen"][1]] is False


def test_a_blend_has_a_row_for_each_comparison(tmp_path, points):
    untested = blended(against=intervals.BLEND_KINDS[2], p_holm=None, n_seeds=1)
    rows = blends(
        blended(), blended(against=intervals.BLEND_KINDS[1], value=0.0, p_holm=0.9), untested,
        blended(mix="uneven"),
    )  # fmt: skip
    intervals.draw_blends(
        rows, tmp_path / "b", mixes=["multi"], panels=PANELS[:1], look=LOOK, lookup=lookup
    )
    assert [(point[0], point[4]) for point in points] == [(0, True), (1, False), (2, False)]


def test_a_source_stands_hollow_beside_the_run_made_of_it(tmp_path, points):
    frame = summary(
        condition("entropy", "single-llama", 1.0),
        condition("entropy", "multi", 2.0),
        condition("entropy", "llama", 3.0, model="sources", prompt_set="train"),
        condition("entropy", "gemma", 4.0, model="sources", prompt_set="train"),
    )
    profiles.style(frame, tmp_path / "style", measures=["entropy"], look=LOOK, lookup=lookup)
    found = {estimate: (place, colour, filled) for place, estimate, colour, _, filled in points}
    own = LOOK.conditions["single-llama"][0]
    assert found[1.0][1:] == (own, True) and found[3.0][1:] == (own, False)
    assert abs(found[1.0][0] - found[3.0][0]) < 0.5
    assert found[2.0][0] == 1 and found[4.0][0] == 3  # below a heading of their own


def cells(frame, tmp_path, monkeypatch):
    """Texts in the cells of a matrix of sources, with their slant."""
    figures = []
    monkeypatch.setattr(heatmaps, "save_figure", lambda figure, *_: figures.append(figure))
    heatmaps.source_distances(frame, tmp_path / "matrix", kinds=["meteor"], look=LOOK)
    return [(text.get_text(), text.get_fontstyle()) for text in figures[0].axes[0].texts]


def test_a_matrix_mirrors_pairs_and_slants_what_is_at_its_floor(tmp_path, monkeypatch):
    frame = fabricated.distances(["human", "llama", "qwen"], ["meteor"])
    texts = cells(frame, tmp_path, monkeypatch)
    values = [text for text in texts if " to " not in text[0]]
    assert len(values) == 6  # three pairs, both ways, and an empty diagonal
    assert [style for _, style in values].count("italic") == 2
    shown = sorted(float(text) for text, _ in values)
    assert shown == pytest.approx(sorted([*frame["value"], *frame["value"]]), abs=1e-4)


def test_a_matrix_of_a_hundred_sources_is_a_picture(tmp_path):
    """Cells that have no room for a value are pixels: a shape of its own for each took minutes and 17 MB."""
    names = [f"model-{number:03d}-instruct" for number in range(100)]
    frame = fabricated.distances(names, ["meteor"])
    look = replace(LOOK, sources=names)
    svg, png = heatmaps.source_distances(frame, tmp_path / "matrix", kinds=["meteor"], look=look)
    assert svg.stat().st_size < 1_000_000
    width, height = Image.open(png).size
    assert height < 1.5 * width


def test_a_pair_that_differs_by_direction_is_not_mirrored(tmp_path, monkeypatch):
    one = fabricated.distances(["human", "llama"], ["meteor"])
    other = one.with_columns(first=pl.col("second"), second=pl.col("first"), value=pl.lit(0.5))
    texts = [text for text, _ in cells(pl.concat([one, other]), tmp_path, monkeypatch)]
    assert "0.500" in texts and len([text for text in texts if " to " not in text]) == 2


def test_several_seeds_are_pooled_and_no_curve_is_drawn_twice(tmp_path, monkeypatch):
    curves = []

    def record(axis, cell, place, look, text):
        curves.append(text)
        axis.plot([], [], label=text)

    monkeypatch.setattr(growth_curves, "_curve", record)
    FIGURES["growth"](tmp_path / "growth", lambda frame: frame)
    assert len(curves) == len(CONDITIONS)
    assert curves[0] == "vanilla\nK 8.00, β 0.550 (0.540 to 0.560)"
    assert curves[-1].endswith("poor fit: do not read K and β")


def test_kinds_have_their_colours():
    styles = condition_style(KINDS)
    assert list(styles) == ["vanilla", *KINDS]
    assert styles["vanilla"] == figure_style.VANILLA_STYLE
    assert styles["human"][0] == figure_style.BLACK
    assert styles["multi"][0] == figure_style.BLUE
    # A weighted mix that stands first in the config takes no colour from the singles.
    reordered = condition_style({"uneven": "weighted", **KINDS})
    assert reordered["single-qwen"] == styles["single-qwen"]


def test_a_source_looks_like_the_single_mix_made_of_it():
    conditions, sources = LOOK.conditions, LOOK.of_sources
    assert sources["human"] == conditions["human"]
    assert sources["llama"] == conditions["single-llama"]
    assert sources["qwen"] == conditions["single-qwen"]
    assert sources["gemma"] not in conditions.values()
    without_mixes = source_style(SOURCES, {}, {})
    assert without_mixes["human"] == conditions["human"]
    assert len(set(without_mixes.values())) == len(SOURCES)


def test_many_conditions_look_different():
    styles = condition_style({f"single-{index}": "single" for index in range(48)})
    assert len(set(styles.values())) == 49
    assert len({colour for colour, _ in styles.values()}) == 49  # lines have no markers


def lightness_and_hue(colour: str) -> np.ndarray:
    """CIE 1976 L*a*b* of an sRGB colour, D65; distances below about ten are hard to see."""
    linear = np.array([part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                       for part in to_rgb(colour)])  # fmt: skip
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.maximum(matrix @ linear / [0.9505, 1.0, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("singles", "least"), [(10, 20), (24, 14)])
def test_colours_can_be_told_apart(singles, least):
    kinds = {"human": "human", "multi": "multi"}
    styles = condition_style(kinds | {f"single-{index}": "single" for index in range(singles)})
    seen = [lightness_and_hue(colour) for colour, _ in styles.values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > least


def drawn_by(module, monkeypatch):
    """Figures that a module would write."""
    figures = []
    monkeypatch.setattr(module, "save_figure", lambda figure, *_: figures.append(figure))
    return figures


def test_dark_cells_of_one_colour_mean_one_thing(tmp_path, monkeypatch):
    """Distances and similarities have different hues, and the key says what dark means."""
    figures = drawn_by(heatmaps, monkeypatch)
    apart = fabricated.distances(["human", "llama", "qwen"], ["embedding"])
    alike = fabricated.distances(["human", "llama", "qwen"], ["meteor"])
    frame = pl.concat([apart.with_columns(scale=pl.lit("distance")),
                       alike.with_columns(scale=pl.lit("similarity"))])  # fmt: skip
    kinds = ["embedding", "meteor"]
    heatmaps.source_distances(frame, tmp_path / "matrix", kinds=kinds, look=LOOK)
    first, second, *keys = figures[0].axes
    darkest = [
        min(axis.images[0].get_array().reshape(-1, 4)[:, :3].tolist(), key=sum)
        for axis in (first, second)
    ]
    assert darkest[0][2] > darkest[0][0]  # blue
    assert darkest[1][0] > darkest[1][2]  # orange
    assert [key.get_ylabel() for key in keys] == ["darker: farther apart", "darker: more alike"]


def test_curves_and_maps_say_in_their_title_what_they_show(tmp_path, monkeypatch):
    for module, name in ((growth_curves, "growth"), (maps, "source-map")):
        figures = drawn_by(module, monkeypatch)
        FIGURES[name](tmp_path / name, lambda frame: frame)
        assert all(axis.get_title(loc="left") for axis in figures[0].axes)


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(mpl.rcParams)
    FIGURES["knowledge"](tmp_path / "knowledge", lambda frame: frame)
    assert dict(mpl.rcParams) == before
