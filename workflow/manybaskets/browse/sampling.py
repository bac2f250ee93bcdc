"""Which prompts are shown where a study has very many."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from manybaskets.records.ids import row_seed

MOST_PROMPTS = 50_000


def allotted(counts: Mapping[str, int], most: int = MOST_PROMPTS) -> dict[str, int]:
    """How many prompts of each set are shown: all of small sets, and equally many of large ones.

    Args:
        counts: prompts by set.
        most: of all sets together.
    """
    left, shown = most, {}
    for place, (name, count) in enumerate(sorted(counts.items(), key=lambda each: each[1])):
        shown[name] = min(count, left // (len(counts) - place))
        left -= shown[name]
    return {name: shown[name] for name in counts}


def drawn_prompts(prompts: pl.DataFrame, count: int, seed: int) -> pl.DataFrame:
    """A random sample of prompts, in their order; the same for the same study seed and prompts.

    A prompt's place in the draw depends on its id alone, so other prompts do not change it.
    """
    if count >= prompts.height:
        return prompts
    keys = [row_seed(seed, "browse", each) for each in prompts["prompt_id"]]
    order = sorted(range(prompts.height), key=lambda index: keys[index])
    return prompts[sorted(order[:count])]
