"""Which figures a study has: names, titles and contents follow from its config alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from manybaskets.config.study import TRAIN, Study
from manybaskets.errors import UserError
from manybaskets.measures.selection import measured_names
from manybaskets.measures.stage import TEST
from manybaskets.names import VANILLA
from manybaskets.presentation.figures import layout
from manybaskets.presentation.formatting import Lookup, measure_lookup
from manybaskets.presentation.pictures import Picture

Panel = tuple[str, str]  # measure and prompt set
_CURVE_PANEL = 1.5  # inches of a panel of training curves
_STYLE, _HABIT, _FIT, _SHARE = "style_", "habit_", "heaps_fit_ok", "share"


def pictures(
    study: Study, embedded_sources: Sequence[str] = (), lookup: Lookup | None = None
) -> dict[str, Picture]:
    """The figures of a study by name, in reading order.

    A figure with more panels than a page holds goes on under its name with a number, `conditions-2`.

    Args:
        embedded_sources: sources in use whose model is an embedded one.

    Raises:
        UserError: two figures would have the same name.
    """
    plan = _Plan(study, measure_lookup(lookup))
    made: dict[str, Picture] = {}
    parts = {
        "runs": plan.of_runs(),
        "sources": plan.of_sources(),
        "robustness": plan.of_robustness(),
        "preference": plan.of_preference(),
        "making": plan.of_making(embedded_sources),
    }
    every = [(part, *each) for part, found in parts.items() for each in found]
    for part, stem, drawn in every:
        for page, picture in enumerate(drawn, 1):
            name = stem if page == 1 else f"{stem}-{page}"
            if name in made:
                raise UserError(
                    what=f"two figures would have the name {name!r}",
                    where="comparisons or source_counts",
                    expected="names of families that do not end like the number of a page",
                    remedy="rename the family",
                )
            made[name] = replace(picture, part=part)
    return made


class _Plan:
    def __init__(self, study: Study, find: Lookup) -> None:
        self.study, self.find, self.settings = study, find, study.figures
        self.conditions = [VANILLA, *study.mixes]
        self.sources = study.described_sources()

    def of_runs(self) -> Iterator[tuple[str, list[Picture]]]:
        """Figures of what the fine-tuned targets answered."""
        study = self.study
        yield from self._differences(lambda family: family.prompt_set != TRAIN)
        if not study.targets:
            return
        panels = self._panels(study.all_prompt_sets())
        yield self._paged("conditions", "All conditions", "conditions", ("summary",), panels)
        boxes = [panel for panel in panels if self._spread(panel)]
        yield self._paged("distributions", "Spread over the prompts", "distributions",
                          ("distributions", "summary"), boxes)  # fmt: skip
        yield "growth", [Picture("growth", "Growth of the vocabulary", ("growth", "summary"),
                                 {"prompt_set": TEST})]  # fmt: skip
        for family in study.source_counts:
            yield f"source-count-{family}", self._source_counts(family)
        yield "style", self._style()
        habits = [name for name in study.measures if _habit(name)]
        if habits:
            yield "habits", [Picture("habits", "Habits inherited", ("summary",),
                                     {"measures": habits})]  # fmt: skip
        if study.divergence.prompts:
            yield "divergence", [Picture("divergence", "Divergence of the runs", ("divergence",))]

    def of_sources(self) -> Iterator[tuple[str, list[Picture]]]:
        """Figures of what the sources answered to the training prompts."""
        study = self.study
        if not study.describe:
            return
        panels = self._panels([TRAIN])
        yield self._paged("conditions-sources", "The sources themselves", "conditions",
                          ("summary",), panels)  # fmt: skip
        boxes = [panel for panel in panels if self._spread(panel)]
        yield self._paged("distributions-sources", "The sources' spread over the prompts",
                          "distributions", ("distributions", "summary"), boxes)  # fmt: skip
        yield "growth-sources", [Picture("growth", "Growth of the sources' vocabulary",
                                         ("growth", "summary"), {"prompt_set": TRAIN})]  # fmt: skip
        if len(self.sources) > 1:
            yield "source-distances", self._source_distances()
            yield "source-map", [Picture("source-map", "Map of the sources' answers",
                                         ("source-map",))]  # fmt: skip
        yield from self._differences(lambda family: family.prompt_set == TRAIN)
        if not study.targets:
            yield "style", self._style()

    def of_preference(self) -> Iterator[tuple[str, list[Picture]]]:
        """Figures of whom judges prefer."""
        if self.study.preference:
            from manybaskets.experiments.preference.figure_plan import preference_pictures

            yield from preference_pictures(self.study)

    def of_robustness(self) -> Iterator[tuple[str, list[Picture]]]:
        """Figures of what adversarial prompts brought out of the runs."""
        if self.study.robustness:
            from manybaskets.experiments.robustness.figure_plan import robustness_pictures

            yield from robustness_pictures(self.study)

    def of_making(self, embedded_sources: Sequence[str]) -> Iterator[tuple[str, list[Picture]]]:
        """Figures of how the runs were made."""
        pairs = [[target, mix] for target in self.study.targets for mix in self.study.mixes]
        rows = max(1, int((self.settings.height - 0.7) / _CURVE_PANEL))
        chunks = layout.pages(pairs, 3 * rows, 3)
        yield "training-curves", [
            Picture("training-curves", _numbered("Training curves", page, len(chunks)), ("curves",),
                    {"pairs": chunk})
            for page, chunk in enumerate(chunks, 1)
        ]  # fmt: skip
        if embedded_sources:
            yield "knowledge", [Picture("knowledge", "What the embedded models know",
                                        ("knowledge",))]  # fmt: skip

    def _panels(self, prompt_sets: Iterable[str]) -> list[Panel]:
        """What is measured of the answers to these sets and has no figure of its own, in order."""
        sets = list(prompt_sets)
        names = {name: measured_names(self.study, name) for name in sets}
        every = dict.fromkeys(name for listed in names.values() for name in listed)
        return [
            (measure, prompt_set)
            for measure in every
            for prompt_set in sets
            if measure in names[prompt_set]
            and self.find(measure).applies_to(prompt_set)
            and not _apart(measure, prompt_set)
        ]

    def _spread(self, panel: Panel) -> bool:
        """Whether a measure has quantiles worth drawing: one per answer that is no yes or no."""
        measure = self.find(panel[0])
        return measure.level == "prompt" and measure.unit != _SHARE

    def _paged(
        self, stem: str, title: str, kind: str, tables: tuple[str, ...], panels: Sequence[Panel],
        names: Sequence[str] | None = None, **options: Any,
    ) -> tuple[str, list[Picture]]:  # fmt: skip
        """Pages of small multiples, of runs or of sources."""
        if names is None:
            of_sources = bool(panels) and panels[0][1] == TRAIN
            targets = [] if of_sources else self.study.targets
            names = layout.row_names(self.sources if of_sources else self.conditions, targets)
        titles = layout.titles(panels, self.find)
        arrangement = layout.arrange(titles, names, self.settings)
        chunks = layout.pages([list(panel) for panel in panels], arrangement.per_page,
                              arrangement.columns)  # fmt: skip
        return stem, [
            Picture(kind, _numbered(title, page, len(chunks)), tables, {**options, "panels": chunk})
            for page, chunk in enumerate(chunks, 1)
        ]

    def _differences(self, wanted) -> Iterator[tuple[str, list[Picture]]]:
        for name, family in self.study.comparisons.items():
            if wanted(family):
                targets = [] if family.prompt_set == TRAIN else self.study.targets
                yield self._paged(
                    f"differences-{name}", f"Differences: {name}", "differences", ("comparisons",),
                    [(measure, family.prompt_set) for measure in family.measures],
                    layout.row_names(family.mixes, targets), family=name,
                )  # fmt: skip

    def _style(self) -> list[Picture]:
        """Measures of style of the runs and of the sources, side by side."""
        listed = [*measured_names(self.study, TEST), *measured_names(self.study, TRAIN)]
        names = [name for name in dict.fromkeys(listed) if name.startswith(_STYLE)]
        rows = layout.row_names(self.conditions, self.study.targets) if self.study.targets else []
        rows = [*rows, "other", *self.sources]
        titles = [self.find(name).label for name in names]
        arrangement = layout.arrange(titles, rows, self.settings)
        chunks = layout.pages(names, arrangement.per_page, arrangement.columns)
        return [
            Picture("style", _numbered("Style of the answers", page, len(chunks)), ("summary",),
                    {"measures": chunk})
            for page, chunk in enumerate(chunks, 1)
        ]  # fmt: skip

    def _source_counts(self, family: str) -> list[Picture]:
        members = {mix: list(of) for mix, of in self.study.count_members(family).items()}
        names = [n for n in measured_names(self.study, TEST) if self.find(n).applies_to(TEST)]
        names = [name for name in names if not name.startswith(_FIT)]
        targets = self.study.targets
        titles = layout.plot_titles([self.find(name).label for name in names], targets)
        arrangement = layout.arrange_plots(titles, self.settings)
        per_page = max(1, arrangement.per_page // len(targets))
        chunks = layout.pages(names, per_page, arrangement.columns)
        return [
            Picture("source-count", _numbered(f"Number of sources: {family}", page, len(chunks)),
                    ("summary",), {"measures": chunk, "members": members})
            for page, chunk in enumerate(chunks, 1)
        ]  # fmt: skip

    def _source_distances(self) -> list[Picture]:
        describe = self.study.describe
        kinds = [
            "embedding",
            *(["topics"] if describe.topics else []),
            *describe.similarity.metrics,
        ]
        cells = layout.arrange_cells(len(kinds), self.sources, self.settings)
        chunks = layout.pages(kinds, cells.per_page, cells.columns)
        return [
            Picture("source-distances", _numbered("How far apart the sources are", page, len(chunks)),
                    ("source-distances",), {"kinds": chunk})
            for page, chunk in enumerate(chunks, 1)
        ]  # fmt: skip


def _habit(measure: str) -> bool:
    """Whether it tells which share of the answers has a habit; their number is no habit."""
    return measure.startswith(_HABIT) and measure != "habit_count"


def _apart(measure: str, prompt_set: str) -> bool:
    """Whether another figure tells this: those of habits, of style, and of growth (does it fit)."""
    if measure.startswith((_STYLE, _FIT)):
        return prompt_set in (TEST, TRAIN)
    return _habit(measure) and prompt_set == TEST


def _numbered(title: str, page: int, pages: int) -> str:
    return title if pages == 1 else f"{title} ({page} of {pages})"
