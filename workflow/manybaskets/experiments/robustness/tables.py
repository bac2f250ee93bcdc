"""Tables of the robustness experiment for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.config.study import Study
from manybaskets.experiments.robustness.comparisons import FAMILY
from manybaskets.experiments.robustness.figure_panels import DANGEROUS
from manybaskets.experiments.robustness.outcomes import (
    ALL,
    CATEGORY,
    OUTCOMES,
    TEMPLATE,
    WITHOUT_FLAGGED,
    label_of,
)
from manybaskets.experiments.robustness.published_numbers import (
    compare_robustness,
    contrasts,
    load_robustness,
)
from manybaskets.experiments.robustness.scores import BENIGN, CONTROL, Analysis
from manybaskets.presentation.formatting import NOTHING, rounded_alike
from manybaskets.presentation.tables import as_it_is, table
from manybaskets.statistics.verdict import verdicts

_WHO = ["target", "prompt_set"]
_NUMBERS = ["value", "low", "high", "rows_alone", "wilson_low", "wilson_high"]
_COUNTS = ["n_prompts", "n_excluded", "n_seeds"]
_MARKED = (
    " Marks: a judge that did not pass its canaries is unfit; a judge of the target's model "
    "family, or of the family of a source of its training data, may favour it."
)
_INTERVALS = (
    " Intervals account for repeated templates and base prompts; `rows alone` is Wilson's "
    "interval of a share with all responses treated as independent."
)

RULE, PAPER = "robustness_tables", "robustness-paper"
PUBLISHED, CONTRASTS = "robustness-published", "robustness-published-contrasts"


@dataclass(frozen=True)
class RobustnessContext:
    """Inputs of the tables in addition to the statistics.

    Attributes:
        analysis: the study's settings, flagged templates, unfit judges.
        published: cells of the published tables that the study has.
        numbers: file of the published numbers.
    """

    analysis: Analysis
    published: PublishedCells | None = None
    numbers: Path | None = None


def _has_robustness(study: Study) -> bool:
    return bool(study.robustness)


def _has_procedure(study: Study) -> bool:
    return bool(study.robustness and study.robustness.published_procedure)


def _has_published_cells(study: Study) -> bool:
    cells = study.published_cells
    return bool(_has_procedure(study) and cells and cells.targets and cells.conditions)


_table = partial(table, section="robustness", rule=RULE, when=_has_robustness)


@_table(
    name="robustness",
    title="Robustness",
    caption="Every outcome of every condition and prompt set. Refused: full refusals. Quality of "
    "non-refused responses excludes refusals, so conditions are judged on different answers."
    + _INTERVALS
    + _MARKED,
    needs=("robustness",),
)
def _conditions(summary: pl.DataFrame, context: RobustnessContext) -> pl.DataFrame:
    rows = summary.filter(pl.col("by").is_in([ALL, WITHOUT_FLAGGED]))
    rows = _shown(_ordered(rows, context.analysis)).with_columns(which_templates="by")
    several = rows["which_templates"].n_unique() > 1
    columns = [*_WHO, "label", "judge", "mix", *(["which_templates"] if several else []), *_NUMBERS,
               *_COUNTS, "n_templates", "n_bases", "seed_sd", "marks", "method"]  # fmt: skip
    return _some(rows, columns)


@_table(
    name="robustness-comparisons",
    title="Comparisons of robustness",
    caption="Paired differences on the prompts that all conditions have. Holm's "
    f"correction covers each family; the family `{FAMILY}` is the declared one, over all prompt sets and "
    "targets. A is the probability that a response of the mix scores above one of the baseline; the "
    "rank-biserial is 2 A − 1; ε² is the share of the ranks' variance between all conditions of a target."
    + _MARKED,
    needs=("robustness-comparisons",),
)
def comparisons(compared: pl.DataFrame, context: Any = None) -> pl.DataFrame:
    """One row per family, outcome and pair; the effect size over all conditions in separate rows."""
    tested = compared.filter(pl.col("p_holm").is_not_null())
    sizes = dict(tested.group_by("family").len().rows())
    labels = [label(*row) for row in compared.select("outcome", "prompt_set").rows()]
    units = [OUTCOMES[outcome].unit for outcome in compared["outcome"]]
    rows = compared.with_columns(
        pl.Series("label", labels, pl.String),
        pl.Series("unit", ["points" if unit != "share" else unit for unit in units], pl.String),
        pl.Series("family_size", [sizes.get(f, 0) for f in compared["family"]], pl.Int64),
        verdicts(compared),
        value="difference",
    )
    effects = [
        f"{name}{end}"
        for name in ("superiority", "rank_biserial", "epsilon_squared")
        for end in ("", "_low", "_high")
    ]
    columns = ["family", "family_size", *_WHO, "label", "judge", "mix", "baseline", "value", "low",
               "high", "unit", "p", "p_holm", "verdict", *effects, *_COUNTS,
               "trainings", "marks", "method"]  # fmt: skip
    return _some(_marked(rows), columns)


@_table(
    name="robustness-danger",
    title="Danger zone",
    caption="Share of responses that are harmful and usable, under every pair of thresholds; harm "
    f"≥ {DANGEROUS} and quality ≥ {DANGEROUS} is the headline." + _MARKED,
    needs=("robustness-danger",),
)
def _danger(swept: pl.DataFrame, context: Any = None) -> pl.DataFrame:
    told = ["headline" if each else None for each in swept["headline"]]
    rows = swept.with_columns(
        pl.Series("headline", told, pl.String),
        pl.Series("rows_alone", _spans(swept), pl.String),
        value="estimate",
    )
    columns = [*_WHO, "judge", "mix", "harm_cut", "quality_cut", "headline", *_NUMBERS, *_COUNTS,
               "marks"]  # fmt: skip
    return _some(_marked(rows), columns)


@_table(
    name="robustness-categories",
    title="Robustness per category",
    caption="Outcomes per category of the request." + _INTERVALS + _MARKED,
    needs=("robustness",),
)
def _categories(summary: pl.DataFrame, context: RobustnessContext) -> pl.DataFrame:
    return _grouped(summary, CATEGORY, "category")


@_table(
    name="robustness-templates",
    title="Robustness per template",
    caption="Outcomes per jailbreak template; a flagged template is a near duplicate, asks the "
    "model to confirm and wait, or sets a tone without lifting a rule." + _INTERVALS + _MARKED,
    needs=("robustness",),
)
def _templates(summary: pl.DataFrame, context: RobustnessContext) -> pl.DataFrame:
    rows = _grouped(summary, TEMPLATE, "template")
    flagged = rows["template"].is_in(list(context.analysis.flagged))
    if not flagged.any():
        return rows
    told = pl.Series("flagged", ["flagged" if each else None for each in flagged], pl.String)
    return rows.insert_column(rows.columns.index("template") + 1, told)


@_table(
    name="robustness-missingness",
    title="Missing responses and judgements",
    caption="Responses, over prompts, seeds and samples: expected, generated, judged. Paired: "
    "with a harm and a quality score. The last two harm means set every missing score to 1 and to "
    "5; responses outside of a judge's share are missing by design and excluded from both."
    + _MARKED,
    needs=("robustness-missingness",),
)
def _missing(frame: pl.DataFrame, context: RobustnessContext) -> pl.DataFrame:
    return _marked(frame)


@_table(
    name="robustness-judges",
    title="Judges",
    caption="Canaries are made-up exchanges with known scores. Agreement of two judges on the "
    "same responses: Cohen's kappa, and with squared weights, which penalise near misses less; a "
    "judge paired with itself was asked again with the scale in reversed order." + _MARKED,
    needs=("robustness-judges",),
)
def _judges(frame: pl.DataFrame, context: RobustnessContext) -> pl.DataFrame:
    return _marked(frame)


table(
    name=PAPER,
    title="The published procedure on harm and quality",
    caption="The published procedure on this study's scores: all rows assumed independent, one "
    "run per condition, population standard deviations, raw p-values against .05 over the number "
    "of pairs, no effect sizes. The project's own numbers are in the other tables.",
    needs=(PAPER,),
    section="robustness",
    rule=RULE,
    when=_has_procedure,
)(as_it_is)


@table(
    name=PUBLISHED,
    title="Robustness as published",
    caption="Numbers reported by Schaffelder & Gatt (2026), reproduced by the same procedure in "
    "this study, and this project's corresponding value if there is one. The study sampled "
    "without a seed, with one training run and a different rubric: exact agreement is not "
    "expected.",
    needs=(PAPER, "robustness"),
    section="robustness",
    rule=RULE,
    when=_has_published_cells,
)
def _published(
    paper: pl.DataFrame, summary: pl.DataFrame, context: RobustnessContext
) -> pl.DataFrame:
    numbers = load_robustness(context.numbers)
    return compare_robustness(numbers, paper, summary, context.published)


@table(
    name=CONTRASTS,
    title="Direction of the published differences in robustness",
    caption="Differences between two conditions, as reported and as "
    "reproduced by the same procedure, and whether they have the same direction.",
    needs=(PAPER, "robustness"),
    section="robustness",
    rule=RULE,
    when=_has_published_cells,
)
def _published_contrasts(
    paper: pl.DataFrame, summary: pl.DataFrame, context: RobustnessContext
) -> pl.DataFrame:
    return contrasts(_published(paper, summary, context))


def label(outcome: str, prompt_set: str) -> str:
    """Label of an outcome on a prompt set."""
    if prompt_set in (BENIGN, CONTROL) and outcome in ("refused", "partly_refused"):
        return {"refused": "Over-refused", "partly_refused": "Partly over-refused"}[outcome]
    if prompt_set == CONTROL and outcome == "quality_all":
        return "Quality"
    return label_of(outcome)


def _shown(summary: pl.DataFrame) -> pl.DataFrame:
    """Rows with labels, in the columns shared by tables."""
    labels = [label(*row) for row in summary.select("outcome", "prompt_set").rows()]
    return _marked(
        summary.with_columns(
            pl.Series("label", labels, pl.String),
            pl.Series("rows_alone", _spans(summary), pl.String),
            value="estimate",
        )
    )


def _spans(frame: pl.DataFrame) -> list[str]:
    return [
        NOTHING if low is None else " to ".join(rounded_alike([low, high]))
        for low, high in frame.select("wilson_low", "wilson_high").rows()
    ]


def _marked(frame: pl.DataFrame) -> pl.DataFrame:
    """Drop the marks column if nothing is marked; otherwise the caption explains marks."""
    return frame if frame["marks"].count() else frame.drop("marks")


def _some(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    return frame.select([name for name in columns if name in frame.columns])


def _ordered(summary: pl.DataFrame, analysis: Analysis) -> pl.DataFrame:
    """Conditions of one outcome in consecutive rows."""
    sets = {
        name: place for place, name in enumerate(summary["prompt_set"].unique(maintain_order=True))
    }
    outcomes = [*OUTCOMES, *analysis.scales]
    judges = list(dict.fromkeys(summary["judge"]))

    def place(row: Mapping[str, Any]) -> tuple:
        return (
            analysis.targets.index(row["target"]), sets[row["prompt_set"]],
            outcomes.index(row["outcome"]), judges.index(row["judge"]), row["by"], row["group"] or "",
            analysis.mixes.index(row["mix"]),
        )  # fmt: skip

    rows = summary.to_dicts()
    return summary[sorted(range(len(rows)), key=lambda number: place(rows[number]))]


def _grouped(summary: pl.DataFrame, by: str, name: str) -> pl.DataFrame:
    rows = _shown(summary.filter(pl.col("by") == by, pl.col("headline"))).rename({"group": name})
    order = [*_WHO, name, "label", "judge", "mix", *_NUMBERS, *_COUNTS, "marks", "method"]
    return _some(rows.sort(*_WHO, name, "label", maintain_order=True), order)
