"""Config sections `mixes` and `source_counts`: which source answers which prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import gcd
from typing import Annotated, Any, Literal

from pydantic import Field

from manybaskets.config.sections import Name, Section


def balanced_subsets(sources: Sequence[str], count: int) -> list[tuple[str, ...]]:
    """The fewest subsets of a size, taken round the circle, that hold all sources equally often."""
    total = len(sources)
    return [
        tuple(sources[(block * count + step) % total] for step in range(count))
        for block in range(total // gcd(total, count))
    ]


def members(
    name: str, family: SourceCounts, mixes: Mapping[str, Mix]
) -> dict[str, tuple[str, ...]]:
    """The mixes of a family and their sources: those of the config where they are the same."""
    equal = {shares: mix for mix, recipe in mixes.items() if (shares := _equal_shares(recipe))}
    found = {}
    for count in family.counts:
        for number, subset in enumerate(balanced_subsets(family.sources, count), 1):
            found[equal.get(frozenset(subset), _made(name, count, number))] = subset
    return found


def added(families: Mapping[str, SourceCounts], mixes: Mapping[str, Mix]) -> list[str]:
    """The mixes that families have added to those of the config."""
    names = {
        _made(name, count, number)
        for name, family in families.items()
        for count in family.counts
        for number in range(1, len(balanced_subsets(family.sources, count)) + 1)
    }
    return [mix for mix in mixes if mix in names]


def _made(family: str, count: int, number: int) -> str:
    return f"{family}-{count}-{number}"


def _equal_shares(recipe: Mix) -> frozenset[str] | None:
    """The sources of a mix that gives each the same share; None for another mix."""
    if isinstance(recipe, SingleMix):
        return frozenset([recipe.source])
    if isinstance(recipe, MultiMix) and len(set(recipe.sources)) == len(recipe.sources):
        return frozenset(recipe.sources)
    if isinstance(recipe, WeightedMix) and len(set(recipe.weights.values())) == 1:
        return frozenset(recipe.weights)
    return None


def recipes(families: Mapping[str, SourceCounts], mixes: Mapping[str, Mix]) -> dict[str, Mix]:
    """The mixes of the config, then those that families add."""
    every = dict(mixes)
    for name, family in families.items():
        for mix, sources in members(name, family, every).items():
            if mix not in every:
                every[mix] = WeightedMix(kind="weighted", weights=dict.fromkeys(sources, 1.0))
    return every


def check_counts(name: str, family: SourceCounts) -> None:
    """Check a family's numbers of sources.

    Raises:
        ValueError: a source twice, a number twice, or one that the sources do not allow.
    """
    key = f"source_counts.{name}"
    if len(set(family.sources)) != len(family.sources):
        raise ValueError(f"{key}.sources: the same source twice")
    wrong: list[Any] = [c for c in family.counts if not 1 <= c <= len(family.sources)]
    if wrong or len(set(family.counts)) != len(family.counts):
        raise ValueError(
            f"{key}.counts: {family.counts}; expected different numbers from 1 to "
            f"{len(family.sources)}, the number of its sources"
        )


class HumanMix(Section):
    """Every prompt gets its human answer."""

    kind: Literal["human"]


class SingleMix(Section):
    """Every prompt gets the answer of one source."""

    kind: Literal["single"]
    source: Name = Field(description="Name of a source.")


class MultiMix(Section):
    """One source per part, in the order of the parts."""

    kind: Literal["multi"]
    sources: list[Name] = Field(
        min_length=2, description="One source per part, in the order of the parts."
    )


class WeightedMix(Section):
    """The general form: any weights over sources, dealt out evenly over the categories."""

    kind: Literal["weighted"]
    weights: dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=1, description="Weight per source; they are normalised."
    )


class SourceCounts(Section):
    """Mixes that differ in how many sources answer, on the same number of rows.

    Every count gets the fewest mixes in which all sources occur equally often: with four sources,
    four mixes of one, two of two, four of three and one of four. A mix of the config with the same
    sources in equal shares is taken where there is one.
    """

    sources: list[Name] = Field(min_length=2, description="The sources, in a fixed order.")
    counts: list[int] = Field(min_length=2, description="Numbers of sources to be compared.")


Mix = Annotated[HumanMix | SingleMix | MultiMix | WeightedMix, Field(discriminator="kind")]


class AnyMix(Section):
    """A mix of any kind, to be read back from plain values."""

    mix: Mix
