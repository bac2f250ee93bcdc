"""Comparison families: members, attainable significance, correction for several tests."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from manybaskets.config.evaluation import Comparison, Correction, Statistics
from manybaskets.errors import UserError
from manybaskets.statistics.cells import CellKey, PromptCell, SetCell
from manybaskets.statistics.multiplicity import benjamini_yekutieli, harmonic, holm

CORRECTIONS: dict[Correction, str] = {
    "holm": "Holm",
    "benjamini-yekutieli": "Benjamini–Yekutieli",
}


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


def first_step_factor(tests: int, correction: Correction = "holm") -> float:
    """By what a correction over a family multiplies the smallest p of its first tests."""
    return tests if correction == "holm" else tests * harmonic(tests)


def first_tests(family: Comparison, models: int) -> int:
    """Number of a family's tests that do not wait for others: with primary measures, only those."""
    return len(family.conditions) * len(family.primary or family.measures) * models


def check_attainable(
    family: str,
    size: int,
    patterns: Mapping[str, int],
    settings: Statistics,
    correction: Correction = "holm",
) -> None:
    """Check that each random test of a family can reach significance after the correction.

    The smallest p of a test on N random patterns is 1 / (1 + N); corrected over the family it must
    stay below 1 − confidence.

    Args:
        family: name of the family.
        size: number of comparisons over all models, mixes and measures that are tested first.
        patterns: config key of the number of patterns, and that number, for each kind of test in
            the family.

    Raises:
        UserError: a test cannot; the remedy names the key and the required number.
    """
    level = 1 - settings.confidence
    for key, number in patterns.items():
        # 1 − .95 is slightly more than .05, and the smallest p must be less than that.
        factor = first_step_factor(size, correction)
        needed = math.floor(factor / round(level, 12))
        if 1 + number <= needed:
            times = f"{size}" if correction == "holm" else f"{factor:.1f} (`{correction}`)"
            raise UserError(
                what=f"the family {family!r} has {size} comparisons: with {key} = {number} the "
                f"smallest p is 1/{1 + number}, and {times} times that is "
                f"{factor / (1 + number):.3g}, so no comparison can be significant",
                where=f"comparisons.{family}",
                expected=f"{'size of the family' if correction == 'holm' else f'{factor:.1f}'} / "
                f"(1 + {key}) < {level:.3g}",
                remedy=f"raise `{key}` to {needed} or more, or compare fewer mixes or measures",
            )


def correct(lines: list[dict[str, Any]], families: Mapping[str, Comparison] | None = None) -> None:
    """Add p that are corrected within each family, by Holm's method unless the family names another.

    With primary measures, the level is shared evenly by the family's pairs of a mix and a target;
    within a pair Holm's correction covers the primary measures, and then, if all of them are
    significant, the others. This keeps the family-wise error rate, since a pair that errs does so
    at its share of the level. Source: gatekeeping as in Dmitrienko, Offen & Westfall 2003,
    Statistics in Medicine 22(15).

    Comparisons without a p do not count, nor do exploratory ones (with a side that was trained
    once): they get no corrected p.

    Args:
        lines: comparisons with a `p`.
        families: families by name; those without an entry are corrected by Holm's method.
    """
    counted = [x for x in lines if x.get("p") is not None and x.get("confirmatory", True)]
    for family in sorted({line["family"] for line in counted}):
        tested = [line for line in counted if line["family"] == family]
        declared = (families or {}).get(family)
        if declared is not None and declared.primary:
            _correct_by_gates(tested, declared.primary)
            continue
        by_rate = declared is not None and declared.correction == "benjamini-yekutieli"
        method = benjamini_yekutieli if by_rate else holm
        corrected = method([line["p"] for line in tested])
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
            chosen = [line for line in members if (line["measure"] in primary) is stage]
            corrected = holm([line["p"] for line in chosen])
            for line, p in zip(chosen, corrected, strict=True):
                line["p_holm"] = float(min(1.0, len(pairs) * max(gate, p)))
            gate = max([gate, *corrected])
