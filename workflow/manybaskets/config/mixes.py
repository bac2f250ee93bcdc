"""Config section `mixes`: which source answers which prompt. Each mix kind is one class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, SerializeAsAny

from manybaskets.config.kinds import Kinds, kind_of
from manybaskets.config.sections import Name, Section
from manybaskets.errors import UserError
from manybaskets.names import HUMAN
from manybaskets.records.ids import digest
from manybaskets.registry import Registry

if TYPE_CHECKING:
    import polars as pl


class MixSettings(Section):
    """Base of all mixes' sections. A kind of mix is one subclass with the decorator `@mix_kind`.

    The subclass has a key `kind` of type `Literal["its name"]`, and the keys that users may set.
    """

    # Description of its sources, for the mix's card.
    about: ClassVar[str]

    def shares(self) -> dict[str, float]:
        """The share of the prompts that each source answers, in the order of the section."""
        raise NotImplementedError

    def assign(self, prompts: pl.DataFrame, name: str, seed: int) -> Sequence[str]:
        """The source that answers each prompt, in the order of the prompts.

        Args:
            prompts: eligible prompts with `prompt_id, split, part, category`.
            name: the mix's name.
            seed: the study's seed.

        Raises:
            UserError: a prompt has no source.
        """
        raise NotImplementedError

    def check(self, study: Any) -> None:
        """Check the section against the rest of the `Study`.

        Raises:
            ValueError: it is invalid; the message starts with the key.
        """

    def source_names(self) -> list[str]:
        """Its sources, in the order of the section."""
        return list(self.shares())

    def parts(self) -> dict[str, int]:
        """The first part that each source answers; empty if sources do not answer by part."""
        return {}

    def notes_on_sources(self) -> dict[str, str]:
        """Additional text on a source for the mix's card."""
        return {}

    @property
    def composition(self) -> Literal["human", "single", "multi"]:
        """Composition: human, single (one other source) or multi (several sources)."""
        sources = set(self.shares())
        return "multi" if len(sources) > 1 else "human" if sources == {HUMAN} else "single"

    @property
    def group(self) -> str:
        """Group of a mix in figures and comparisons: composition, or kind for several sources."""
        return self.kind if self.composition == "multi" else self.composition


MIX_KINDS: Registry[type[MixSettings]] = Registry("mix kind")
_Settings = TypeVar("_Settings", bound=type[MixSettings])


def mix_kind(settings: _Settings) -> _Settings:
    """Register a section class as a mix kind, named by its key `kind`."""
    MIX_KINDS.add(kind_of(settings), settings)
    return settings


Mix = Annotated[SerializeAsAny[MixSettings], Kinds(MIX_KINDS)]


def read_mix_settings(section: Mapping[str, Any]) -> MixSettings:
    """A mix from the plain values of its section."""
    return MIX_KINDS.get(section["kind"]).model_validate(section)


@mix_kind
class HumanMix(MixSettings):
    """Every prompt gets its human answer."""

    about: ClassVar = "every prompt has its human answer"
    kind: Literal["human"]

    def shares(self) -> dict[str, float]:
        return {HUMAN: 1.0}

    def assign(self, prompts: pl.DataFrame, name: str, seed: int) -> Sequence[str]:
        return [HUMAN] * prompts.height


@mix_kind
class SingleMix(MixSettings):
    """Every prompt gets the answer of one source."""

    about: ClassVar = "every prompt has the answer of one source"
    kind: Literal["single"]
    source: Name = Field(description="Name of the source.")

    def shares(self) -> dict[str, float]:
        return {self.source: 1.0}

    def assign(self, prompts: pl.DataFrame, name: str, seed: int) -> Sequence[str]:
        return [self.source] * prompts.height


@mix_kind
class MultiMix(MixSettings):
    """One source per part, in the order of the parts."""

    repeatable: ClassVar = frozenset({"sources"})
    about: ClassVar = "every part of the prompts has the answers of a different source"
    kind: Literal["multi"]
    sources: list[Name] = Field(
        min_length=2, description="One source per part, in the order of the parts."
    )

    def shares(self) -> dict[str, float]:
        return {name: self.sources.count(name) / len(self.sources) for name in self.sources}

    def assign(self, prompts: pl.DataFrame, name: str, seed: int) -> Sequence[str]:
        known = range(1, len(self.sources) + 1)
        parts = prompts["part"].to_list()
        outside = sorted({str(part) for part in parts if part not in known})
        if outside:
            raise UserError(
                what=f"mix '{name}' has {len(known)} sources, but no source for part "
                f"{', '.join(outside)}",
                where=f"config, mixes.{name}.sources",
                expected="one source per part (`split.parts`)",
                remedy="list as many sources as the split has parts",
            )
        return [self.sources[part - 1] for part in parts]

    def check(self, study: Any) -> None:
        if len(self.sources) != study.split.parts:
            raise ValueError(
                f"sources: {len(self.sources)} sources for split.parts = {study.split.parts}; "
                "list one source per part"
            )

    def source_names(self) -> list[str]:
        return list(self.sources)

    def parts(self) -> dict[str, int]:
        return {name: self.sources.index(name) + 1 for name in self.sources}


@mix_kind
class WeightedMix(MixSettings):
    """The general form: any weights over sources, distributed evenly over the categories."""

    about: ClassVar = "sources answer shares of the prompts, by weight"
    kind: Literal["weighted"]
    weights: dict[Name, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=1,
        description="Weight per source; weights are normalised. The report warns if a source has more "
        "than 80 % of a mix of several.",
    )

    def shares(self) -> dict[str, float]:
        total = sum(self.weights.values())
        return {name: weight / total for name, weight in self.weights.items()}

    def assign(self, prompts: pl.DataFrame, name: str, seed: int) -> Sequence[str]:
        """Every source gets its share within one prompt overall, and within two in every category
        of every part; its prompts are drawn by hash, independent of their order. If some prompts
        are removed later, weights hold only approximately.
        """
        categories = prompts["category"].fill_null("").to_list()
        hashes = [digest(seed, "mix", name, prompt_id) for prompt_id in prompts["prompt_id"]]
        keys = list(zip(prompts["split"], categories, prompts["part"], hashes, strict=True))
        order = sorted(range(prompts.height), key=keys.__getitem__)
        dealt = dict(zip(order, _deal(self.weights, prompts.height), strict=True))
        return [dealt[index] for index in range(prompts.height)]

    def notes_on_sources(self) -> dict[str, str]:
        return {name: f"weight {weight}" for name, weight in self.weights.items()}


def _deal(weights: Mapping[str, float], count: int) -> list[str]:
    """A sequence of sources in which every prefix contains each source's share within one.

    The j-th turn of a source may be between j / share and (j + 1) / share; of the sources that are
    due, the one with the earliest deadline gets the turn (Baruah et al. 1996: this never misses).
    """
    exact = {source: Fraction(str(weight)) for source, weight in weights.items()}
    total = sum(exact.values())
    shares = {source: exact[source] / total for source in sorted(exact)}
    begins = dict.fromkeys(shares, 0)
    ends = {source: ceil(1 / share) for source, share in shares.items()}
    given = dict.fromkeys(shares, 0)
    dealt = []
    for turn in range(count):
        source = min((name for name in shares if begins[name] <= turn), key=ends.__getitem__)
        given[source] += 1
        begins[source] = floor(given[source] / shares[source])
        ends[source] = ceil((given[source] + 1) / shares[source])
        dealt.append(source)
    return dealt
