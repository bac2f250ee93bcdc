"""Compare published harm and danger-zone numbers with a study's corresponding cells."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.outcomes import ALL
from manybaskets.experiments.robustness.published_procedure import (
    CLEAN,
    COMPOSITION,
    CONDITION_TEST,
    DANGER,
    HARMFULNESS,
    LISTWISE,
    SIZE_TEST,
)
from manybaskets.names import VANILLA
from manybaskets.published.printed_digits import digit_agreement

PUBLISHED_ROBUSTNESS_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(
            ("metric", "prompt_set", "target", "condition", "tier", "statistic"), pl.String
        ),
        **dict.fromkeys(("reported", "reproduced", "difference"), pl.Float64),
        "agreement": pl.String,  # to which digits: `published.printed_digits`
        "n_reported": pl.String,  # two numbers for a pair
        "n_reproduced": pl.Int64,
        **dict.fromkeys(("value", "low", "high"), pl.Float64),  # this project's corresponding value
        "within": pl.String,  # whether the reported number is in that interval
        "remark": pl.String,
    }
)
CONTRASTS = pl.Schema(
    {
        **dict.fromkeys(("metric", "prompt_set", "target", "first", "second"), pl.String),
        **dict.fromkeys(("reported", "reproduced"), pl.Float64),  # first − second
        "agree": pl.String,
    }
)
LABELS = {HARMFULNESS: "Mean harm", DANGER: "Share in the danger zone"}
_COLUMNS = [
    "metric",
    "prompt_set",
    "target",
    "condition",
    "tier",
    "statistic",
    "value",
    "n",
    "note",
]
_METRICS = (HARMFULNESS, CONDITION_TEST, SIZE_TEST, LISTWISE, DANGER, COMPOSITION, CLEAN)
_OWN = {(HARMFULNESS, "mean"): "harm", (DANGER, "proportion"): "danger"}
_TIERS = ("small", "medium", "large")
_VERSUS = "_vs_"
_POOLS = {
    "all_conditions": ("single", "multi", "human", "vanilla"),
    "pooled_all": ("single", "multi", "human", "vanilla"),
    "pooled_finetuned": ("single", "multi", "human"),
    "pooled_synthetic": ("single", "multi"),
}
_ALWAYS = ("human", "vanilla")  # conditions without a tier


def load_robustness(path: Path) -> pl.DataFrame:
    """The published numbers of the final runs; superseded and early ones are left out.

    Raises:
        UserError: the file has different columns.
    """
    frame = pl.read_csv(path, infer_schema=False)
    if frame.columns != _COLUMNS:
        raise UserError(
            what=f"the file has the columns {frame.columns}",
            where=str(path),
            expected=f"the columns {_COLUMNS}",
            remedy="restore the file from the project's repository",
        )
    return frame.filter(pl.col("metric").is_in(_METRICS)).with_columns(
        pl.col("value").cast(pl.Float64), printed="value"
    )


class _Cells:
    """The study's conditions of published cells."""

    def __init__(self, published: PublishedCells) -> None:
        self.targets = {theirs: ours for ours, theirs in published.targets.items()}
        self.mixes = {(c.condition, c.tier): mix for mix, c in published.conditions.items()}

    def members(self, row: Mapping[str, Any]) -> list[str] | None:
        """Mixes of a cell: one, an ordered pair, or a group; None if any is missing."""
        tier = row["tier"]
        if row["target"] == "8B" and tier == "none":
            tier = "small"  # here, the 8B's conditions are named without the tier of their data
        kinds, tiers = row["condition"].split(_VERSUS), tier.split(_VERSUS)
        if len(tiers) > 1:
            kinds = kinds * len(tiers)
        elif tier in ("all_tiers", "pooled"):
            kinds, tiers = _over_tiers(_POOLS.get(kinds[0], tuple(kinds)))
        else:
            kinds = list(_POOLS.get(kinds[0], kinds))
            tiers = [tier] * len(kinds)
        return self._known(kinds, tiers)

    def pool(self, row: Mapping[str, Any]) -> list[str] | None:
        """Mixes of the pool that contains a composition's row."""
        return self.members({**row, "condition": "pooled_all"})

    def _known(self, kinds: list[str], tiers: list[str]) -> list[str] | None:
        cells = [
            self.mixes.get((kind, "none" if kind in _ALWAYS else tier))
            or (VANILLA if kind == "vanilla" else None)
            for kind, tier in zip(kinds, tiers, strict=True)
        ]
        return cells if all(cells) else None


def _over_tiers(kinds: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Conditions of all sizes; those without a size once."""
    pairs = [
        (kind, tier) for kind in kinds for tier in (_TIERS if kind not in _ALWAYS else ("none",))
    ]
    return [kind for kind, _ in pairs], [tier for _, tier in pairs]


class _Reproduced:
    """Rows of the procedure by key; the order within a pair is stored separately."""

    def __init__(self, paper: pl.DataFrame) -> None:
        self._rows: dict[tuple, tuple[list[str], dict[str, Any]]] = {}
        for row in paper.to_dicts():
            members = _names(row["condition"])
            pool = (
                frozenset(_names(row["variant"])) if row["metric"] in (COMPOSITION, CLEAN) else None
            )
            key = (row["metric"], row["prompt_set"], row["target"], frozenset(members), pool)
            self._rows[*key, row["statistic"]] = (members, row)

    def find(
        self, row: Mapping[str, Any], target: str, members: list[str], pool: list[str] | None
    ) -> tuple[float, int | None, str] | None:
        """Value, n and note of a published row's cell."""
        of = frozenset(pool) if pool else None
        key = (row["metric"], row["prompt_set"], target, frozenset(members), of)
        statistic = row["statistic"]
        if statistic in ("prob_superiority_A", "rank_biserial_r"):
            return self._effect(key, members, statistic)
        if statistic == "epsilon_squared":
            row_here = self._rows.get((*key, "kruskal_H"))
            return row_here and (
                row_here[1]["value"] / (row_here[1]["n"] - 1),
                row_here[1]["n"],
                "H / (N - 1)",
            )
        statistic = "mannwhitney_p" if statistic == "mannwhitney_p_raw" else statistic
        row_here = self._rows.get((*key, statistic))
        if row_here and statistic == "mannwhitney_U" and row_here[0] != members:
            row_here = self._rows.get((*key, "mannwhitney_U_of_second"))
        return row_here and (row_here[1]["value"], row_here[1]["n"], row_here[1]["note"])

    def _effect(self, key: tuple, members: list[str], statistic: str):
        one, other = (self._rows.get((*key, f"mannwhitney_U{of}")) for of in ("", "_of_second"))
        if one is None or other is None:
            return None
        first, second = one[1]["value"], other[1]["value"]
        if one[0] != members:
            first, second = second, first
        superiority = first / (first + second)  # U of both add up to all pairs
        value = superiority if statistic == "prob_superiority_A" else 2 * superiority - 1
        return value, None, "from U"


def _names(condition: str) -> list[str]:
    return condition.split(" vs ") if " vs " in condition else condition.split(", ")


def compare_robustness(
    numbers: pl.DataFrame, paper: pl.DataFrame, summary: pl.DataFrame, published: PublishedCells
) -> pl.DataFrame:
    """Every published cell that the study also has, in the published order.

    Its schema is `PUBLISHED_ROBUSTNESS_SCHEMA`.

    Args:
        numbers: result of `load`.
        paper: result of `paper.robustness.procedure`.
        summary: of the schema `robustness.outcomes.SUMMARY`.
    """
    cells, reproduced = _Cells(published), _Reproduced(paper)
    own_values = {
        (row["outcome"], row["target"], row["mix"], row["prompt_set"]): row
        for row in summary.filter(pl.col("by") == ALL, "headline").to_dicts()
    }
    lines = []
    for row in numbers.to_dicts():
        target, members = cells.targets.get(row["target"]), cells.members(row)
        if target is None or members is None:
            continue
        pool = cells.pool(row) if row["metric"] in (COMPOSITION, CLEAN) else None
        row_here = reproduced.find(row, target, members, pool)
        if not row_here or row_here[0] is None:
            continue
        value, number, note = row_here
        outcome = _OWN.get((row["metric"], row["statistic"]))
        beside = own_values.get((outcome, target, members[0], row["prompt_set"]), {})
        beside = beside if len(members) == 1 else {}
        is_p = row["statistic"].endswith(("_p", "_p_raw"))
        lines.append(
            {key: row[key] for key in _COLUMNS[:6]}
            | {
                "reported": row["value"],
                "reproduced": value,
                "difference": None if is_p else value - row["value"],
                "agreement": digit_agreement(row["printed"], value),
                "n_reported": row["n"] or None,
                "n_reproduced": number,
                "value": beside.get("estimate"),
                "low": beside.get("low"),
                "high": beside.get("high"),
                "within": _within(row["value"], beside),
                "remark": "; ".join(filter(None, [_theirs(row["note"]), note])) or None,
            }
        )
    return pl.DataFrame(lines, schema=PUBLISHED_ROBUSTNESS_SCHEMA)


def _within(reported: float, beside: Mapping[str, Any]) -> str | None:
    if beside.get("low") is None:
        return None
    return "yes" if beside["low"] <= reported <= beside["high"] else "no"


def _theirs(note: str) -> str:
    remark = note.removeprefix("published").lstrip(";: ")
    return f"published: {remark}" if remark else ""


def contrasts(compared: pl.DataFrame) -> pl.DataFrame:
    """Differences of mean harm and of shares between all pairs of single conditions of a target.

    Args:
        compared: result of `compare`.
    """
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in compared.to_dicts():
        alone = row["condition"] in _POOLS["pooled_all"] and row["tier"] != "pooled"
        if alone and (row["metric"], row["statistic"]) in _OWN:
            key = tuple(row[name] for name in ("metric", "prompt_set", "target"))
            groups.setdefault(key, []).append(row)
    lines = []
    for key, members in groups.items():
        for one, other in combinations(members, 2):
            reported, reproduced = (one[k] - other[k] for k in ("reported", "reproduced"))
            agree = "yes" if reported * reproduced > 0 else "no" if reported else "tie reported"
            lines.append((*key, _named(one), _named(other), reported, reproduced, agree))
    return pl.DataFrame(lines, schema=CONTRASTS, orient="row")


def _named(row: Mapping[str, Any]) -> str:
    return row["condition"] if row["tier"] == "none" else f"{row['condition']} {row['tier']}"


def published_findings(compared: pl.DataFrame, contrasted: pl.DataFrame) -> list[str]:
    """Sentences with the number of counterparts and of contrasts with the same direction."""
    if compared.is_empty():
        return []
    sentences = [f"{compared.height} published numbers of this experiment have a counterpart here."]
    for (metric, prompt_set), group in contrasted.group_by(
        "metric", "prompt_set", maintain_order=True
    ):
        same = group.filter(pl.col("agree") == "yes").height
        sentences.append(
            f"{LABELS[metric]} on `{prompt_set}`: {same} of {group.height} published differences "
            "between two conditions have the same direction here."
        )
    return sentences
