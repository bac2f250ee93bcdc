"""Blended mixes, the mixes that hold one of their sources alone, and the target's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from manybaskets.config.model_families import author_family, family_of
from manybaskets.config.study import Study
from manybaskets.names import HUMAN, TRAIN


@dataclass(frozen=True)
class Blend:
    """A mix of several sources, and the mixes that it is compared with.

    Attributes:
        singles: share of the prompts by mix that holds one of its sources alone.
        missing: its sources that no mix holds alone.
        own: by target the mix of answers of the target, or of a model of its family.
    """

    singles: Mapping[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether each of its sources has a mix of its own, so that the singles have a mean and a best."""
        return not self.missing and len(self.singles) > 1

    @property
    def comparable(self) -> bool:
        """Whether there is anything to compare it with."""
        return self.complete or bool(self.own)


def blends_of(study: Study) -> dict[str, Blend]:
    """The mixes of several sources by name, those that `source_counts` adds last."""
    alone = _alone(study)
    families = {name: author_family(study, name) for name in alone if name != HUMAN}
    added = set(study.added_mixes())
    found = {}
    for name in sorted(study.mixes, key=lambda mix: mix in added):
        shares = study.mixes[name].shares()
        if len(shares) < 2:
            continue
        inside = [source for source in alone if source in shares]
        outside = [source for source in alone if source not in shares]
        candidates = {
            target: _own(study, target, inside, families) or _own(study, target, outside, families)
            for target in study.targets
        }
        found[name] = Blend(
            singles={alone[source]: shares[source] for source in shares if source in alone},
            missing=[source for source in shares if source not in alone],
            own={target: alone[source] for target, source in candidates.items() if source},
        )
    return found


def comparable_blends(study: Study) -> dict[str, Blend]:
    """The blends of a study that its runs can be compared for."""
    blends = blends_of(study) if study.targets else {}
    return {name: blend for name, blend in blends.items() if blend.comparable}


def declared_measures(study: Study) -> dict[str, list[str]]:
    """Measures of the declared comparisons of runs, by prompt set: what the study sets out to decide."""
    found: dict[str, dict[str, None]] = {}
    for family in study.comparisons.values():
        if family.prompt_set != TRAIN:
            found.setdefault(family.prompt_set, {}).update(dict.fromkeys(family.measures))
    return {prompt_set: list(names) for prompt_set, names in found.items()}


def _alone(study: Study) -> dict[str, str]:
    """The first mix of every source that holds it alone."""
    found: dict[str, str] = {}
    for name, mix in study.mixes.items():
        sources = list(mix.shares())
        if len(sources) == 1:
            found.setdefault(sources[0], name)
    return found


def _own(study: Study, target: str, sources: list[str], families: Mapping[str, str]) -> str | None:
    """The source that is the target itself, or else one of its family."""
    for source in sources:
        if source != HUMAN and study.sources[source].model == target:
            return source
    family = family_of(study, target)
    return next((source for source in sources if families.get(source) == family), None)
