"""Swap tests for set-level measures: two conditions' answers are swapped prompt by prompt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import polars as pl

from manybaskets import measures
from manybaskets.config.evaluation import Comparison
from manybaskets.config.study import Study
from manybaskets.data.languages import usable
from manybaskets.jobs.progress import Progress
from manybaskets.measures.inputs import Inputs, SentenceVectors
from manybaskets.measures.registry import Measure
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.swap_p_values import between_runs, swap_p
from manybaskets.names import TRAIN
from manybaskets.records.ids import row_seed
from manybaskets.statistics.clusters import cluster_of
from manybaskets.statistics.families import check_attainable, first_tests

SWAPPED = pl.Schema(
    {
        "family": pl.String,
        "measure": pl.String,
        "model": pl.String,
        "prompt_set": pl.String,
        "mix": pl.String,
        "baseline": pl.String,
        "p": pl.Float64,  # null if the measure is undefined on one of the sets
        "swaps": pl.Int64,
    }
)
_CELLS_AT_ONCE = 16_000_000  # rows × sets


def can_be_swapped(name: str) -> bool:
    """Whether a measure has a swap test: set-level, cheap, and based only on the answers.

    Likelihoods belong to a run and a prompt, not to a text, and cannot be swapped with it;
    `most_draws` marks measures that are too expensive to compute hundreds of times.
    """
    measure = measures.get(name)
    return (
        measure.level == "set" and measure.most_draws is None and "likelihood" not in measure.needs
    )


def swappable(families: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """The families restricted to measures with a swap test; families without any are dropped."""
    families_of_sets = {}
    for name, family in families.items():
        listed = [measure for measure in family.measures if can_be_swapped(measure)]
        if listed:
            families_of_sets[name] = family.model_copy(update={"measures": listed})
    return families_of_sets


@dataclass(frozen=True)
class Pair:
    """The answers of two runs to the same prompts together, with `side` 0 or 1 per row."""

    inputs: Inputs
    side: np.ndarray
    cluster: np.ndarray  # per row, 0, 1, …, in the order of the sorted text digests
    clusters: tuple[str, ...]


def pair_of(first: Inputs, second: Inputs, prompt_ids: Collection[str]) -> Pair:
    """Combine two runs' answers to some prompts, with answers to the same prompt adjacent."""
    both = [each.restricted(prompt_ids) for each in (first, second)]
    frame = pl.concat([each.frame for each in both])
    side = np.repeat([0, 1], [each.frame.height for each in both])
    ids = frame["prompt_id"].to_numpy()
    order = np.lexsort((np.arange(len(ids)), ids))
    names, cluster = np.unique(
        cluster_of(frame["prompt_id"]).to_numpy()[order], return_inverse=True
    )

    def vectors(which: str) -> SentenceVectors | None:
        given = [getattr(each, which) for each in both]
        if given[0] is None or given[1] is None:
            return None
        return _together(given[0], given[1], both[0].frame.height, order)

    inputs = Inputs(
        frame=frame[order],
        token_budget=first.token_budget,
        embeddings=vectors("embeddings"),
        reference_embeddings=vectors("reference_embeddings"),
        truth=first.truth,
        shortest_words=first.shortest_words,
        seed=first.seed,
        tokenizer=first.tokenizer,
    )
    return Pair(inputs, side[order], cluster, tuple(names))


def _together(
    first: SentenceVectors, second: SentenceVectors, texts: int, order: np.ndarray
) -> SentenceVectors:
    """Sentence vectors of two concatenated lists of texts, reordered."""
    rank = np.argsort(order)
    owner = rank[np.concatenate([first.owner, second.owner + texts])]
    sentences = np.argsort(owner, kind="stable")
    return SentenceVectors(
        np.concatenate([first.vectors, second.vectors])[sentences], owner[sentences]
    )


def swap_patterns(clusters: Sequence[str], swaps: int, seed: int) -> np.ndarray:
    """Clusters swapped by each swap: 0 or 1, `[swap, cluster]`."""
    rng = np.random.default_rng(row_seed(seed, "swaps", list(clusters)))
    return rng.integers(0, 2, size=(swaps, len(clusters)), dtype=np.int8)


def swap_values(
    pair: Pair, measures_of_sets: Sequence[Measure], swaps: int, seed: int
) -> dict[str, np.ndarray]:
    """Measures on both sides, as observed and with the answers of random clusters swapped.

    The swaps depend only on the seed and the prompts, so that all pairs on the same prompts, and
    all seeds of a mix, share them.

    Returns:
        By measure `[2, 1 + swaps]`: the sides, with the first column as observed. NaN if undefined.
    """
    turned = swap_patterns(pair.clusters, swaps, seed)
    rows = pair.inputs.frame.height
    at_once = max(1, _CELLS_AT_ONCE // (2 * max(rows, 1)) - 1)
    values_of: dict[str, list[np.ndarray]] = {each.name: [] for each in measures_of_sets}
    unturned = np.zeros((1, len(pair.clusters)), dtype=np.int8)
    for start in range(0, max(swaps, 1), at_once):
        patterns = np.concatenate([unturned, turned[start : start + at_once]])
        side = pair.side ^ patterns[:, pair.cluster]
        subsets = Subsets(
            [np.flatnonzero(line == which) for line in side for which in (0, 1)], rows
        )
        inputs = replace(pair.inputs)  # without values cached by measures for earlier sets
        for each in measures_of_sets:
            readable = usable(~each.unknown(inputs)).any()
            values = (
                _evaluated(each.function(inputs), subsets).reshape(-1, 2).T
                if readable
                else np.full((2, len(patterns)), np.nan)
            )
            values_of[each.name].append(values if start == 0 else values[:, 1:])
    return {name: np.concatenate(values, axis=1) for name, values in values_of.items()}


def _evaluated(
    evaluate: Evaluation | Callable[[np.ndarray], float], subsets: Subsets
) -> np.ndarray:
    if isinstance(evaluate, Evaluation):
        return np.asarray(evaluate.many(subsets), dtype=np.float64)
    return np.array([evaluate(index) for index in subsets.indices], dtype=np.float64)


def swap_tests(
    families: Mapping[str, Comparison],
    model: str,
    seeds: Mapping[str, Sequence[int]],
    inputs: Callable[[str, int, str, Sequence[Measure]], Inputs],
    matched: Mapping[str, Collection[str]],
    swaps: int,
    seed: int,
) -> pl.DataFrame:
    """Swap tests for all comparisons of one model, on the prompts that all its conditions answered.

    Under the null hypothesis that two conditions answer a prompt alike, their answers are
    exchangeable. Prompts with the same text are swapped together, as are all training seeds of a
    pair; the untuned model has one run, which is paired with every seed. The variance between
    trainings is moderated over all conditions of the families.

    Args:
        families: comparisons by name, with measures that have a swap test (`swappable`).
        model: the target; `sources` for those.
        seeds: training seeds of every mix.
        inputs: returns the measures' inputs for (mix, seed, prompt set, measures).
        matched: ids of the compared prompts, by prompt set.
        swaps: number of random swaps per comparison.
        seed: the study's.

    Returns:
        Schema `SWAPPED`, sorted; a comparison shared by several families is computed once.
    """
    wanted: dict[tuple[str, str, str], dict[str, None]] = {}
    for family in families.values():
        for mix in family.conditions:
            listed = wanted.setdefault((family.prompt_set, mix, family.baseline), {})
            listed.update(dict.fromkeys(family.measures))
    number_of = {key: max(len(seeds[mix]) for mix in key[1:]) for key in wanted}
    progress = Progress(sum(number_of.values()), "pairs of runs swapped")
    tables: dict[tuple[str, str, str, str], np.ndarray] = {}
    runs_of: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}
    for (prompt_set, mix, baseline), names in sorted(wanted.items()):
        chosen = [measures.get(name) for name in sorted(names)]
        number = number_of[prompt_set, mix, baseline]
        first = [index % len(seeds[mix]) for index in range(number)]
        second = [index % len(seeds[baseline]) for index in range(number)]
        values = []
        for one, other in zip(first, second, strict=True):
            pair = pair_of(
                inputs(mix, sorted(seeds[mix])[one], prompt_set, chosen),
                inputs(baseline, sorted(seeds[baseline])[other], prompt_set, chosen),
                matched[prompt_set],
            )
            values.append(swap_values(pair, chosen, swaps, seed))
            progress.add(1)
        runs_of[prompt_set, mix, baseline] = first, second
        for each in chosen:
            table = np.stack([pair_values[each.name] for pair_values in values])
            tables[each.name, prompt_set, mix, baseline] = table
    between = between_runs(tables, runs_of, model)
    found = {
        key: swap_p(table, *runs_of[key[1:]], seed, between[key]) for key, table in tables.items()
    }
    lines = [
        (family, name, model, of.prompt_set, mix, of.baseline, p, swaps)
        for family, of in families.items()
        for name, mix in product(of.measures, of.conditions)
        for p in [found[name, of.prompt_set, mix, of.baseline]]
    ]
    keys = ["family", "measure", "prompt_set", "mix"]
    return pl.DataFrame(lines, schema=SWAPPED, orient="row").sort(keys)


def check_families(study: Study) -> None:
    """Check before a run that every family is small enough for its sign flips and swaps.

    Raises:
        UserError: as `statistics.families.check_attainable`.
    """
    settings = study.statistics
    for name, family in study.comparisons.items():
        models = 1 if family.prompt_set == TRAIN else len(study.targets)
        patterns = {}
        if any(measures.get(each).level == "prompt" for each in family.measures):
            patterns["statistics.sign_flips"] = settings.sign_flips
        if settings.answer_swaps and any(map(can_be_swapped, family.measures)):
            patterns["statistics.answer_swaps"] = settings.answer_swaps
        size = first_tests(family, models)
        check_attainable(name, size, patterns, settings, family.correction)
