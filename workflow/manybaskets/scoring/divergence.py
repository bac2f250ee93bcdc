"""Divergence between the next-token distributions of a target's runs on the same contexts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from manybaskets.engines.transformers_engine import TransformersEngine
from manybaskets.engines.transformers_model import TokenPair
from manybaskets.errors import UserError
from manybaskets.jobs.progress import Progress
from manybaskets.names import Run
from manybaskets.records.ids import row_seed
from manybaskets.scoring.likelihood import answers_of_people, batches_of, pairs_of

MixKind = Literal["human", "single", "multi"]
UNTUNED: Run = ("vanilla", 0)
# Distributions of a chunk of positions under all runs, 1 GiB in float32 in total.
_CELLS_AT_ONCE = 2**28
PER_PROMPT = pl.Schema(
    {
        "model": pl.String,
        "kind": pl.String,
        "first": pl.String,
        "first_seed": pl.Int64,
        "second": pl.String,
        "second_seed": pl.Int64,
        "prompt_id": pl.String,
        "value": pl.Float64,  # bits per token, mean over the answer's tokens
        "tokens": pl.Int64,
    }
)
DIVERGENCE = pl.Schema(
    {
        "model": pl.String,
        "first": pl.String,
        "second": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n_prompts": pl.Int64,
        "n_tokens": pl.Int64,
        "kind": pl.String,
        "n_seeds": pl.Int64,  # pairs of runs in the mean
    }
)


@dataclass(frozen=True)
class Compared:
    """Two runs; kind `seeds` if they are trainings of the same mix, otherwise `mixes`."""

    kind: Literal["seeds", "mixes"]
    first: Run
    second: Run


def comparisons_of(
    mixes: Mapping[str, MixKind], seeds: Mapping[str, Sequence[int]]
) -> list[Compared]:
    """Pairs of runs to compare: each multi mix with each single mix and with `human`, `human` with
    each single mix, the untuned target with each mix, and, as the noise floor, every two seeds of a
    mix.

    Runs with the same training seed are paired; for mixes without common seeds, runs with the same
    position in the list of seeds.
    """
    names = {kind: [name for name, each in mixes.items() if each == kind] for kind in
             ("human", "single", "multi")}  # fmt: skip
    pairs = [
        *product(names["multi"], names["single"]),
        *product(names["multi"], names["human"]),
        *product(names["human"], names["single"]),
    ]
    comparisons = [Compared("mixes", UNTUNED, (mix, seed)) for mix in mixes for seed in seeds[mix]]
    for first, second in pairs:
        common = [seed for seed in seeds[first] if seed in seeds[second]]
        both = zip(common, common) if common else zip(seeds[first], seeds[second])  # noqa: B905
        comparisons += [Compared("mixes", (first, one), (second, other)) for one, other in both]
    for mix in mixes:
        for one, other in combinations(seeds[mix], 2):
            comparisons.append(Compared("seeds", (mix, one), (mix, other)))
    return comparisons


def contexts(
    prompts: pl.DataFrame,
    split: pl.DataFrame,
    engine: TransformersEngine,
    max_prompt_tokens: int,
    count: int,
    seed: int,
) -> dict[str, TokenPair]:
    """Prompts with their human answers, a seeded sample of the test set; at most one prompt per
    text, so that they are independent.

    Raises:
        UserError: no test prompt has a human answer.
    """
    people = {key: text for key, text in answers_of_people(split).items() if text.strip()}
    answered = [key for key in prompts["prompt_id"] if key in people]
    if not answered:
        raise UserError(
            what="no test prompt has a human answer on which distributions could be compared",
            where="divergence.prompts",
            expected="a dataset with human answers (`dataset.fields.response`)",
            remedy="set `dataset.fields.response` to their column, or set `divergence.prompts` to "
            "0",
        )
    drawn: dict[str, str] = {}
    for key in sorted(answered, key=lambda key: (row_seed(seed, "divergence", key), key)):
        drawn.setdefault(key.rpartition("-")[0] or key, key)
    chosen = {key: people[key] for key in list(drawn.values())[:count]}
    return pairs_of(prompts, chosen, engine, max_prompt_tokens)


def divergences(
    engine: TransformersEngine,
    texts: Mapping[str, TokenPair],
    adapters: Mapping[Run, Path | None],
    compared: Sequence[Compared],
    batch_tokens: int,
    cells: int = _CELLS_AT_ONCE,
) -> pl.DataFrame:
    """Jensen-Shannon divergence of two runs' next-token distributions, per prompt.

    JS(P, Q) = H((P + Q) / 2) − (H(P) + H(Q)) / 2 in bits, for the distributions over the whole
    vocabulary that predict the answer's tokens, including the end token; 0 for equal, 1 for
    disjoint distributions. A prompt's value is the mean over its positions.

    Every batch is read once per run, keeping the last hidden states of all runs at the answers'
    positions (runs × positions × model width). Distributions are computed from them for a chunk of
    positions, in total `cells` float32 numbers for all runs plus a copy for one run. The adapters
    of all runs stay loaded.

    Args:
        texts: prompt and answer by prompt id.
        adapters: folder by run; None for the untuned target.
        cells: runs × positions × vocabulary held at once.

    Returns:
        Rows of the schema `PER_PROMPT`, without the model's name.
    """
    places = {run: index for index, run in enumerate(adapters)}
    progress = Progress(len(texts), "answers compared")
    rows = []
    for batch in batches_of(texts, batch_tokens):
        pairs = [texts[key] for key in batch]
        states = []
        for folder in adapters.values():
            engine.use_adapter(folder)
            states.append(engine.answer_states(pairs))
        lengths = [len(answer) for _, answer in pairs]
        distances = np.empty((len(compared), sum(lengths)))
        for chunk in engine.chunks(sum(lengths), cells // len(adapters)):
            distributions = _distributions(
                engine, list(adapters.values()), [each[chunk] for each in states]
            )
            for row, each in enumerate(compared):
                first, second = (distributions[places[run]] for run in (each.first, each.second))
                distances[row, chunk] = _jensen_shannon(first, second)
        for key, values in zip(
            batch, np.split(distances, np.cumsum(lengths)[:-1], axis=1), strict=True
        ):
            for each, value in zip(compared, values.mean(axis=1), strict=True):
                line = (each.kind, *each.first, *each.second, key, float(value), values.shape[1])
                rows.append(line)
        progress.add(len(batch))
    schema = {name: kind for name, kind in PER_PROMPT.items() if name != "model"}
    keys = ["kind", "first", "second", "first_seed", "second_seed", "prompt_id"]
    return pl.DataFrame(rows, schema=schema, orient="row").sort(keys)


def _distributions(
    engine: TransformersEngine, folders: Sequence[Path | None], states: Sequence[Any]
) -> list[tuple[Any, Any]]:
    """Distributions [positions, vocabulary] and their entropies in nats, for every run."""
    blocks = []
    for folder, each in zip(folders, states, strict=True):
        engine.use_adapter(folder)  # the head may be adapted, too
        probabilities = engine.logits(each).softmax(1)
        blocks.append((probabilities, engine.torch.special.entr(probabilities).sum(1)))
    return blocks


def _jensen_shannon(first: tuple[Any, Any], second: tuple[Any, Any]) -> np.ndarray:
    """Divergence in bits at every position; clipped so that rounding does not make it negative."""
    mixture = (first[0] + second[0]).mul_(0.5)
    entropy = -mixture.xlogy(mixture).sum(1)
    divergence = entropy - 0.5 * (first[1] + second[1])
    return (divergence.clamp(min=0.0) / math.log(2)).cpu().numpy()


def summarise_divergences(
    rows: pl.DataFrame, confidence: float, resamples: int, seed: int
) -> pl.DataFrame:
    """Mean divergence between every two mixes of a target, in bits per token, with an interval.

    The mean over prompts of the mean over pairs of runs; BCa bootstrap over prompts. Training seeds
    are not resampled: rows of kind `seeds` show their effect.

    Args:
        rows: of the schema `PER_PROMPT`, in any order.

    Returns:
        Rows of the schema `DIVERGENCE`, sorted; no interval for one prompt.
    """
    lines = []
    keys = ["model", "kind", "first", "second"]
    for (model, kind, first, second), group in rows.sort(PER_PROMPT.names()).group_by(
        keys, maintain_order=True
    ):
        prompts = group.group_by("prompt_id", maintain_order=True).agg(
            pl.col("value").mean(), pl.col("tokens").first()
        )
        values = prompts["value"].to_numpy()
        low, high = _interval(
            values, confidence, resamples, row_seed(seed, "divergence", len(values))
        )
        runs = group.select("first_seed", "second_seed").n_unique()
        lines.append((model, first, second, float(values.mean()), low, high, len(values),
                      int(prompts["tokens"].sum()), kind, runs))  # fmt: skip
    return pl.DataFrame(lines, schema=DIVERGENCE, orient="row")


def _interval(
    values: np.ndarray, confidence: float, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    from scipy.stats import bootstrap

    result = bootstrap((values,), np.mean, n_resamples=resamples, confidence_level=confidence,
                      method="BCa", rng=np.random.default_rng(seed)).confidence_interval  # fmt: skip
    return float(result.low), float(result.high)
