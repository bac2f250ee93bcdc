"""Looks that all figures share: a colour and marker per condition, fonts, and written files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from manybaskets.config.evaluation import Figures
from manybaskets.names import HUMAN
from manybaskets.records.writing import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, distinguishable with any colour vision; a violet stands for its yellow,
# which is too pale on white.
BLUE, BLACK, GREY = "#0072B2", "#1A1A1A", "#7F7F7F"
_REST = ("#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7B2FBE")
# Later rounds of the palette are the same hues, nearer to black (below 0) or to white (above).
_SHADES = (0.0, -0.5, 0.5, -0.25, 0.27, -0.68, 0.72, -0.37)
_MARKERS = ("^", "v", "P", "X", "<", ">", "p", "h")
_FIXED = {"human": (BLACK, "D"), "multi": (BLUE, "o")}
VANILLA_STYLE = (GREY, "s")
INK, FAINT = "#333333", "#D9D9D9"


def condition_style(kinds: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of every condition, the same in every figure of a study.

    Args:
        kinds: kind (`human`, `single`, `multi`, `weighted`) of every mix, in the config's order;
            all of them even where a figure draws a few, so that no condition changes its colour.
    """
    styles = {"vanilla": VANILLA_STYLE}
    taken: set[str] = set()
    rest = []
    for name, kind in kinds.items():
        if kind in _FIXED and kind not in taken:
            taken.add(kind)
            styles[name] = _FIXED[kind]
        else:
            rest.append(name)
    rest.sort(
        key=lambda name: kinds[name] != "single"
    )  # stable: singles first, each in config order
    styles |= {name: _next(index) for index, name in enumerate(rest)}
    return {name: styles[name] for name in ["vanilla", *kinds]}


def source_style(
    sources: Sequence[str], kinds: Mapping[str, str], mix_sources: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, str]]:
    """Colour and marker of every source: those of the single mix made of it, else ones of its own.

    Args:
        sources: in the order of the config.
        kinds: kind of every mix, as `condition_style` takes them.
        mix_sources: sources of every mix.
    """
    conditions = condition_style(kinds)
    styles = {HUMAN: _FIXED["human"]}
    for mix, kind in kinds.items():
        if kind in ("single", "human"):
            styles.setdefault(mix_sources[mix][0], conditions[mix])
    free = (
        look for look in map(_next, range(len(kinds) + len(sources)))
        if look not in conditions.values()
    )  # fmt: skip
    return {name: styles.get(name) or next(free) for name in sources}


def _next(index: int) -> tuple[str, str]:
    """The looks of those that have no fixed ones, by their number."""
    # Colour and marker move on after each round, so that lines without markers differ as well.
    turn = index // len(_REST)
    colour = _shaded(_REST[index % len(_REST)], _SHADES[turn % len(_SHADES)])
    return colour, _MARKERS[(index + turn) % len(_MARKERS)]


def _shaded(colour: str, shade: float) -> str:
    """A colour, moved towards black (shades from -1) or white (to 1)."""
    end = 255 if shade > 0 else 0
    channels = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return "#" + "".join(f"{round(one + abs(shade) * (end - one)):02X}" for one in channels)


@dataclass(frozen=True)
class Look:
    """What all figures of a study share: settings, and the order and looks of whom they show.

    Args:
        kinds: kind of every mix, in the order of the config.
        mix_sources: sources of every mix.
        targets, sources: in the order of the config, the human answers first.
    """

    settings: Figures
    kinds: Mapping[str, str]
    mix_sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    targets: Sequence[str] = ()
    sources: Sequence[str] = ()

    @cached_property
    def conditions(self) -> dict[str, tuple[str, str]]:
        """Colour and marker by condition, in order."""
        return condition_style(self.kinds)

    @cached_property
    def of_sources(self) -> dict[str, tuple[str, str]]:
        """Colour and marker by source, in order."""
        return source_style(self.sources, self.kinds, self.mix_sources)


@contextmanager
def looks(settings: Figures) -> Iterator[None]:
    """Matplotlib's settings for one figure, put back afterwards."""
    import matplotlib as mpl

    size = settings.font_size
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own matplotlibrc must not change the bytes
        mpl.rcParams.update(
            {
                "font.family": "DejaVu Sans",  # ships with matplotlib, so it is there everywhere
                "font.size": size,
                "axes.titlesize": size,
                "axes.titleweight": "bold",
                "axes.titlelocation": "left",
                "axes.labelsize": size * 0.9,
                "axes.edgecolor": INK,
                "axes.linewidth": 0.6,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.axisbelow": True,
                "axes.unicode_minus": True,
                "grid.color": FAINT,
                "grid.linewidth": 0.5,
                "xtick.labelsize": size * 0.85,
                "ytick.labelsize": size * 0.9,
                "xtick.major.width": 0.6,
                "ytick.major.width": 0.6,
                "legend.fontsize": size * 0.9,
                "legend.frameon": False,
                "lines.linewidth": 1.2,
                "lines.markersize": 4.5,
                "figure.dpi": 100,
                "savefig.dpi": settings.dpi,
                "svg.hashsalt": "many-baskets",
                "svg.fonttype": "path",
            }
        )
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, independent of pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, stem: Path, settings: Figures) -> list[Path]:
    """Write `<stem>.svg` and `<stem>.png`, without the dates that would change the bytes."""
    stem = Path(stem)
    paths = []
    with looks(settings):
        for kind, metadata in (
            ("svg", {"Date": None, "Creator": None}),
            ("png", {"Software": None}),
        ):
            path = stem.with_name(f"{stem.name}.{kind}")
            with whole_file(path) as partial:
                figure.savefig(
                    partial, format=kind, dpi=settings.dpi, metadata=metadata, facecolor="white"
                )
            paths.append(path)
    return paths
