"""Figures: stable bytes, stable colours, and files also where there is nothing to draw."""

import matplotlib as mpl
import polars as pl
import pytest
from fabricated_results import KINDS, compared, difference, lookup, summary

from manybaskets.config.analysis import Figures
from manybaskets.figures import condition_style, plots, style

SETTINGS = Figures(dpi=60)
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


def draw(name, stem):
    """Draw one figure of planted data."""
    shared = {"kinds": KINDS, "settings": SETTINGS, "lookup": lookup}
    pairs = [difference(m, mix) for m in ("entropy", "own_nll") for mix in KINDS if mix != "human"]
    match name:
        case "conditions":
            return plots.conditions(summary(), stem, **shared)
        case "differences":
            return plots.differences(compared(*pairs), "against-human", stem, **shared)
        case "habits":
            return plots.habits(summary(), stem, **shared)
        case "training_curves":
            return plots.training_curves(CURVES, stem, kinds=KINDS, settings=SETTINGS)
        case "knowledge":
            return plots.knowledge(KNOWN, stem, settings=SETTINGS, lookup=lookup)


@pytest.mark.parametrize(
    "name", ["conditions", "differences", "habits", "training_curves", "knowledge"]
)
def test_the_same_data_give_the_same_bytes(name, tmp_path):
    first, second = draw(name, tmp_path / "first"), draw(name, tmp_path / "second")
    assert [path.suffix for path in first] == [".svg", ".png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"<dc:date>" not in first[0].read_bytes()


def test_nothing_to_draw_still_gives_files(tmp_path):
    shared = {"kinds": KINDS, "settings": SETTINGS}
    none = summary().clear()
    for paths in (
        plots.conditions(none, tmp_path / "a", **shared, lookup=lookup),
        plots.differences(compared(), "no-family", tmp_path / "b", **shared, lookup=lookup),
        plots.habits(none, tmp_path / "c", **shared, lookup=lookup),
        plots.training_curves(CURVES.clear(), tmp_path / "d", **shared),
        plots.knowledge(KNOWN.clear(), tmp_path / "e", settings=SETTINGS, lookup=lookup),
    ):
        assert all(path.stat().st_size > 0 for path in paths)


def test_missing_estimates_and_intervals_are_left_out(tmp_path):
    frame = summary().with_columns(
        estimate=pl.when(pl.col("mix") == "human").then(None).otherwise("estimate"),
        low=pl.when(pl.col("mix") == "multi").then(None).otherwise("low"),
    )
    shared = {"kinds": KINDS, "settings": SETTINGS, "lookup": lookup}
    assert plots.conditions(frame, tmp_path / "conditions", **shared)
    assert plots.habits(frame, tmp_path / "habits", **shared)


def test_only_shares_of_habits_belong_to_the_figure_of_habits():
    assert plots.habit_shares(summary(), lookup) == ["habit_terse"]


def test_colours_do_not_depend_on_which_mixes_are_drawn(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        plots.panels, "point", lambda axis, place, row, colour, *_, **__: drawn.append(colour)
    )
    styles = condition_style(KINDS)
    for mix in ("vanilla", *KINDS):
        one = summary().filter(pl.col("mix") == mix, pl.col("measure") == "entropy")
        plots.conditions(one, tmp_path / "one", kinds=KINDS, settings=SETTINGS, lookup=lookup)
    monkeypatch.undo()
    assert drawn == [colour for colour, _ in styles.values()]


def test_kinds_have_their_colours():
    styles = condition_style(KINDS)
    assert list(styles) == ["vanilla", *KINDS]
    assert styles["vanilla"] == style.VANILLA_STYLE
    assert styles["human"][0] == style.BLACK
    assert styles["multi"][0] == style.BLUE
    # A weighted mix that stands first in the config takes no colour from the singles.
    reordered = condition_style({"uneven": "weighted", **KINDS})
    assert reordered["single-qwen"] == styles["single-qwen"]


def test_many_conditions_look_different():
    styles = condition_style({f"single-{index}": "single" for index in range(48)})
    assert len(set(styles.values())) == 49


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    before = dict(mpl.rcParams)
    draw("knowledge", tmp_path / "knowledge")
    assert dict(mpl.rcParams) == before
