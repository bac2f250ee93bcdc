"""Checks that span all sections of a study's config, apart from those of experiments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from manybaskets.config.data import RefusedPromptSet
from manybaskets.config.judges import ClassifierJudge
from manybaskets.config.model_families import families_of_training, family_of
from manybaskets.config.models import EmbeddedModel
from manybaskets.config.sections import Section
from manybaskets.names import HUMAN, LENGTHS, TRAIN, VANILLA

# Measures of own answers under the untuned target.
BY_TARGET = ("own_nll", "own_bits_per_byte")


def check_whole_study(study: Any) -> None:
    """Check that the sections of a study fit together.

    Args:
        study: a `Study`, whose module imports this one.

    Raises:
        ValueError: the first that does not, with its key.
    """
    check_names(study)
    check_scorer(study)
    check_something_is_studied(study)
    check_combinations(study)


def require_names(key: str, used: Sequence[str], defined: Collection[str], section: str) -> None:
    """Check that names are defined.

    Args:
        key: config key with the names.
        section: where they must be defined.

    Raises:
        ValueError: one is not.
    """
    for name in used:
        if name not in defined:
            listed = ", ".join(sorted(defined)) or "none"
            raise ValueError(f"{key}: '{name}' is not among {section} ({listed})")


def check_names(study: Any) -> None:
    """Check that every used name is defined; the message names the key that uses it."""
    sources = {*study.sources, HUMAN}
    conditions = {*study.mixes, VANILLA}
    for name, source_family in study.source_counts.items():
        require_names(f"source_counts.{name}.sources", source_family.sources, sources, "sources")
    require_names("targets", study.targets, study.models, "models")
    for name, source in study.sources.items():
        if source.model:
            require_names(f"sources.{name}.model", [source.model], study.models, "models")
    for name in study.mixes:
        require_names(f"mixes.{name}", study.mix_sources(name), sources, "sources")
    for name, family in study.comparisons.items():
        key = f"comparisons.{name}"
        of_sources = family.prompt_set == TRAIN
        allowed = study.analysed_sources() if of_sources else conditions
        section = "sources listed in `source_analysis`" if of_sources else "mixes"
        require_names(f"{key}.baseline", [family.baseline], allowed, section)
        require_names(f"{key}.conditions", family.conditions, allowed, section)
        sets = [*study.all_prompt_sets(), *([TRAIN] if study.source_analysis else [])]
        require_names(f"{key}.prompt_set", [family.prompt_set], sets, "prompt_sets")
        measured = dict.fromkeys([*study.measures_of(family.prompt_set), *LENGTHS])
        where = f"measures of {family.prompt_set}"
        require_names(f"{key}.measures", family.measures, measured, where)
        if family.baseline in family.conditions:
            raise ValueError(f"{key}.conditions: remove '{family.baseline}', which is the baseline")
    if study.source_analysis:
        require_names(
            "source_analysis.sources", study.source_analysis.sources or [], sources, "sources"
        )
    require_names("training.per_target", list(study.training.per_target), study.models, "models")
    require_names("training.launch", list(study.training.launch), study.models, "models")
    if study.scoring.scorer:
        require_names("scoring.scorer", [study.scoring.scorer], study.models, "models")
    for name, judge in study.judges.items():
        model = getattr(judge, "model", None)
        if model:
            require_names(f"judges.{name}.model", [model], study.models, "models")
    if study.published_cells:
        require_names(
            "published_cells.targets", study.published_cells.targets, study.targets, "targets"
        )
        require_names(
            "published_cells.conditions", study.published_cells.conditions, conditions, "mixes"
        )
        require_names("published_cells.sources", study.published_cells.sources, sources, "sources")


def check_scorer(study: Any) -> None:
    """Require a fixed scorer, because the untuned target favours text of its own family."""
    scorer = study.scoring.scorer
    if scorer:
        for name in study.mixed_sources():
            if name != HUMAN and study.sources[name].model == scorer:
                raise ValueError(
                    f"scoring.scorer: '{scorer}' made the training data of source '{name}' "
                    "and may favour it; use a model that made no training data"
                )
        own = family_of(study, scorer)
        for name, family in families_of_training(study).items():
            if family == own:
                raise ValueError(
                    f"scoring.scorer: '{scorer}' is of the family '{family}' of '{name}', which made "
                    "training data, and may favour it; use a model of another family, or correct "
                    "`models.<name>.family` or `sources.<name>.family`"
                )
    by_target = [name for name in study.measures if name.startswith(BY_TARGET)]
    by_scorer = [name for name in study.measures if name.startswith("own_scorer_")]
    if by_target and not scorer and not study.scoring.no_scorer_reason:
        raise ValueError(
            f"scoring.scorer: null, but `measures` contains {by_target[0]}, the likelihood of "
            "answers under the untuned target, which favours its own family; set it to a "
            "model that made no training data, or state in scoring.no_scorer_reason why there "
            "is none"
        )
    if by_target and scorer and not by_scorer:
        raise ValueError(
            f"measures: add own_scorer_nll, the counterpart of {by_target[0]} under scoring.scorer"
        )


def check_something_is_studied(study: Any) -> None:
    """Check that the study has runs with measures, analyses sources, or needs no dataset."""
    if _stands_alone(study):
        return
    if study.dataset is None:
        raise ValueError(
            "dataset: null, but only a study of ready benchmark scores alone does without one; add it"
        )
    runs = {"targets": study.targets, "mixes": study.mixes, "measures": study.measures}
    missing = [key for key, value in runs.items() if not value]
    if missing and (len(missing) < len(runs) or not study.source_analysis):
        raise ValueError(
            f"{missing[0]}: empty; a study of runs needs targets, mixes and measures, and a "
            "study of sources alone needs `source_analysis` and none of the three"
        )
    if not missing and not study.models:
        raise ValueError("models: empty, but `targets` need models; add them")


def _stands_alone(study: Any) -> bool:
    """Whether a section is a study by itself and nothing needs prompts."""
    sections = [getattr(study, name) for name in type(study).model_fields]
    if not any(isinstance(each, Section) and each.stands_alone() for each in sections):
        return False
    needing = ("sources", "mixes", "targets", "measures", "prompt_sets", "source_analysis")
    return not any(getattr(study, name) for name in needing)


def check_combinations(study: Any) -> None:
    """Check that no setting excludes another."""
    if HUMAN in study.sources:
        raise ValueError(
            "sources.human: this name is reserved for the human answers; use another name"
        )
    if VANILLA in study.mixes:
        raise ValueError(
            "mixes.vanilla: this name is reserved for the untuned target; use another name"
        )
    if {"train", "test"} & set(study.prompt_sets):
        raise ValueError(
            "prompt_sets: 'train' and 'test' are reserved for the split; use other names"
        )
    for name, mix in study.mixes.items():
        try:
            mix.check(study)
        except ValueError as error:
            raise ValueError(f"mixes.{name}.{error}") from None
    for name, model in study.models.items():
        if model.embedded and not study.embedded_world:
            raise ValueError(
                f"models.{name}: kind 'embedded' is pretrained on the embedded world; "
                "use kind 'hub' or 'folder' with this dataset"
            )
    for name, prompt_set in study.prompt_sets.items():
        if isinstance(prompt_set, RefusedPromptSet) and not study.embedded_world:
            raise ValueError(
                f"prompt_sets.{name}: kind 'refused' belongs to the embedded world; "
                "use kind 'file' with this dataset"
            )
    for name, judge in study.judges.items():
        if isinstance(judge, ClassifierJudge) and isinstance(
            study.models.get(judge.model), EmbeddedModel
        ):
            raise ValueError(
                f"judges.{name}.model: '{judge.model}' is an embedded model, which is not a "
                "classifier; use kind 'model', or a model of kind 'hub' or 'folder'"
            )
    fields = getattr(study.dataset, "fields", None)
    if fields is not None and fields.response is None and HUMAN in study.used_sources():
        raise ValueError(
            "dataset.fields.response: null, but a mix uses the human answers; set it to their "
            "column"
        )
    if fields is not None and fields.response is None and study.divergence.prompts:
        raise ValueError(
            "divergence.prompts: distributions are compared on human answers, but "
            "dataset.fields.response is null; set that key to their column, or set "
            "divergence.prompts to 0"
        )
    if study.prompting.max_prompt_tokens >= study.training.max_length:
        raise ValueError(
            f"prompting.max_prompt_tokens = {study.prompting.max_prompt_tokens}: set it below "
            f"training.max_length = {study.training.max_length}, or no answer fits"
        )
