"""Assignment of sources to the prompts of a mix."""

from __future__ import annotations

import polars as pl

from manybaskets.config.mixes import MixSettings

ASSIGNMENT = pl.Schema({"prompt_id": pl.String, "source": pl.String})


def assign(prompts: pl.DataFrame, recipe: MixSettings, name: str, seed: int) -> pl.DataFrame:
    """Assign a source to every prompt of a mix.

    Args:
        prompts: eligible prompts with `prompt_id, split, part, category`.
        recipe: the mix's section of the config.
        name: the mix's name.
        seed: the study's seed.

    Returns:
        The columns of `ASSIGNMENT`, in the order of the prompts.

    Raises:
        UserError: a prompt has no source.
        ValueError: the mix kind returns a wrong number of sources, or a source that the mix does
            not have.
    """
    sources = list(recipe.assign(prompts, name, seed))
    foreign = sorted(set(sources) - set(recipe.source_names()))
    if len(sources) != prompts.height or foreign:
        raise ValueError(
            f"mix kind '{recipe.kind}' assigned {len(sources)} sources to {prompts.height} "
            f"prompts; not sources of mix '{name}': {foreign}"
        )
    return pl.DataFrame({"prompt_id": prompts["prompt_id"], "source": sources}, schema=ASSIGNMENT)
