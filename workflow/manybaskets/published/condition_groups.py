"""Conditions compared by the published procedures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.names import VANILLA


@dataclass(frozen=True)
class Groups:
    """Mixes that are tested together, within each target.

    Args:
        order: all mixes and the untuned target, as their answers are sampled.
        families: a multi mix, the single mixes of its sources, the human mix and the untuned target:
            the published four conditions of a tier.
        sizes: mixes of one kind with different sources: the published three tiers.
        part_of: by source the part of the training prompts that it answers in a multi mix.
    """

    order: list[str]
    families: list[list[str]]
    sizes: list[list[str]]
    part_of: dict[str, int]


def groups_of(study: Study) -> Groups:
    """The groups of a study in config order, the untuned target last."""
    order = [*study.mixes, VANILLA]
    made_of = {name: mix.composition for name, mix in study.mixes.items()}
    singles = {name: study.mix_sources(name)[0] for name in made_of if made_of[name] == "single"}
    always = {VANILLA, *(name for name in made_of if made_of[name] == "human")}
    multis = [name for name in made_of if made_of[name] == "multi"]
    families = []
    for multi in multis:
        of_sources = {name for name in singles if singles[name] in study.mix_sources(multi)}
        members = always | of_sources | {multi}
        families.append([name for name in order if name in members])
    sizes = [group for group in (list(singles), multis) if len(group) > 1]
    part_of: dict[str, int] = {}
    for name in multis:
        for source, part in study.mixes[name].parts().items():
            part_of.setdefault(source, part)
    return Groups(order, families or [order], sizes, part_of)


def first_runs(study: Study) -> list[tuple[str, str, int]]:
    """Runs used by the published procedures: the first training seed of each condition."""
    conditions = [*study.mixes, VANILLA]
    return [(target, mix, study.seeds_of(mix)[0]) for target in study.targets for mix in conditions]


def check_labels(labels: list[str], where: str) -> None:
    """Check that condition labels are unique, because values are stored by label.

    Raises:
        UserError: a label occurs twice.
    """
    doubled = sorted({label for label in labels if labels.count(label) > 1})
    if doubled:
        raise UserError(
            what=f"conditions share a label: {', '.join(doubled)}",
            where=where,
            expected="one label per condition",
            remedy="give every condition a distinct name",
        )


def pairs(labels: list[str]) -> list[tuple[str, str]]:
    """All pairs of conditions, the earlier one first."""
    return list(combinations(labels, 2))


def versus(first: str, second: str) -> str:
    """Text form of a pair; names contain no spaces."""
    return f"{first} vs {second}"


def together(names: list[str]) -> str:
    """Text form of a group; names contain no commas."""
    return ", ".join(names)
