"""Which source answers which prompt of a mix."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor

import polars as pl

from manybaskets.config.mixes import HumanMix, Mix, MultiMix, SingleMix
from manybaskets.mixes.eligibility import _fail
from manybaskets.names import HUMAN
from manybaskets.records.ids import digest

ASSIGNMENT = pl.Schema({"prompt_id": pl.String, "source": pl.String})


def assign(prompts: pl.DataFrame, recipe: Mix, name: str, seed: int) -> pl.DataFrame:
    """Decide which source answers which prompt in a mix.

    A weighted mix gives every source its share within one prompt, in all and within two in every
    category of every part; which prompts it gets is drawn by hash and independent of their order.

    Args:
        prompts: eligible prompts with `prompt_id, split, part, category`. Over prompts of which
            some leave later, weights hold only approximately.
        recipe: the mix's section of the config.
        name: the mix's name.
        seed: the study's seed.

    Returns:
        The columns of `ASSIGNMENT`, in the order of the prompts.

    Raises:
        UserError: a multi mix has no source for the part of some prompt.
    """
    ids, parts = prompts["prompt_id"].to_list(), prompts["part"].to_list()
    if isinstance(recipe, HumanMix):
        sources = [HUMAN] * len(ids)
    elif isinstance(recipe, SingleMix):
        sources = [recipe.source] * len(ids)
    elif isinstance(recipe, MultiMix):
        known = range(1, len(recipe.sources) + 1)
        outside = sorted({str(part) for part in parts if part not in known})
        if outside:
            _fail(f"mix '{name}' has {len(known)} sources, none for part {', '.join(outside)}",
                  f"config, mixes.{name}.sources", "one source per part (split.parts)",
                  "list as many sources as the split has parts")  # fmt: skip
        sources = [recipe.sources[part - 1] for part in parts]
    else:
        categories = prompts["category"].fill_null("").to_list()
        hashes = [digest(seed, "mix", name, prompt_id) for prompt_id in ids]
        keys = list(zip(prompts["split"], categories, parts, hashes, strict=True))
        order = sorted(range(len(ids)), key=keys.__getitem__)
        dealt = dict(zip(order, _deal(recipe.weights, len(ids)), strict=True))
        sources = [dealt[index] for index in range(len(ids))]
    return pl.DataFrame({"prompt_id": ids, "source": sources}, schema=ASSIGNMENT)


def _deal(weights: Mapping[str, float], count: int) -> list[str]:
    """A sequence of sources in which every beginning holds each source's share within one.

    The j-th turn of a source may come between j / share and (j + 1) / share; of those whose time
    has come, the one whose time ends first gets the turn (Baruah et al. 1996: this never misses).
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
