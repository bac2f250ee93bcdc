"""Figures of self-preference: stable bytes, pages, and files for nothing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from planted_judges import AUTHORS, MODELS, ROLES, Corpus, Planted, Script
from preference_pages import preference_pages

from manybaskets.config.evaluation import Figures, Statistics
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.figures import author_matrix
from manybaskets.experiments.preference.figures.author_matrix import matrix_height
from manybaskets.experiments.preference.figures.scope import Scope
from manybaskets.experiments.preference.roles import Roles
from manybaskets.presentation.figures import panel_drawing as pieces
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.report.figures import draw

WAYS = [["corrected", "pairwise"], ["corrected", "absolute"], ["paper", "pairwise"]]
ASKED = [["corrected", "A/B"], ["corrected", "1/2"], ["paper", "A/B"]]
SETTINGS = Figures(dpi=50)
LOOK = Look(SETTINGS, {"single": "single", "multi": "multi"}, {"single": ["llama"], "multi": MODELS},
            ["llama"], ["human", *MODELS])  # fmt: skip


def planned(roles: Roles = ROLES, settings: Figures = SETTINGS) -> dict:
    scope = Scope(roles, WAYS, ASKED, golds=1, discriminating=True, settings=settings)
    made: dict[str, list] = {}
    for page in preference_pages(scope).values():
        made.setdefault(page.kind, []).append(page)
    return made


@pytest.fixture(scope="module")
def frames():
    script = Script(Corpus(articles=10), np.random.default_rng(2))
    script.write("own")
    readings = [
        script.read(Planted(self_bias=1.0)),
        script.read(Planted(self_bias=1.0), variant="paper"),
        script.read(Planted(), "single", (1, 2), authors=[*AUTHORS, "own"]),
        script.read(Planted(quality=0.0, noise=0.0, place=1.0), "multi", (1,)),
        script.read(Planted(), "gold", target="olmo", mine=()),
    ]
    return preference_statistics(
        pl.concat(readings), ROLES, Statistics(bootstrap_resamples=199, sign_flips=99), 1
    )


NAMES = list(planned())


@pytest.mark.parametrize("name", NAMES)
def test_the_same_numbers_give_the_same_bytes_in_any_order(name, frames, tmp_path):
    (figure,) = planned()[name]
    files = []
    for turn, folder in ((lambda f: f, "one"), (lambda f: f.reverse(), "two")):
        (tmp_path / folder).mkdir()
        tables = {table: turn(frames[table]) for table in figure.tables}
        files.append(draw(figure.kind, tmp_path / folder / name, tables, figure.options, LOOK))
    assert [path.suffix for path in files[0]] == [".svg", ".png"]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_draw_still_gives_files(name, frames, tmp_path):
    (figure,) = planned()[name]
    tables = {table: frames[table].clear() for table in figure.tables}
    for path in draw(figure.kind, tmp_path / name, tables, figure.options, LOOK):
        assert path.stat().st_size > 0


@pytest.mark.parametrize("name", NAMES)
def test_judges_without_numbers_are_drawn(name, frames, tmp_path):
    (figure,) = planned()[name]
    tables = {}
    for table in figure.tables:
        frame = frames[table]
        floats = [column for column in frame.columns if frame[column].dtype == pl.Float64]
        of_multi = pl.col("mix") == "multi"
        tables[table] = frame.with_columns(
            pl.when(of_multi).then(None).otherwise(pl.col(column)).alias(column)
            for column in floats
        )
    for path in draw(figure.kind, tmp_path / name, tables, figure.options, LOOK):
        assert path.stat().st_size > 0


def test_targets_have_pages_of_their_own():
    roles = Roles(
        selves={"llama": "llama", "qwen": "qwen"}, models=MODELS, mixes=["vanilla", "single"]
    )
    for pages in planned(roles).values():
        assert {page.options["target"] for page in pages} == {"llama", "qwen"}
        assert {page.title.partition(": ")[2] for page in pages} == {"llama", "qwen"}


def test_many_judges_go_on_over_pages():
    mixes = ["vanilla", *(f"mix{place}" for place in range(7))]
    pages = planned(Roles(selves={"llama": "llama"}, models=MODELS, mixes=mixes))
    matrix = pages["preference-matrix"]
    assert len(matrix) == 2
    assert [way for page in matrix for way in page.options["ways"]] == WAYS
    height = matrix_height(9, SETTINGS) * len(matrix[0].options["ways"])
    assert height < SETTINGS.height


@pytest.mark.parametrize(
    ("way", "said"), [(WAYS[0], "red: preferred"), (WAYS[1], "darker: higher")]
)
def test_a_matrix_has_a_key_to_its_colours(frames, monkeypatch, tmp_path, way, said):
    figures = []
    monkeypatch.setattr(author_matrix, "save_figure", lambda page, *_: figures.append(page))
    draw("preference-matrix", tmp_path / "x", {"preference-matrix": frames["preference-matrix"]},
         {"target": "llama", "ways": [way], "authors": [*MODELS, "human"]}, LOOK)  # fmt: skip
    _, key = figures[0].axes
    assert key.get_ylabel() == said and len(key.get_yticks()) >= 2


@pytest.fixture
def points(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        pieces, "point",
        lambda axis, place, row, colour, marker, filled=True: drawn.append(
            (round(place, 2), round(row["estimate"], 6), marker, filled)
        ),
    )  # fmt: skip
    return drawn


def test_what_cannot_be_interpreted_is_crossed(frames, points, tmp_path):
    draw("preference-bias", tmp_path / "x", {"preference": frames["preference"]},
         {"target": "llama", "ways": WAYS[:1]}, LOOK)  # fmt: skip
    spb = {
        (row["mix"], row["self"]): round(row["spb"], 6)
        for row in frames["preference"].filter(
            pl.col("variant") == "corrected", pl.col("protocol") == "pairwise"
        ).iter_rows(named=True)
    }  # fmt: skip
    of_spb = {(place, value): marker for place, value, marker, _ in points}
    assert of_spb[-0.18, spb["vanilla", "base"]] == "o"
    assert of_spb[1.18, spb["single", "own"]] == "D"
    assert of_spb[1.82, spb["multi", "base"]] == "x"
