"""Compare published numbers with the same cells of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.evaluation import PublishedCells
from manybaskets.errors import UserError
from manybaskets.presentation.formatting import Lookup
from manybaskets.published.printed_digits import digit_agreement
from manybaskets.published.procedure_comparison import COUNTERPARTS, LABELS, OwnValues, finite
from manybaskets.published.procedure_rows import ALL, SELF_BLEU, TRAINING_DATA
from manybaskets.published.splitting import UNTRAINED

PUBLISHED_COLLAPSE_SCHEMA = pl.Schema(
    {
        "metric": pl.String,
        "variant": pl.String,
        "target": pl.String,
        "condition": pl.String,
        "tier": pl.String,
        "statistic": pl.String,
        "reported": pl.Float64,
        "reproduced": pl.Float64,
        "difference": pl.Float64,  # reproduced − reported; null for p-values
        "agreement": pl.String,  # to which digits: `printed_digits.digit_agreement`
        "n_reported": pl.Int64,
        "n_reproduced": pl.Int64,
        "own": pl.String,  # label of the project's corresponding measure
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "remark": pl.String,
    }
)
CONTRASTS = pl.Schema(
    {
        "metric": pl.String,
        "variant": pl.String,
        "target": pl.String,
        "statistic": pl.String,
        "first": pl.String,
        "second": pl.String,
        "reported": pl.Float64,  # first − second
        "reproduced": pl.Float64,
        "agree": pl.String,
    }
)
Member = tuple[str, str]  # target and mix, or `training_data` and source

_COLUMNS = ("metric", "variant", "target", "condition", "tier", "statistic", "value", "n", "note")
_VERSUS = "_vs_"
_TIERS = ("small", "medium", "large")
# Published names of variants and statistics, and their names here. If a divisor is not published,
# the divisor of the same metric's other rows is used.
_VARIANTS = {"sentence_pairs_66": "sentence_pairs_all"}
_STATISTICS = {"sd": "sd_ddof0", "var": "var_ddof0"}


def load(path: Path) -> pl.DataFrame:
    """Published numbers to reproduce; runs that the study superseded are left out.

    Raises:
        UserError: the file has different columns.
    """
    texts = [name for name in _COLUMNS if name not in {"value", "n"}]
    frame = pl.read_csv(path, infer_schema=False)
    if tuple(frame.columns) != _COLUMNS:
        raise UserError(
            what=f"the file has the columns {frame.columns}",
            where=str(path),
            expected=f"the columns {list(_COLUMNS)}",
            remedy="restore the file from the project's repository",
        )
    numbers = [pl.col("value").cast(pl.Float64), pl.col("n").cast(pl.Int64)]
    is_target = ~pl.col("note").str.starts_with("not a target")
    printed = pl.col("value").alias("printed")
    return frame.filter(is_target).select(*texts[:6], *numbers, printed, "note")


class StudyCells:
    """A study's names for the published cells.

    Args:
        published: the section of the config.
        part_of: by source the part of the training prompts that it answers in a multi mix.
    """

    def __init__(self, published: PublishedCells, part_of: Mapping[str, int]) -> None:
        self._targets = {theirs: ours for ours, theirs in published.targets.items()}
        self._mixes = {(c.condition, c.tier): mix for mix, c in published.conditions.items()}
        self._sources = {theirs: ours for ours, theirs in published.sources.items()}
        self._part_of = part_of

    def members(self, target: str, condition: str, tier: str) -> list[Member] | None:
        """The study's conditions of a published cell: one, an ordered pair, or a group.

        None if the study lacks any of them.
        """
        if target == TRAINING_DATA:
            source = self._sources.get(f"{condition}:{tier}")
            return None if source is None else [(TRAINING_DATA, source)]
        if condition == "all_12_models":
            small = [("8B", *each) for each in _family("small")]
            large = {("70B", *each) for tier in _TIERS for each in _family(tier)}
            return self._known([*small, *sorted(large)])
        if condition == "all_conditions":
            return self._known([(target, *each) for each in _family(tier)])
        if tier == "all_tiers":
            return self._known([(target, condition, each) for each in _TIERS])
        sides = [names.split(_VERSUS) for names in (target, condition, tier)]
        length = max(map(len, sides))
        targets, conditions, tiers = (side * (length // len(side)) for side in sides)
        synthetic = [
            "none" if name in {"human", "vanilla"} else size
            for name, size in zip(conditions, tiers, strict=True)
        ]
        return self._known(list(zip(targets, conditions, synthetic, strict=True)))

    def variant(self, name: str, members: Sequence[Member]) -> str:
        """Our name for a published variant; a source's part is that of its multi mix."""
        name = _VARIANTS.get(name, name)
        target, source = members[0]
        by_part = name in {"linear_fit", "sentence_pairs"}
        if target == TRAINING_DATA and by_part and source in self._part_of:
            return f"{name}:part{self._part_of[source]}"
        return name

    def _known(self, cells: Sequence[tuple[str, str, str]]) -> list[Member] | None:
        known_cells = [
            (self._targets.get(target), self._mixes.get((condition, tier)))
            for target, condition, tier in cells
        ]
        return known_cells if all(target and mix for target, mix in known_cells) else None


def _family(tier: str) -> list[tuple[str, str]]:
    return [("single", tier), ("multi", tier), ("human", "none"), ("vanilla", "none")]


class Reproduced:
    """Rows of the procedures by key; the order within a pair is stored separately."""

    def __init__(self, paper: pl.DataFrame) -> None:
        self._rows: dict[tuple, tuple[list[Member], dict[str, Any]]] = {}
        for row in paper.to_dicts():
            members = _members(row["target"], row["condition"])
            variant = row["variant"].removesuffix(UNTRAINED)
            key = (row["metric"], variant, frozenset(members), row["statistic"])
            self._rows[key] = (members, row)

    def find(
        self, metric: str, variant: str, members: Sequence[Member], statistic: str
    ) -> dict[str, Any] | None:
        """The row of a cell, or None; U is that of the first member as given."""
        row = self._rows.get((metric, variant, frozenset(members), statistic))
        if row and statistic == "mannwhitney_U" and row[0] != list(members):
            other = f"{statistic}_of_second"
            row = self._rows.get((metric, variant, frozenset(members), other))
        return row[1] if row else None


def _members(target: str, condition: str) -> list[Member]:
    if target == ALL:
        return [tuple(label.split("/")) for label in condition.split(", ")]
    separator = " vs " if " vs " in condition else ", "
    conditions, targets = condition.split(separator), target.split(" vs ")
    targets = targets * (len(conditions) // len(targets))
    return list(zip(targets, conditions, strict=True))


def compare_published(
    numbers: pl.DataFrame,
    paper: pl.DataFrame,
    summary: pl.DataFrame,
    published: PublishedCells,
    part_of: Mapping[str, int],
    lookup: Lookup | None = None,
) -> pl.DataFrame:
    """Every published cell that the study also has, in the published order.

    Its schema is `PUBLISHED_COLLAPSE_SCHEMA`.

    Args:
        numbers: result of `load`.
        paper: of the schema `paper.table.PAPER`.
        summary: of the schema `statistics.summary.SUMMARY`.
        part_of: by source the part of the training prompts that it answers in a multi mix.
    """
    cells, reproduced = StudyCells(published, part_of), Reproduced(paper)
    own_values = OwnValues(summary, lookup)
    rows = []
    for row in numbers.to_dicts():
        members = cells.members(row["target"], row["condition"], row["tier"])
        if members is None:
            continue
        metric, complement = _metric(row["metric"])
        variant = cells.variant(row["variant"], members)
        statistic = _STATISTICS.get(row["statistic"], row["statistic"])
        row_here = reproduced.find(metric, variant, members, statistic)
        if row_here is None or row_here["value"] is None:
            continue
        value = 100.0 - row_here["value"] if complement else row_here["value"]
        is_p = statistic.endswith("_p")
        beside = own_values.beside(metric, variant, statistic, *members[0])
        rows.append(
            {key: row[key] for key in _COLUMNS[:6]}
            | {
                "reported": row["value"],
                "reproduced": value,
                "difference": None if is_p else value - row["value"],
                "agreement": digit_agreement(row["printed"], value),
                "n_reported": row["n"],
                "n_reproduced": row_here["n"],
                "remark": _remark(row["note"], row_here),
            }
            | ({} if complement or len(members) > 1 else beside)
        )
    return pl.DataFrame(rows, schema=PUBLISHED_COLLAPSE_SCHEMA)


def _metric(name: str) -> tuple[str, bool]:
    """Our metric, and whether the published metric is 100 minus ours."""
    return (SELF_BLEU, True) if name == "self_bleu3" else (name, False)


def _remark(note: str, row_here: Mapping[str, Any]) -> str:
    """Qualifications of the published number, and how ours was computed."""
    theirs = note.removeprefix("published").lstrip(";: ")
    ours = "untrained splitter" if row_here["variant"].endswith(UNTRAINED) else ""
    notes = [f"published: {theirs}" if theirs else "", f"here: {ours}" if ours else ""]
    return "; ".join([*filter(None, notes), row_here["note"]]).strip("; ")


def published_contrasts(compared: pl.DataFrame) -> pl.DataFrame:
    """Differences between all pairs of conditions of a metric, reported and reproduced.

    Args:
        compared: result of `compare`.
    """
    central = {(metric, statistic) for metric, _, statistic in COUNTERPARTS}
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in compared.to_dicts():
        alone = _VERSUS not in row["condition"] and not row["condition"].startswith("all")
        both_known = finite(row["reported"]) and finite(row["reproduced"])
        if alone and both_known and (row["metric"], row["statistic"]) in central:
            key = tuple(row[name] for name in ("metric", "variant", "target", "statistic"))
            groups.setdefault(key, []).append(row)
    rows = []
    for (metric, variant, target, statistic), members in groups.items():
        for one, other in combinations(members, 2):
            reported = one["reported"] - other["reported"]
            reproduced = one["reproduced"] - other["reproduced"]
            names = [_named(each) for each in (one, other)]
            agree = "yes" if reported * reproduced > 0 else "no" if reported else "tie reported"
            rows.append((metric, variant, target, statistic, *names, reported, reproduced, agree))
    return pl.DataFrame(rows, schema=CONTRASTS, orient="row")


def _named(row: Mapping[str, Any]) -> str:
    tier = row["tier"]
    return row["condition"] if tier == "none" else f"{row['condition']} {tier}"


def published_collapse_findings(compared: pl.DataFrame, contrasted: pl.DataFrame) -> list[str]:
    """Sentences with the number of cells and of contrasts with the same direction."""
    if compared.is_empty():
        return []
    sentences = [f"{compared.height} published numbers have a counterpart in this study."]
    for (metric,), group in contrasted.group_by("metric", maintain_order=True):
        same = group.filter(pl.col("agree") == "yes").height
        sentences.append(
            f"{LABELS[metric]}: {same} of {group.height} published differences between two "
            "conditions have the same direction here."
        )
    return sentences
