"""Config section `source_counts`: mixes that differ only in how many sources answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Any

from pydantic import Field

from manybaskets.config.mixes import MixSettings, WeightedMix
from manybaskets.config.sections import Name, Section


class SourceCounts(Section):
    """Mixes that differ in their number of sources, with the same number of rows.

    Every count gets the fewest mixes in which all sources occur equally often: with four sources,
    four mixes of one, two of two, four of three and one of four. If the config has a mix with the
    same sources in equal shares, it is used.
    """

    sources: list[Name] = Field(min_length=2, description="Sources, in a fixed order.")
    counts: list[int] = Field(min_length=2, description="Numbers of sources to compare.")


def balanced_subsets(sources: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """The fewest subsets of a size, cyclic, in which all sources occur equally often."""
    total = len(sources)
    return [
        tuple(sources[(block * count + step) % total] for step in range(count))
        for block in range(total // gcd(total, count))
    ]


def members(
    name: str, family: SourceCounts, mixes: Mapping[str, MixSettings]
) -> dict[str, tuple[str, ...]]:
    """The mixes of a family and their sources, using equal mixes of the config."""
    equal = {shares: mix for mix, recipe in mixes.items() if (shares := _equal_shares(recipe))}
    found = {}
    for count in family.counts:
        for number, subset in enumerate(balanced_subsets(family.sources, count), 1):
            found[equal.get(frozenset(subset), _made(name, count, number))] = subset
    return found


def added(families: Mapping[str, SourceCounts], mixes: Mapping[str, MixSettings]) -> list[str]:
    """The mixes that families add to those of the config."""
    names = {
        _made(name, count, number)
        for name, family in families.items()
        for count in family.counts
        for number in range(1, len(balanced_subsets(family.sources, count)) + 1)
    }
    return [mix for mix in mixes if mix in names]


def _made(family: str, count: int, number: int) -> str:
    return f"{family}-{count}-{number}"


def _equal_shares(mix: MixSettings) -> frozenset[str] | None:
    """The sources of a mix with equal shares; None for other mixes."""
    shares = mix.shares()
    return frozenset(shares) if len(set(shares.values())) == 1 else None


def recipes(
    families: Mapping[str, SourceCounts], mixes: Mapping[str, MixSettings]
) -> dict[str, MixSettings]:
    """The mixes of the config, then those added by families."""
    every = dict(mixes)
    for name, family in families.items():
        for mix, sources in members(name, family, every).items():
            if mix not in every:
                every[mix] = WeightedMix(kind="weighted", weights=dict.fromkeys(sources, 1.0))
    return every


def check_counts(name: str, family: SourceCounts) -> None:
    """Check a family's numbers of sources.

    Raises:
        ValueError: a number that exceeds the sources.
    """
    key = f"source_counts.{name}"
    wrong: list[Any] = [c for c in family.counts if not 1 <= c <= len(family.sources)]
    if wrong:
        raise ValueError(
            f"{key}.counts: {family.counts}; use distinct numbers from 1 to "
            f"{len(family.sources)}, the number of sources"
        )
