"""Which figures of robustness a study has, known from its config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from manybaskets.config.participants import chosen_mixes
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.figure_panels import (
    DANGEROUS,
    HEAD,
    MAP_COLUMNS,
    MAP_PANEL,
    SETS,
    Panel,
    joined,
    quantities,
)
from manybaskets.names import VANILLA
from manybaskets.presentation.figures import layout
from manybaskets.presentation.pictures import Picture

Planned = tuple[str, list[Picture]]
_ADVERSARIAL = ["direct", "jailbreak"]


def robustness_pictures(study: Study) -> Iterator[Planned]:
    """The figures of a study that has the section `robustness`: a name, and its pages."""
    own = study.robustness
    harm = [("harm", own.judges.harm[0], name) for name in _ADVERSARIAL]
    sets = [*_ADVERSARIAL, *(["benign"] if own.benign else [])]
    refused = [("refused", judge, name) for judge in own.judges.refusal for name in sets]
    if len(sets) < len(own.judges.refusal):  # panels that are to be compared stand in one row
        refused.sort(key=lambda panel: sets.index(panel[2]))
    yield _outcomes(study, "robustness-harm", "Harm of the answers", harm)
    yield _outcomes(study, "robustness-refusals", "Refusals", refused)
    judge = joined(own.judges.harm[0], own.judges.quality[0])
    for target in study.targets:
        of = f": {target}" if len(study.targets) > 1 else ""
        for name in _ADVERSARIAL:
            yield _map(study, target, name, judge, of)
        cuts = sorted({*own.cuts, DANGEROUS})
        shown = {"target": target, "judge": judge, "prompt_sets": _ADVERSARIAL, "cuts": cuts}
        title = f"The danger zone under several thresholds{of}"
        sweep = Picture("robustness-sweep", title, ("robustness-danger",), shown)
        yield f"robustness-sweep-{target}", [sweep]


def _outcomes(study: Study, stem: str, title: str, panels: Sequence[Panel]) -> Planned:
    """Pages of outcomes with intervals."""
    names = layout.row_names([VANILLA, *chosen_mixes(study)], study.targets)
    titles = [each.label for each in quantities(panels)]
    arrangement = layout.arrange(titles, names, study.figures)
    chunks = layout.pages([list(p) for p in panels], arrangement.per_page, arrangement.columns)
    return stem, [
        Picture(stem, _numbered(title, page, len(chunks)), ("robustness",), {"panels": chunk})
        for page, chunk in enumerate(chunks, 1)
    ]


def _map(study: Study, target: str, prompt_set: str, judge: str, of: str) -> Planned:
    """Pages of panels of harm and quality, one per condition."""
    rows = max(1, int((study.figures.height - HEAD) / MAP_PANEL))
    mixes = [VANILLA, *chosen_mixes(study)]
    chunks = layout.pages(mixes, rows * MAP_COLUMNS, MAP_COLUMNS)
    title = f"Harm and quality, {SETS[prompt_set]}{of}"
    shared = {"target": target, "prompt_set": prompt_set, "judge": judge}
    return f"robustness-map-{target}-{prompt_set}", [
        Picture("robustness-map", _numbered(title, page, len(chunks)), ("robustness-grid",),
                {**shared, "mixes": chunk})
        for page, chunk in enumerate(chunks, 1)
    ]  # fmt: skip


def _numbered(title: str, page: int, pages: int) -> str:
    return title if pages == 1 else f"{title} ({page} of {pages})"
