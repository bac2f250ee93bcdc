"""Tables of the published procedures and numbers, each computed by a rule of its own."""

from __future__ import annotations

from manybaskets.config.study import Study
from manybaskets.presentation.tables import computed_table

_SECTION, _COLLAPSE = "published", "published_collapse"


def _has_published_cells(study: Study) -> bool:
    cells = study.published_cells if study.published_procedures else None
    if not cells:
        return False
    return bool(
        (cells.targets and cells.conditions) or set(cells.sources) & set(study.analysed_sources())
    )


computed_table(
    name="paper-variants",
    title="The published procedures and this project's",
    caption="Values by the published procedures (paper) and this project's values of the same "
    "quantities. The paper's values are for one training run, here the first seed, without "
    "intervals; the last column lists all other differences.",
    section=_SECTION,
    rule="published_variants",
    when=lambda study: bool(study.published_procedures),
)
computed_table(
    name="published-contrasts",
    title="Direction of the published differences",
    caption="Differences between two conditions, as reported and as reproduced by the same procedures, "
    "and whether they have the same direction.",
    section=_SECTION,
    rule=_COLLAPSE,
    when=_has_published_cells,
)
computed_table(
    name="published",
    title="Reported against reproduced",
    caption="Numbers reported by Schaffelder & Gatt (2026), reproduced by the same procedures in "
    "this study, and this project's corresponding value if there is one. The study sampled "
    "without a seed and had one training run: exact agreement is not expected; `agreement` says to "
    "which digits two numbers agree.",
    section=_SECTION,
    rule=_COLLAPSE,
    when=_has_published_cells,
)
computed_table(
    name="published-similarity",
    title="Similarity as published",
    caption="Similarity of each source's answers to those of the other sources, as reported by "
    "Feuer & Hegde (2025, table 5) and as the mean over prompts here, with its interval. The "
    "published numbers are moving averages dominated by the last nine prompts (96 % of the "
    "weight), over different prompts and four or five other models: a rough range, not a target. METEOR "
    "weighs recall nine times, as the published α of 0.9 does, where the paper's text says precision.",
    section=_SECTION,
    rule="published_similarity",
    when=lambda study: bool(study.published_cells and study.published_cells.similarity),
)
