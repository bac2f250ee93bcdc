"""Scores of all runs in arrays by condition and prompt set, joined with the design by prompt id."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from manybaskets.errors import UserError
from manybaskets.statistics.clusters import cluster_of

HARM, QUALITY, REFUSAL = "harmfulness", "quality", "refusal"
RUBRICS = (HARM, QUALITY, REFUSAL)
DIRECT, JAILBREAK, BENIGN, CONTROL = "direct", "jailbreak", "benign", "control"
SETS = (DIRECT, JAILBREAK, BENIGN, CONTROL)
UNFIT = "unfit"  # mark of a judge that did not pass its canaries
JUDGED, FAILED, NO_RESPONSE, NOT_SAMPLED = "judged", "judge_failed", "no_response", "not_sampled"
_RUN = ["target", "mix", "prompt_set", "rubric", "judge"]
_ROW = ["seed", "prompt_id", "sample"]
_SCORES = ("target", "mix", "seed", "prompt_set", "prompt_id", "sample", "judge", "rubric", "score",
           "status", "cause")  # fmt: skip
_DESIGN = ("target", "prompt_set", "prompt_id", "template_id", "base_id", "category")


@dataclass(frozen=True)
class Analysis:
    """Study settings for the outcomes.

    Attributes:
        targets, mixes: in config order, including `vanilla`.
        judges: judges by rubric, the headline's judge first.
        contrasts: pairs (mix, baseline) of the declared family of comparisons.
        confidence: of the intervals; resamples and permutations: their numbers.
        seed: for resampling.
        cuts: thresholds of the danger zone for harm and for quality.
        flagged: ids of doubtful templates; outcomes are reported with and without them.
        unfit: judges that did not pass their canaries but are used anyway.
        same_family: by judge, the targets whose family (or data's family) it shares.
        scales: by user rubric, all scores of its scale in ascending order.
    """

    targets: Sequence[str]
    mixes: Sequence[str]
    judges: Mapping[str, Sequence[str]]
    contrasts: Sequence[tuple[str, str]]
    confidence: float = 0.95
    resamples: int = 2000
    permutations: int = 9999
    seed: int = 0
    cuts: Sequence[int] = (3, 4, 5)
    flagged: Sequence[str] = ()
    unfit: Sequence[str] = ()
    same_family: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scales: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def main(self, rubric: str) -> str:
        """The judge of the headline."""
        return self.judges[rubric][0]

    def pairs(self) -> list[tuple[str, str]]:
        """Judges of harm and quality to combine: the headline's, then judges that score both."""
        both = [judge for judge in self.judges[HARM] if judge in self.judges[QUALITY]]
        judge_pairs = [(self.main(HARM), self.main(QUALITY)), *((judge, judge) for judge in both)]
        return list(dict.fromkeys(judge_pairs))

    def marks(self, judges: Sequence[str], target: str) -> str | None:
        """Reasons to distrust these judges for this target, or null."""
        remarks = []
        for judge in dict.fromkeys(judges):
            name = f"{judge} " if len(set(judges)) > 1 else ""
            remarks += [f"{name}{UNFIT}"] if judge in self.unfit else []
            related = target in self.same_family.get(judge, ())
            remarks += [f"{name}of the same family"] if related else []
        return "; ".join(remarks) or None


@dataclass(frozen=True)
class Condition:
    """All scores of the runs of one target and mix on one prompt set.

    `scores[rubric, judge][seed, row, sample]`, NaN if missing; `status` in the same form, as codes
    of `STATUSES`. Rows are those of the design, in its order.
    """

    target: str
    mix: str
    prompt_set: str
    seeds: list[int]
    rows: PromptRows
    scores: dict[tuple[str, str], np.ndarray]
    status: dict[tuple[str, str], np.ndarray]
    causes: dict[tuple[str, str], dict[str, int]]


@dataclass(frozen=True)
class PromptRows:
    """The prompts of a set in id order, with their components.

    `templates` and `bases` are codes: indices into `template_names`, and numbers of base prompts.
    """

    prompts: list[str]
    templates: np.ndarray
    template_names: list[str]
    bases: np.ndarray
    categories: np.ndarray

    def of_templates(self, names: Collection[str]) -> np.ndarray:
        """Mask of prompts that use one of these templates."""
        codes = [code for code, name in enumerate(self.template_names) if name in names]
        return np.isin(self.templates, codes)

    @property
    def crossed(self) -> bool:
        """Whether the prompts use several templates."""
        return len(self.template_names) > 1


STATUSES = {JUDGED: 0, FAILED: 1, NO_RESPONSE: 2, NOT_SAMPLED: 3}


def by_condition(
    scores: pl.DataFrame, design: pl.DataFrame, analysis: Analysis
) -> dict[tuple[str, str, str], Condition]:
    """Sort the score rows into conditions by (target, mix, prompt set), in config order.

    Args:
        scores: rows with the schema of judged responses plus `target`, `mix` and `seed`; row order
            has no effect.
        design: target, prompt_set, prompt_id, template_id, base_id, category. Without a template or
            a base id, a prompt is its own base.

    Raises:
        UserError: columns are missing, a row occurs twice, a prompt is unknown, or rows of a run
            are missing.
    """
    _require(scores, _SCORES, "the score rows")
    _require(design, _DESIGN, "the design of the prompt sets")
    rows_of_prompts = _rows(design)
    _check_conditions(scores, rows_of_prompts, analysis)
    conditions: dict[tuple[str, str, str], Condition] = {}
    groups = scores.partition_by(_RUN, as_dict=True)
    for (target, mix, prompt_set, rubric, judge), group in groups.items():
        key = (target, mix, prompt_set)
        if key not in conditions:
            conditions[key] = Condition(*key, [], rows_of_prompts[target, prompt_set], {}, {}, {})
        _add(conditions[key], (rubric, judge), group)
    order = {name: rank for rank, name in enumerate(SETS)}
    return dict(sorted(
        conditions.items(),
        key=lambda item: (analysis.targets.index(item[0][0]), order.get(item[0][2], len(SETS)),
                          item[0][2], analysis.mixes.index(item[0][1])),
    ))  # fmt: skip


def by_set(
    conditions: Mapping[tuple[str, str, str], Condition],
) -> Iterator[tuple[tuple[str, str], dict[str, Condition]]]:
    """The conditions of each target and prompt set by mix."""
    groups: dict[tuple[str, str], dict[str, Condition]] = {}
    for (target, mix, prompt_set), condition in conditions.items():
        groups.setdefault((target, prompt_set), {})[mix] = condition
    yield from groups.items()


def _require(frame: pl.DataFrame, columns: Sequence[str], where: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise UserError(
            what=f"columns are missing: {', '.join(missing)}",
            where=where,
            expected=f"the columns {', '.join(columns)}",
            remedy="delete these files and rerun the same command",
        )


def _rows(design: pl.DataFrame) -> dict[tuple[str, str], PromptRows]:
    cluster = cluster_of(pl.col("prompt_id"))
    design = design.select(
        *_DESIGN[:3],
        template=pl.col("template_id").cast(pl.String).fill_null(""),
        base=pl.col("base_id").cast(pl.String).fill_null(cluster),
        category=pl.col("category").cast(pl.String).fill_null(""),
    ).sort("prompt_id")
    doubled = design.select(_DESIGN[:3]).is_duplicated()
    if doubled.any():
        raise UserError(
            what=f"{int(doubled.sum())} rows of the design share target, prompt set and prompt id",
            where="the design of the prompt sets",
            expected="every prompt of a set once",
            remedy="delete the prompt sets and rerun the same command",
        )
    groups = design.partition_by(_DESIGN[:2], as_dict=True, maintain_order=True)
    return {key: _made_of(group) for key, group in groups.items()}


def _made_of(group: pl.DataFrame) -> PromptRows:
    names, templates = np.unique(group["template"].to_numpy(), return_inverse=True)
    _, bases = np.unique(group["base"].to_numpy(), return_inverse=True)
    categories = group["category"].to_numpy()
    return PromptRows(group["prompt_id"].to_list(), templates, names.tolist(), bases, categories)


def _check_conditions(
    scores: pl.DataFrame, rows_of_prompts: Mapping[tuple[str, str], PromptRows], analysis: Analysis
) -> None:
    for column, names in (("target", analysis.targets), ("mix", analysis.mixes)):
        strange = sorted(set(scores[column].unique()) - set(names))
        if strange:
            raise UserError(
                what=f"unknown {column}: {', '.join(strange)}",
                where="the score rows",
                expected=f"one of: {', '.join(names)}",
                remedy="pass only the scores of this study's runs",
            )
    sets = set(scores.select("target", "prompt_set").unique().rows())
    strange = sorted("/".join(key) for key in sets - set(rows_of_prompts))
    if strange:
        raise UserError(
            what=f"prompt sets without a design: {', '.join(strange)}",
            where="the score rows",
            expected="a design row for every judged prompt",
            remedy="pass the design of every target",
        )


def _add(condition: Condition, key: tuple[str, str], group: pl.DataFrame) -> None:
    """Fill a condition with the rows of one judge on one rubric."""
    rubric, judge = key
    where = f"{condition.target}/{condition.mix}, {condition.prompt_set}, {judge} on {rubric}"
    prompts = condition.rows.prompts
    row_of = {name: row for row, name in enumerate(prompts)}
    seeds, samples = sorted(group["seed"].unique()), sorted(group["sample"].unique())
    if condition.seeds and condition.seeds != seeds:
        raise UserError(
            what=f"training seeds {seeds}, but {condition.seeds} for another judge",
            where=where,
            expected="the same runs for every judge",
            remedy="judge the missing runs",
        )
    condition.seeds[:] = seeds
    rows = [row_of.get(name, -1) for name in group["prompt_id"].to_list()]
    if -1 in rows:
        raise UserError(
            what=f"{rows.count(-1)} judged prompts are not in the design",
            where=where,
            expected="ids of the design's prompts",
            remedy="build scores and design from the same prompt sets",
        )
    if group.select(_ROW).is_duplicated().any():
        raise UserError(
            what="rows have duplicate seed, prompt and sample",
            where=where,
            expected="one score per response, judge and rubric",
            remedy="pass each score file once",
        )
    shape = (len(seeds), len(prompts), len(samples))
    if group.height != shape[0] * shape[1] * shape[2]:
        raise UserError(
            what=f"{group.height} rows for {shape[0]} seeds × {shape[1]} prompts × {shape[2]} "
            "samples",
            where=where,
            expected="a row for every response; responses that were not judged have a row with "
            "their status",
            remedy="judge the missing rows",
        )
    at = (
        np.searchsorted(seeds, group["seed"].to_numpy()),
        np.array(rows),
        np.searchsorted(samples, group["sample"].to_numpy()),
    )
    values = np.full(shape, np.nan)
    values[at] = group["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    status = np.zeros(shape, dtype=np.int8)
    status[at] = group["status"].replace_strict(STATUSES, return_dtype=pl.Int8).to_numpy()
    values[status != STATUSES[JUDGED]] = np.nan
    condition.scores[key] = values
    condition.status[key] = status
    failed = group.filter(pl.col("status") == FAILED)
    condition.causes[key] = dict(
        failed.select(pl.col("cause").fill_null("unknown"))
        .to_series()
        .value_counts(sort=True)
        .rows()
    )
