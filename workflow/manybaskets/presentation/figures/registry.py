"""The registry of figures: which ones a study has, what they are drawn from, and who draws them.

A figure is one function under `@figure(...)`; its files, its caption and its place in the report
follow from the registration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.presentation.figures.figure_style import Look
from manybaskets.registry import Registry


@dataclass(frozen=True)
class Page:
    """One page of a figure.

    Attributes:
        options: what it shows, as plain values; keyword arguments of the drawing function.
    """

    title: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedFigure:
    """A figure that a study has, before it is drawn.

    Attributes:
        name: of its files; further pages have `-2`, `-3`, … behind it.
        section: the report section that shows it; empty for that of the registration.
    """

    name: str
    pages: Sequence[Page]
    section: str = ""


@dataclass(frozen=True)
class FigurePlan:
    """One page of a figure, with all that its rule needs.

    Attributes:
        kind: the name under which the drawing function is registered.
        title: for the report.
        tables: the tables of `statistics/` that it is drawn from.
        options: what it shows, as plain values.
        section: the report section that shows it.
    """

    kind: str
    title: str
    tables: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    section: str = ""


@dataclass(frozen=True)
class FigureDefinition:
    """What is registered about one kind of figure.

    Attributes:
        needs: the tables of `statistics/` that it is drawn from.
        caption: the paragraph below it in the report.
        section: the report section that shows it.
        plan: the figures of this kind that a study has.
        draw: draws one page as SVG and PNG and returns both paths.
    """

    kind: str
    needs: tuple[str, ...]
    caption: str
    section: str
    plan: Callable[[Study], Iterable[PlannedFigure]]
    draw: Callable[..., list[Path]]

    def pages_of(self, planned: PlannedFigure) -> dict[str, FigurePlan]:
        """The pages of a figure of this kind by file name."""
        section = planned.section or self.section
        return {
            planned.name if number == 1 else f"{planned.name}-{number}": FigurePlan(
                self.kind, page.title, self.needs, page.options, section
            )
            for number, page in enumerate(planned.pages, 1)
        }


FIGURES: Registry[FigureDefinition] = Registry("figure")


def figure(
    *,
    kind: str,
    caption: str,
    title: str = "",
    needs: Sequence[str] = ("summary",),
    section: str = "runs",
    when: Callable[[Study], bool] | None = None,
    plan: Callable[[Study], Iterable[PlannedFigure]] | None = None,
) -> Callable[[Callable[..., list[Path]]], Callable[..., list[Path]]]:
    """Register a drawing function: `function(*tables, stem=…, look=…, **options)`.

    It draws its tables as `<stem>.svg` and `<stem>.png` (`figure_style.save_figure`) in the study's look and
    returns both paths.

    Args:
        kind: name of the figure, and of its files unless `plan` says otherwise.
        caption: paragraph below it in the report; `code` in backticks.
        title: heading in the report; only without `plan`.
        needs: names of the files in `statistics/` that it is drawn from, in this order.
        section: where the report shows it: `runs`, `sources`, `published`, `making`, `counts`, or
            the name of an experiment.
        when: whether a study has this figure; only without `plan`.
        plan: the figures of this kind that a study has, if they are several, have several pages or
            are drawn with options.
    """
    if bool(title) == bool(plan) or (plan and when):
        raise ValueError(
            f"the figure '{kind}' needs either `title`, with or without `when`, or `plan`"
        )

    def single(study: Study) -> Iterable[PlannedFigure]:
        return [PlannedFigure(kind, [Page(title)])] if when is None or when(study) else []

    def register(function: Callable[..., list[Path]]) -> Callable[..., list[Path]]:
        text = " ".join(caption.split())
        FIGURES.add(
            kind, FigureDefinition(kind, tuple(needs), text, section, plan or single, function)
        )
        return function

    return register


def numbered(title: str, options: Sequence[Mapping[str, Any]]) -> list[Page]:
    """Pages with one title, numbered if they are several."""
    if len(options) == 1:
        return [Page(title, options[0])]
    return [
        Page(f"{title} ({number} of {len(options)})", each)
        for number, each in enumerate(options, 1)
    ]


def planned_figures(study: Study) -> dict[str, FigurePlan]:
    """The figures of a study by file name, known from the config alone.

    Figures come in the order of registration, a figure's pages one after the other.

    Raises:
        UserError: two figures would have the same name.
    """
    made: dict[str, FigurePlan] = {}
    for definition in FIGURES:
        for planned in definition.plan(study):
            pages = definition.pages_of(planned)
            for name in pages.keys() & made.keys():
                raise UserError(
                    what=f"two figures would have the name '{name}'",
                    where="the config key that the figure's name comes from, such as comparisons",
                    expected="names that do not end like the number of a page",
                    remedy=f"rename what gives the figure '{name}' its name",
                )
            made |= pages
    return made


def draw(
    kind: str,
    stem: Path,
    tables: Mapping[str, pl.DataFrame],
    options: Mapping[str, Any],
    look: Look,
) -> list[Path]:
    """Draw one page of a figure as SVG and PNG.

    Args:
        kind, options: of a `FigurePlan`.
        stem: path of the files, without an ending.
        tables: its tables by name, in its order.
        look: the study's conditions and their looks.
    """
    return FIGURES.get(kind, "figures").draw(*tables.values(), stem=stem, look=look, **options)
