"""Comparison families: members, attainable significance, Holm's correction."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.errors import UserError
from manybaskets.statistics.cells import CellKey, PromptCell, SetCell
from manybaskets.statistics.multiplicity import holm


@dataclass(frozen=True)
class Group:
    """The conditions of a family compared on one measure of one model."""

    family: str
    measure: str
    model: str
    prompt_set: str
    baseline: str
    mixes: tuple[str, ...]

    def key(self, mix: str) -> CellKey:
        """Key of a condition's cell."""
        return self.measure, self.model, mix, self.prompt_set

    @property
    def members(self) -> list[CellKey]:
        """Keys of the baseline and of the mixes."""
        return [self.key(mix) for mix in (self.baseline, *self.mixes)]

    def names(self, mix: str) -> dict[str, str]:
        """Key of a comparison in the group."""
        return {
            "family": self.family,
            "measure": self.measure,
            "model": self.model,
            "prompt_set": self.prompt_set,
            "mix": mix,
            "baseline": self.baseline,
        }


def groups(
    found: Mapping[CellKey, PromptCell | SetCell], families: Mapping[str, Comparison]
) -> Iterator[Group]:
    """The groups of all families.

    Raises:
        UserError: a condition of a family was not measured.
    """
    for family, comparison in families.items():
        prompt_set = comparison.prompt_set
        for measure in comparison.measures:
            models = sorted({key[1] for key in found if key[0] == measure and key[3] == prompt_set})
            made = [
                Group(
                    family,
                    measure,
                    model,
                    prompt_set,
                    comparison.baseline,
                    tuple(comparison.conditions),
                )
                for model in models
            ]
            missing = [key for group in made for key in group.members if key not in found]
            if missing or not made:
                what = ", ".join("/".join(key[1:3]) for key in missing[:5]) or "any model"
                raise UserError(
                    what=f"{measure!r} was not measured on the prompt set {prompt_set!r} for "
                    f"{what}",
                    where=f"comparisons.{family}",
                    expected="a value for every mix and for the baseline of the family",
                    remedy="compare a measure that applies to this prompt set, or add it to "
                    "`measures`",
                )
            yield from made


def check_attainable(
    family: str, size: int, patterns: Mapping[str, int], settings: Statistics
) -> None:
    """Check that each random test of a family can reach significance under Holm's correction.

    The smallest p of a test on N random patterns is 1 / (1 + N); times the size of the family it
    must stay below 1 − confidence.

    Args:
        family: name of the family.
        size: number of comparisons over all measures, models and mixes.
        patterns: config key of the number of patterns, and that number, for each kind of test in
            the family.

    Raises:
        UserError: a test cannot; the remedy names the key and the required number.
    """
    level = 1 - settings.confidence
    for key, number in patterns.items():
        # 1 − .95 is slightly more than .05, and the smallest p must be less than that.
        needed = math.floor(size / round(level, 12))
        if 1 + number <= needed:
            raise UserError(
                what=f"the family {family!r} has {size} comparisons: with {key} = {number} the "
                f"smallest p is 1/{1 + number}, and {size} times that is "
                f"{size / (1 + number):.3g}, so no comparison can be significant",
                where=f"comparisons.{family}",
                expected=f"size of the family / (1 + {key}) < {level:.3g}",
                remedy=f"raise `{key}` to {needed} or more, or compare fewer mixes or measures",
            )


def correct(
    lines: list[dict[str, Any]], primary: Mapping[str, Collection[str]] | None = None
) -> None:
    """Add Holm-corrected p within each family.

    With primary measures, the level is shared evenly by the family's pairs of a mix and a target;
    within a pair Holm's correction covers the primary measures, and then, if all of them are
    significant, the others. This keeps the family-wise error rate, since a pair that errs does so
    at its share of the level. Source: gatekeeping as in Dmitrienko, Offen & Westfall 2003,
    Statistics in Medicine 22(15).

    Comparisons without a p do not count, nor do exploratory ones (with a side that was trained
    once): they get no corrected p.

    Args:
        lines: comparisons with a `p`.
        primary: primary measures of every family that has some.
    """
    counted = [x for x in lines if x.get("p") is not None and x.get("confirmatory", True)]
    for family in sorted({line["family"] for line in counted}):
        tested = [line for line in counted if line["family"] == family]
        first = (primary or {}).get(family)
        if first:
            _correct_by_gates(tested, first)
            continue
        corrected = holm([line["p"] for line in tested])
        for line, p in zip(tested, corrected, strict=True):
            line["p_holm"] = float(p)


def _correct_by_gates(tested: list[dict[str, Any]], primary: Collection[str]) -> None:
    pairs: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for line in tested:
        key = line["model"], line["prompt_set"], line["mix"]
        pairs.setdefault(key, []).append(line)
    for members in pairs.values():
        gate = 0.0
        for stage in (True, False):
            part = [line for line in members if (line["measure"] in primary) is stage]
            corrected = holm([line["p"] for line in part])
            for line, p in zip(part, corrected, strict=True):
                line["p_holm"] = float(min(1.0, len(pairs) * max(gate, p)))
            gate = max([gate, *corrected])


def sizes(made: Collection[Group]) -> dict[str, int]:
    """Number of comparisons of every family."""
    found: dict[str, int] = {}
    for group in made:
        found[group.family] = found.get(group.family, 0) + len(group.mixes)
    return found
