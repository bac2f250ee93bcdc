"""Warnings of the report about mixes that are nearly answers of one source."""

from __future__ import annotations

from collections.abc import Mapping

from manybaskets.config.mixes import MixSettings

_LARGEST = 0.8  # share of a mix, above which several sources say little about several sources


def dominated_mixes(mixes: Mapping[str, MixSettings]) -> list[str]:
    """A sentence per mix of several sources in which one has more than 80 % of the prompts.

    Args:
        mixes: the study's mixes by name; those of one source are left alone.
    """
    sentences = []
    for name, mix in mixes.items():
        shares = mix.shares()
        source = max(shares, key=shares.__getitem__)
        if len(shares) > 1 and shares[source] > _LARGEST:
            effective = 1 / sum(share**2 for share in shares.values())
            sentences.append(
                f"Source {source} has {100 * shares[source]:.1f} % of mix {name}, which is as uneven "
                f"as a mix of {effective:.2f} equal sources: its runs say little about mixing sources. Give it a smaller "
                "weight, or compare the mix with this source alone."
            )
    return sentences
