"""The map of the sources' answers: an illustration on which no number rests."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from manybaskets.presentation.figures import panel_drawing
from manybaskets.presentation.figures.figure_style import INK, Look, looks, new_figure, save_figure
from manybaskets.presentation.figures.registry import figure
from manybaskets.records.measured import in_order

_TURNS = 8
_CAPTION = """
    An illustration only: no result is based on it. Every dot is one answer to a sample of the training
    prompts, placed by t-SNE so that answers of similar meaning are close together; all sources are on
    one map. What all sources have in common on a prompt is removed first, since otherwise the map would
    show the prompts. Large markers are the middle of a source's dots. The axes have no unit, and
    distances between groups of dots mean little: read the distances of the sources instead."""


@figure(
    kind="source-map",
    title="Map of the sources' answers",
    needs=("source-map",),
    section="sources",
    caption=_CAPTION,
    when=lambda study: bool(study.source_analysis and len(study.analysed_sources()) > 1),
)
def source_map(points: pl.DataFrame, stem: Path, *, look: Look) -> list[Path]:
    """Answers as dots in the colour of their source; a large marker is the middle of its dots.

    Args:
        points: columns `source, prompt_id, x, y`.
    """
    settings = look.settings
    with looks(settings):
        if not points.height:
            return panel_drawing.nothing("Too few answers for a map.", stem, settings)
        styles = look.of_sources
        names = in_order(points["source"], list(styles))
        page = new_figure(settings.width, 0.72 * settings.width)
        axis = page.subplots()
        # In turns, so that no source covers the others.
        turn = pl.col("prompt_id").rank("dense") % _TURNS
        turns = points.sort("prompt_id", "source").with_columns(turn=turn)
        for order in range(_TURNS):
            for name in names:
                colour, marker = styles[name]
                dots = turns.filter(pl.col("turn") == order, pl.col("source") == name)
                axis.plot(
                    dots["x"], dots["y"], marker, color=colour, markersize=3.4, alpha=0.6,
                    markeredgewidth=0, zorder=1 + order / _TURNS,
                )  # fmt: skip
        for name in names:
            dots = points.filter(pl.col("source") == name)
            colour, marker = styles[name]
            axis.plot(
                [dots["x"].mean()], [dots["y"].mean()], marker, color=colour, label=name,
                markersize=12, markeredgecolor="white", markeredgewidth=1.0, zorder=5,
            )  # fmt: skip
        axis.set_title("Answers by meaning: nearby dots are alike")
        axis.set_aspect("equal", adjustable="datalim")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color=INK, linewidth=0.4)
        axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), labelspacing=1.0)
        return save_figure(page, stem, settings)
