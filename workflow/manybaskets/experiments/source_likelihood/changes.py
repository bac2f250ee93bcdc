"""How training changes the likelihood of each source's held-out answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.names import VANILLA
from manybaskets.statistics import bootstrap

CONTRAST = "own minus others"
CHANGES = pl.Schema(
    {
        "model": pl.String,
        "mix": pl.String,
        "source": pl.String,  # or `own minus others`
        "share": pl.Float64,  # of the source in the mix's rows
        "untuned": pl.Float64,  # nats per token, mean over prompts
        "tuned": pl.Float64,
        "change": pl.Float64,  # tuned minus untuned
        "low": pl.Float64,
        "high": pl.Float64,
        "n_prompts": pl.Int64,
        "n_seeds": pl.Int64,
    }
)
Key = tuple[str, str, int]  # target, mix, training seed


def likelihood_changes(
    scores: Mapping[Key, pl.DataFrame],
    shares: Mapping[str, Mapping[str, float]],
    settings: Statistics,
    seed: int,
) -> pl.DataFrame:
    """Change of the mean negative log-likelihood per token, by run and source.

    A prompt counts if all runs of a target have a value for all sources. `own minus others` is the
    change for the sources of a mix minus that for the sources it does not contain, per prompt; the
    intervals are paired bootstrap intervals over prompts and training seeds.

    Args:
        scores: tables of the schema `scoring.SCORES`; those of mix `vanilla` are the untuned target.
        shares: share of each source in the rows of each mix.
        settings: confidence and number of resamples.
        seed: of the resampling.

    Returns:
        Rows of the schema `CHANGES`, by target, mix and source in the order given.
    """
    rows: list[dict] = []
    means: list[bootstrap.Mean] = []
    for target in dict.fromkeys(key[0] for key in scores):
        own = {key: frame for key, frame in scores.items() if key[0] == target}
        values, sources = _values(own)
        base = values[target, VANILLA, 0]
        for mix in dict.fromkeys(key[1] for key in own if key[1] != VANILLA):
            tuned = np.stack([values[key] for key in own if key[1] == mix])
            change = tuned - base  # [seed, source, prompt]
            held = np.array([shares[mix].get(name, 0.0) > 0 for name in sources])
            sets = {name: change[:, place] for place, name in enumerate(sources)}
            if held.any() and not held.all():
                sets[CONTRAST] = change[:, held].mean(axis=1) - change[:, ~held].mean(axis=1)
            for name, changes in sets.items():
                mean = bootstrap.mean_of(changes, np.ones(changes.shape[1]), (target, mix))
                means.append(mean)
                place = sources.index(name) if name in sources else None
                rows.append(
                    {
                        "model": target,
                        "mix": mix,
                        "source": name,
                        "share": None if place is None else shares[mix].get(name, 0.0),
                        "untuned": None if place is None else float(base[place].mean()),
                        "tuned": None if place is None else float(tuned[:, place].mean()),
                        "change": mean.value,
                        "n_prompts": changes.shape[1],
                        "n_seeds": changes.shape[0],
                    }
                )
    intervals = bootstrap.bca(means, settings.bootstrap_resamples, settings.confidence, seed)
    for row, interval in zip(rows, intervals, strict=True):
        row["low"], row["high"] = interval or (None, None)
    return pl.DataFrame(rows, schema=CHANGES)


def _values(scores: Mapping[Key, pl.DataFrame]) -> tuple[dict[Key, np.ndarray], Sequence[str]]:
    """Values `[source, prompt]` by run, of the prompts with a value everywhere; and the sources."""
    every = pl.concat(list(scores.values())).drop_nulls("nll")
    sources = next(iter(scores.values()))["source"].unique(maintain_order=True).to_list()
    counted = every.group_by("prompt_id").len().filter(pl.col("len") == len(scores) * len(sources))
    prompts = counted["prompt_id"].sort()
    wanted = pl.DataFrame({"source": sources}).join(
        pl.DataFrame({"prompt_id": prompts}), how="cross"
    )
    return {
        key: wanted.join(
            frame, on=["source", "prompt_id"], how="left", maintain_order="left"
        )["nll"].to_numpy().reshape(len(sources), len(prompts))
        for key, frame in scores.items()
    }, sources  # fmt: skip
