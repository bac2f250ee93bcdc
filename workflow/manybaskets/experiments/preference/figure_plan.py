"""Which figures of self-preference a study has, known from its config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from manybaskets.config.analysis import Figures
from manybaskets.config.preference_judging import Judging
from manybaskets.config.study import Study
from manybaskets.experiments.preference import drawing
from manybaskets.experiments.preference.roles import Roles
from manybaskets.experiments.preference.schemas import (
    ABSOLUTE,
    CORRECTED,
    DISCRIMINATION,
    PAIRWISE,
    PAPER,
)
from manybaskets.presentation.figures import layout
from manybaskets.presentation.pictures import Picture

Planned = tuple[str, list[Picture]]


def preference_pictures(study: Study) -> Iterator[Planned]:
    """The figures of a study that has the section `preference`: a name, and its pages."""
    how = study.preference
    yield from plan(
        Roles.of(study),
        ways=ways_of(how.judging),
        asked=asked_of(how.judging),
        golds=len(how.gold_judges),
        discriminating=DISCRIMINATION in how.judging.protocols,
        settings=study.figures,
    )


def ways_of(how: Judging) -> list[list[str]]:
    """Pairs of variant and protocol in which judges are asked, the published ones last."""
    variants = [CORRECTED, *([PAPER] if how.paper else [])]
    protocols = [name for name in (PAIRWISE, ABSOLUTE) if name in how.protocols]
    return [[variant, protocol] for variant in variants for protocol in protocols]


def asked_of(how: Judging) -> list[list[str]]:
    """Pairs of variant and set of markers of all comparisons."""
    if PAIRWISE not in how.protocols:
        return []
    asked = [[CORRECTED, "/".join(markers)] for markers in how.markers]
    return [*asked, *([[PAPER, "/".join(how.paper.markers)]] if how.paper else [])]


def plan(
    roles: Roles,
    *,
    ways: Sequence[Sequence[str]],
    asked: Sequence[Sequence[str]],
    golds: int,
    discriminating: bool,
    settings: Figures,
) -> Iterator[Planned]:
    """Figures by name, every target on pages of its own.

    Args:
        ways, asked: as `ways_of` and `asked_of` give them.
        golds: number of gold judges.
        discriminating: whether judges are shown corrupted texts.
    """
    judges = len(roles.mixes) + golds
    authors = [*roles.models, roles.human]
    both = ("preference-matrix",)
    yield _pages("matrix", "Whom every judge prefers", both, roles, settings, "ways", ways,
                 drawing.matrix_height(judges, settings), authors=authors)  # fmt: skip
    yield _pages("authors", "Mean score of every author", both, roles, settings, "ways", ways,
                 drawing.AUTHORS_HEIGHT / 2, authors=authors)  # fmt: skip
    yield _pages("bias", "Bias for self and for models", ("preference",), roles, settings, "ways",
                 ways, drawing.rows_height(len(roles.mixes), settings))  # fmt: skip
    if asked:
        yield _pages("position", "Position bias", ("preference-position",), roles, settings,
                     "asked", asked, drawing.rows_height(judges, settings))  # fmt: skip
    if discriminating and PAIRWISE in [protocol for _, protocol in ways]:
        yield "preference-discrimination", [
            Picture("preference-discrimination", _title("Bias and ability to judge", target, roles),
                    ("preference",), {"target": target})
            for target in roles.selves
        ]  # fmt: skip


def _pages(
    name: str, title: str, tables: tuple[str, ...], roles: Roles, settings: Figures, key: str,
    items: Sequence[Sequence[str]], height: float, **options: object,
) -> Planned:  # fmt: skip
    """Pages of a figure: as many of the items on each as its height allows."""
    room = settings.height - drawing.HEAD
    chunks = layout.pages([list(each) for each in items], max(1, int(room / height)))
    return f"preference-{name}", [
        Picture(f"preference-{name}", _title(title, target, roles), tables,
                {"target": target, key: chunk, **options})
        for target in roles.selves
        for chunk in chunks
    ]  # fmt: skip


def _title(title: str, target: str, roles: Roles) -> str:
    return f"{title}: {target}" if len(roles.selves) > 1 else title
