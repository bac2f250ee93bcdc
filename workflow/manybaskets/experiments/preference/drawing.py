"""Judges and whom they prefer: matrices, scores by author, biases, places, discrimination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from manybaskets.config.analysis import Figures
from manybaskets.presentation.figures import panels as pieces
from manybaskets.presentation.figures.layout import wrap
from manybaskets.presentation.figures.style import FAINT, GREY, INK, Look, looks, new_figure, save
from manybaskets.presentation.formatting import rounded_alike
from manybaskets.records.measured import in_order

Ways = Sequence[Sequence[str]]  # pairs of variant and protocol
TITLES = {
    ("corrected", "pairwise"): "Pairs",
    ("corrected", "absolute"): "Scores",
    ("paper", "pairwise"): "Pairs, as published",
    ("paper", "absolute"): "Scores, as published",
}
UNITS = {"pairwise": "probability to be preferred", "absolute": "mean score, points"}
BIAS_UNITS = {"pairwise": "probability", "absolute": "points"}
_GOLD = "gold"
_OWN = "own"
HEAD = 0.45  # inches for a legend
AUTHORS_HEIGHT = 2.9  # of a panel of lines
_DARK = 0.62  # of the scale of colours; text on darker cells is white


def matrix_height(judges: int, settings: Figures) -> float:
    """Inches that a matrix of so many judges takes."""
    return (2.6 * judges + 4) * settings.font_size / 72


def rows_height(rows: int, settings: Figures) -> float:
    """Inches that a panel with so many rows takes."""
    return (2.1 * rows + 5) * settings.font_size / 72


def _rows_of(frame: pl.DataFrame, target: str, way: Sequence[str]) -> pl.DataFrame:
    return frame.filter(
        (pl.col("target") == target) | (pl.col("mix") == _GOLD),
        pl.col("variant") == way[0],
        pl.col("protocol") == way[1],
    )


def _means(found: pl.DataFrame, target: str) -> pl.DataFrame:
    """Means of authors in the panel of a target."""
    is_mean = pl.col("opponent").is_null() & pl.col("value").is_not_null()
    return found.filter(is_mean, pl.col("panel") == target)


def _sorted(rows: pl.DataFrame, look: Look) -> list[dict[str, Any]]:
    """Rows in the order of the config, so that the order drawn is always one."""
    order = in_order(rows["mix"].sort(), list(look.conditions))
    return sorted(rows.rows(named=True), key=lambda row: (order.index(row["mix"]), row["self"]))


def _judge_names(rows: pl.DataFrame, look: Look) -> list[tuple[str, str]]:
    """Judges of some rows in the order of the config, gold judges last: pairs of target and mix."""
    found = list(dict.fromkeys(rows.select("target", "mix").iter_rows()))
    mixes = in_order([mix for _, mix in found], [*look.conditions, _GOLD])
    return sorted(found, key=lambda judge: (judge[1] == _GOLD, mixes.index(judge[1])))


def _name(judge: tuple[str, str]) -> str:
    return f"{judge[0]} ({_GOLD})" if judge[1] == _GOLD else judge[1]


def _author_names(rows: pl.DataFrame, authors: Sequence[str]) -> list[str]:
    return in_order(rows["author"].sort(), [*authors, _OWN])


def matrix(
    found: pl.DataFrame, stem: Path, *, target: str, ways: Ways, authors: Sequence[str], look: Look
) -> list[Path]:
    """Judges by authors: the mean of each author in the eyes of each judge, with its interval.

    Args:
        found: of the schema `preference.instrument.MATRIX`.
        ways: pairs of variant and protocol, a matrix each, one below the other.
        authors: in the wanted order.
    """
    settings = look.settings
    means = _means(found, target)
    shown = [(way, rows) for way in ways if (rows := _rows_of(means, target, way)).height]
    with looks(settings):
        if not shown:
            return pieces.nothing("No judge read anything for this figure.", stem, settings)
        judges = [_judge_names(rows, look) for _, rows in shown]
        heights = [matrix_height(len(each), settings) for each in judges]
        figure = new_figure(settings.width, sum(heights))
        axes = figure.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
        for (way, rows), names, axis in zip(shown, judges, axes[:, 0], strict=True):
            _matrix(axis, rows, names, _author_names(rows, authors), way[1], settings.font_size)
            axis.set_title(f"{TITLES[tuple(way)]}: {UNITS[way[1]]}")
        return save(figure, stem, settings)


def _matrix(
    axis: Axes, rows: pl.DataFrame, judges: Sequence[tuple[str, str]], authors: Sequence[str],
    protocol: str, size: float,
) -> None:  # fmt: skip
    cells = {(row["target"], row["mix"], row["author"]): row for row in rows.iter_rows(named=True)}
    values = [row["value"] for row in cells.values()]
    # A half is nobody's favourite: it is white, and the colours tell both sides apart.
    reach = max([abs(value - 0.5) for value in values] + [0.05])
    paired = protocol == "pairwise"
    norm = (
        Normalize(0.5 - reach, 0.5 + reach)
        if paired
        else Normalize(min(values) - 0.01, max(values) + 0.01)
    )
    colours = colormaps["RdBu_r" if paired else "Blues"]
    numbers = [row[key] for row in cells.values() for key in ("value", "low", "high")]
    texts = dict(zip(cells, zip(*[iter(rounded_alike(numbers))] * 3, strict=True), strict=True))
    for y, judge in enumerate(judges):
        for x, author in enumerate(authors):
            row = cells.get((*judge, author))
            face = FAINT if row is None else colours(_faded(norm(row["value"]), paired))
            axis.fill([x - 0.5, x + 0.5, x + 0.5, x - 0.5], [y - 0.5, y - 0.5, y + 0.5, y + 0.5],
                      facecolor=face, edgecolor="white", linewidth=0.8)  # fmt: skip
            if row is None:
                continue
            value, low, high = texts[*judge, author]
            ink = "white" if _is_dark(face) else INK
            axis.text(x, y - 0.14, value, ha="center", va="center", fontsize=size * 0.9, color=ink)
            if row["low"] is not None:
                axis.text(x, y + 0.24, f"{low} to {high}", ha="center", va="center",
                          fontsize=size * 0.65, color=ink)  # fmt: skip
    axis.set(xlim=(-0.5, len(authors) - 0.5), ylim=(len(judges) - 0.5, -0.5))
    axis.set_xticks(range(len(authors)), [wrap(name, 14) for name in authors])
    axis.set_yticks(range(len(judges)), [wrap(_name(judge)) for judge in judges])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _faded(share: float, both_sides: bool) -> float:
    """A place on the scale of colours whose ends are too dark for text."""
    return 0.1 + 0.8 * share if both_sides else 0.8 * share


def _is_dark(colour: Any) -> bool:
    red, green, blue = colour[:3] if not isinstance(colour, str) else (1.0, 1.0, 1.0)
    return 0.299 * red + 0.587 * green + 0.114 * blue < 1 - _DARK + 0.15


def authors(
    found: pl.DataFrame, stem: Path, *, target: str, ways: Ways, authors: Sequence[str], look: Look
) -> list[Path]:
    """Mean of each author, a line per judge; a panel per way of asking. Arguments as of `matrix`."""
    settings = look.settings
    means = _means(found, target)
    shown = [(way, rows) for way in ways if (rows := _rows_of(means, target, way)).height]
    with looks(settings):
        if not shown:
            return pieces.nothing("No judge read anything for this figure.", stem, settings)
        columns = min(2, len(shown))
        lines = -(-len(shown) // columns)
        figure, grid = pieces.grid(lines, columns, AUTHORS_HEIGHT, settings, HEAD)
        axes = [axis for row in grid for axis in row]
        drawn: dict[tuple[str, str], Line2D] = {}
        for (way, rows), axis in zip(shown, axes, strict=False):
            names, judges = _author_names(rows, authors), _judge_names(rows, look)
            for place, judge in enumerate(judges):
                shift = 0.5 * (place - (len(judges) - 1) / 2) / max(len(judges), 4)
                drawn[judge] = _line(axis, rows, judge, names, shift, look)
            if way[1] == "pairwise":
                axis.axhline(0.5, color=INK, linewidth=0.8, zorder=1)
            axis.set_xticks(
                range(len(names)), [wrap(name, 10) for name in names], rotation=30, ha="right"
            )
            axis.set_ylabel(UNITS[way[1]])
            axis.set_title(TITLES[tuple(way)])
            axis.grid(axis="y")
        pieces.drop(axes[len(shown) :])
        figure.legend(list(drawn.values()), [_name(judge) for judge in drawn],
                      loc="outside upper left", ncols=min(5, len(drawn)))  # fmt: skip
        return save(figure, stem, settings)


def _line(
    axis: Axes, rows: pl.DataFrame, judge: tuple[str, str], names: Sequence[str], shift: float,
    look: Look,
) -> Line2D:  # fmt: skip
    colour, marker = _style(judge, look)
    of_judge = rows.filter(pieces.matches(["target", "mix"], judge))
    found = {row["author"]: row for row in of_judge.iter_rows(named=True)}
    known = [(place + shift, found[name]) for place, name in enumerate(names) if name in found]
    (line,) = axis.plot([x for x, _ in known], [row["value"] for _, row in known], marker=marker,
                        color=colour, linewidth=0.9, linestyle="--" if judge[1] == _GOLD else "-")  # fmt: skip
    for x, row in known:
        if row["low"] is not None:
            axis.plot([x, x], [row["low"], row["high"]], color=colour, solid_capstyle="butt")
    return line


def _style(judge: tuple[str, str], look: Look) -> tuple[str, str]:
    return (GREY, "*") if judge[1] == _GOLD else look.conditions.get(judge[1], (INK, "o"))


def biases(judged: pl.DataFrame, stem: Path, *, target: str, ways: Ways, look: Look) -> list[Path]:
    """SPB and PSB of every condition with intervals; a row of panels per way of asking.

    Round markers are of the base model's text as self, diamonds just below of the run's own. A filled
    SPB has a Holm-adjusted p below 0.05; grey and crossed is what cannot be interpreted.

    Args:
        judged: of the schema `preference.results.JUDGED`.
    """
    settings = look.settings
    shown = [(way, rows) for way in ways if (rows := _rows_of(judged, target, way)).height]
    with looks(settings):
        if not shown:
            return pieces.nothing("No judge read anything for this figure.", stem, settings)
        names = in_order(judged.filter(pl.col("target") == target)["mix"], list(look.conditions))
        height = rows_height(len(names), settings)
        figure, grid = pieces.grid(len(shown), 2, height, settings, HEAD)
        for (way, rows), axes in zip(shown, grid, strict=True):
            for axis, (title, keys) in zip(axes, _BIASES.items(), strict=True):
                _biases(axis, rows, names, keys, title == "SPB" and way[0] == "corrected", look)
                pieces.name_rows(axis, names, first=axis is axes[0])
                axis.set_title(f"{TITLES[tuple(way)]}: {title}")
                axis.set_xlabel(BIAS_UNITS[way[1]])
                axis.grid(axis="x")
        figure.legend(*_legend(judged), loc="outside upper left", ncols=5)
        return save(figure, stem, settings)


_BIASES = {"SPB": ("spb", "low", "high"), "PSB": ("psb", "psb_low", "psb_high")}


def _biases(
    axis: Axes,
    rows: pl.DataFrame,
    names: Sequence[str],
    keys: Sequence[str],
    tested: bool,
    look: Look,
) -> None:
    ends = [0.0]
    both = rows["self"].n_unique() > 1
    for row in _sorted(rows, look):
        if row[keys[0]] is None:
            continue
        shown = dict(zip(("estimate", "low", "high"), (row[key] for key in keys), strict=True))
        ends += [value for value in shown.values() if value is not None]
        colour, _ = _style((row["target"], row["mix"]), look)
        own = row["self"] == _OWN
        place = names.index(row["mix"]) + (0.0 if not both else 0.18 if own else -0.18)
        unfit = _unfit(row)
        filled = tested and row["p_holm"] is not None and row["p_holm"] < pieces.ALPHA
        marker = "x" if unfit else "D" if own else "o"
        pieces.point(axis, place, shown, GREY if unfit else colour, marker, filled or not tested)
    if len(ends) == 1:
        pieces.without_values(axis)
        return
    pieces.scale(axis, ends, logarithmic=False)
    axis.axvline(0.0, color=INK, linewidth=0.8, zorder=1)


def _unfit(row: Mapping[str, Any]) -> bool:
    """Whether no bias of this judge can be interpreted, in the published form either."""
    accuracy = row["accuracy_low"]
    return row["verdict"].startswith("not interpretable") or (
        accuracy is not None and accuracy <= 0.5
    )


def _legend(judged: pl.DataFrame) -> tuple[list[Line2D], list[str]]:
    def mark(marker: str, **more: Any) -> Line2D:
        return Line2D([], [], marker=marker, linestyle="", **{"color": INK, **more})

    entries = [
        (mark("o"), "self: base model's text"),
        (mark("D"), "self: the run's own"),
        (mark("o", markerfacecolor="white"), f"not p < {pieces.ALPHA} (Holm)"),
        (mark("x", color=GREY), "not interpretable"),
    ]
    if not (judged["self"] == _OWN).any():
        entries.pop(1)
    return [entry[0] for entry in entries], [entry[1] for entry in entries]


def position(
    places: pl.DataFrame, stem: Path, *, target: str, asked: Sequence[Sequence[str]], look: Look
) -> list[Path]:
    """Position bias and swap consistency of every judge, a row of panels per set of markers.

    Args:
        places: of the schema `preference.instrument.POSITION`.
        asked: pairs of variant and markers.
    """
    settings = look.settings
    rows = places.filter((pl.col("target") == target) | (pl.col("mix") == _GOLD))
    present = set(rows.select("variant", "markers").iter_rows())
    shown = [tuple(each) for each in asked if tuple(each) in present]
    with looks(settings):
        if not shown:
            return pieces.nothing("No judge read pairs for this figure.", stem, settings)
        judges = _judge_names(rows, look)
        names = [_name(judge) for judge in judges]
        height = rows_height(len(names), settings)
        figure, grid = pieces.grid(len(shown), 2, height, settings)
        for (variant, markers), axes in zip(shown, grid, strict=True):
            cell = rows.filter(pieces.matches(["variant", "markers"], [variant, markers]))
            found = {(row["target"], row["mix"]): row for row in cell.iter_rows(named=True)}
            for axis, keys in zip(axes, _PLACES.values(), strict=True):
                ends = [0.0] if keys[0] == "value" else [0.0, 1.0]
                for place, judge in enumerate(judges):
                    if judge not in found or found[judge][keys[0]] is None:
                        axis.text(0.02, place, "not asked", transform=axis.get_yaxis_transform(),
                                  va="center", fontsize="small", color=GREY)  # fmt: skip
                        continue
                    row = dict(zip(("estimate", "low", "high"),
                                   (found[judge][key] for key in keys), strict=True))  # fmt: skip
                    ends += [value for value in row.values() if value is not None]
                    pieces.point(axis, place, row, *_style(judge, look))
                pieces.scale(axis, ends, logarithmic=False)
                axis.axvline(0.0 if keys[0] == "value" else 0.5, color=INK, linewidth=0.8, zorder=1)
                pieces.name_rows(axis, names, first=axis is axes[0])
                axis.grid(axis="x")
            published = ", as published" if variant == "paper" else ""
            axes[0].set_title(f"Markers {markers}{published}: position bias")
            axes[1].set_title("Swap consistency")
            axes[0].set_xlabel("log-odds; right: the first place is favoured")
            axes[1].set_xlabel("share of pairs with one answer in both orders")
        return save(figure, stem, settings)


_PLACES = {
    "bias": ("value", "low", "high"),
    "consistency": ("consistency", "consistency_low", "consistency_high"),
}


def discrimination(judged: pl.DataFrame, stem: Path, *, target: str, look: Look) -> list[Path]:
    """SPB against the share of intact texts that a judge tells from corrupted ones.

    Left of the line, or where an interval crosses it, a judge cannot judge, and no bias near zero
    means that it has none. Args: as of `biases`.
    """
    settings = look.settings
    rows = judged.filter(
        pl.col("target") == target, pl.col("variant") == "corrected",
        pl.col("spb").is_not_null(), pl.col("accuracy").is_not_null(),
    )  # fmt: skip
    with looks(settings):
        if not rows.height:
            return pieces.nothing("No judge was shown corrupted texts.", stem, settings)
        protocols = in_order(rows["protocol"], list(BIAS_UNITS))
        figure, grid = pieces.grid(1, len(protocols), 3.0, settings, HEAD)
        drawn: dict[str, Line2D] = {}
        for protocol, axis in zip(protocols, grid[0], strict=True):
            ends, sides = [0.0], [0.5, 1.0]
            for row in _sorted(rows.filter(pl.col("protocol") == protocol), look):
                colour, marker = _style((row["target"], row["mix"]), look)
                own = row["self"] == _OWN
                x, y = row["accuracy"], row["spb"]
                for xs, ys in (
                    ([row["accuracy_low"], row["accuracy_high"]], [y, y]),
                    ([x, x], [row["low"], row["high"]]),
                ):
                    if None not in (*xs, *ys):
                        axis.plot(xs, ys, color=colour, linewidth=0.9, alpha=0.7)
                        sides += xs
                        ends += ys
                (point,) = axis.plot([x], [y], marker, color=colour, zorder=3,
                                     markerfacecolor="white" if own else colour)  # fmt: skip
                if not own:
                    drawn[row["mix"]] = point
            pieces.scale(axis, sides, logarithmic=False)
            pieces.scale(axis, ends, logarithmic=False, way="y")
            axis.axvline(0.5, color=INK, linewidth=0.8, zorder=1)
            axis.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
            axis.set_xlabel("accuracy on intact against corrupted")
            axis.set_ylabel(f"SPB, {BIAS_UNITS[protocol]}")
            axis.set_title(TITLES["corrected", protocol])
            axis.grid()
        names = in_order(drawn, list(look.conditions))
        handles = [drawn[name] for name in names]
        if (rows["self"] == _OWN).any():
            handles.append(
                Line2D([], [], marker="o", linestyle="", color=INK, markerfacecolor="white")
            )
            names = [*names, "hollow: the run's own text"]
        figure.legend(handles, names, loc="outside upper left", ncols=min(5, len(names)))
        return save(figure, stem, settings)
