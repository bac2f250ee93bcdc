"""The measures of a study by prompt set."""

from __future__ import annotations

from manybaskets import measures
from manybaskets.config.evaluation import Comparison
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.measures.measuring import _VECTORS
from manybaskets.measures.registry import SEPARATOR
from manybaskets.measures.swap_tests import swappable
from manybaskets.names import LENGTHS, TEST, TRAIN

# Prompt sets to which each measure applies.
MADE_FOR = {
    "likelihood": {TEST},
    "embeddings": {TEST, TRAIN},
    "reference_embeddings": {TEST, TRAIN},
}


def measured_names(study: Study, prompt_set: str) -> list[str]:
    """Measures for a prompt set: the config's list, plus length measures."""
    listed = study.measures_of(prompt_set)
    if prompt_set == TRAIN and not listed:
        return []
    return [*listed, *(name for name in LENGTHS if name not in listed)]


def reads_vectors(study: Study, prompt_set: str) -> bool:
    """Whether any measure of a prompt set reads sentence vectors."""
    return any(measures.get(name).needs & _VECTORS for name in study.measures_of(prompt_set))


def best_directions(study: Study) -> dict[str, str]:
    """`higher` or `lower` for each measure of runs by which a best mix may be named.

    A measure without a better side has none; nor has one whose value depends on the answers' length
    and that has a length-controlled variant: its raw form may rank short answers first.
    """
    names = dict.fromkeys(
        name for prompt_set in study.all_prompt_sets() for name in measured_names(study, prompt_set)
    )
    every = [each.name for each in measures.all_measures()]
    controlled = {name.partition(SEPARATOR)[0] for name in every if SEPARATOR in name}
    return {
        name: measures.get(name).direction
        for name in names
        if name not in controlled and measures.get(name).direction != "none"
    }


def check_measures(study: Study) -> None:
    """Check before a run that every measure of a study exists and has its inputs.

    Raises:
        UserError: a measure is unknown, does not apply to its prompt set, needs the embedded world
            with another dataset, or needs a scorer without a scorer.
    """
    keys = {TEST: "measures", TRAIN: "source_analysis.measures"}
    keys |= {name: f"prompt_sets.{name}.measures" for name in study.prompt_sets}
    embedded = study.embedded_world
    for prompt_set, key in keys.items():
        for name in study.measures_of(prompt_set):
            wanted = measures.get(name)
            made = all(prompt_set in MADE_FOR.get(need, {prompt_set}) for need in wanted.needs)
            if not made or not wanted.applies_to(prompt_set):
                raise UserError(
                    what=f"the measure '{name}' does not apply to the prompt set '{prompt_set}'",
                    where=key,
                    expected="measures that use only the answers, such as response_words",
                    remedy=f"remove '{name}' from this list",
                )
            if "scorer" in wanted.needs and study.scoring.scorer is None:
                raise UserError(
                    what=f"the measure '{name}' needs a model that scores the answers",
                    where=f"{key}, with scoring.scorer = null",
                    expected="`scoring.scorer`: an entry of `models` that generated no training "
                    "data",
                    remedy=f"set `scoring.scorer` to such a model, or remove '{name}' from this "
                    "list",
                )
            if wanted.function.__module__ == measures.world.__name__ and not embedded:
                raise UserError(
                    what=f"the measure '{name}' reads the embedded world's language",
                    where=f"{key}, with dataset.kind = {study.dataset.kind}",
                    expected="measures for any text, such as self_bleu or response_words",
                    remedy=f"remove '{name}' from this list",
                )


def swapped_families(study: Study, *, sources: bool = False) -> dict[str, Comparison]:
    """Families of runs with their measures that have a swap test.

    Args:
        sources: families of sources instead.
    """
    if not study.statistics.answer_swaps:
        return {}
    families = study.comparisons.items()
    return swappable(
        {name: each for name, each in families if (each.prompt_set == TRAIN) == sources}
    )


def swapped_runs(study: Study) -> list[tuple[str, int, str]]:
    """Answers compared by swap tests for any target, as (mix, seed, prompt set)."""
    wanted = {
        (mix, seed, family.prompt_set)
        for family in swapped_families(study).values()
        for mix in [family.baseline, *family.conditions]
        for seed in study.seeds_of(mix)
    }
    return sorted(wanted)


def swapped_sources(study: Study) -> list[tuple[str, int, str]]:
    """Sources compared by swap tests, as (source, 0, `train`)."""
    families = swapped_families(study, sources=True).values()
    return sorted(
        {(name, 0, TRAIN) for each in families for name in [each.baseline, *each.conditions]}
    )
