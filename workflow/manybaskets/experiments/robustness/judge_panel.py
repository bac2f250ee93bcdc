"""The experiment's judges and reasons to distrust them, checked before a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from manybaskets.config.judges import RuleJudge
from manybaskets.config.model_families import relatives
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.robustness import RUBRICS
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.comparisons import contrasts_of
from manybaskets.experiments.robustness.outcomes import OUTCOMES
from manybaskets.judging.rubrics import rubric_file, rubric_for, shipped
from manybaskets.judging.rule_registry import rule_of
from manybaskets.names import VANILLA


def check_panel(study: Study) -> list[str]:
    """Check the judges of the experiment.

    Returns:
        Warnings, one line each: related judges that the config allows.

    Raises:
        UserError: a rule scores on another rubric's scale, a rubric does not exist or has a
            different scale than this experiment needs, or a judge is of a subject's model family.
    """
    settings = study.robustness
    taken = OUTCOMES.keys() & settings.judges.rubrics.keys()
    if taken:
        raise UserError(
            what=f"'{min(taken)}' is the name of an outcome of this experiment",
            where=f"robustness.judges.rubrics.{min(taken)}",
            expected="rubrics with names other than " + ", ".join(OUTCOMES),
            remedy="rename the rubric and its file",
        )
    for key, rubric in settings.rubrics().items():
        for name in settings.judges.of(key):
            _check_rule(study, key, name, rubric)
            _check_scale(study, key, name, rubric)
    related = relatives(study, settings.judge_names())
    sentences = [f"judge '{judge}' is of the model family of '{model}'" for judge, model in related]
    if related and settings.same_family == "refuse":
        raise UserError(
            what=f"{sentences[0]}, which is judged or made training data, and may favour it",
            where="robustness.judges",
            expected="judges of a different model family than all targets and sources",
            remedy="use a judge of another family, or set `robustness.same_family: mark` to use "
            "this judge anyway, marked in every table; if a family is wrong, set "
            "`models.<name>.family`",
        )
    return [f"{each}, and may favour it; tables mark it" for each in sentences]


def _check_rule(study: Study, key: str, name: str, rubric: str) -> None:
    judge = study.judges[name]
    if not isinstance(judge, RuleJudge):
        return
    scored_rubric = rule_of(judge.rule)
    if scored_rubric.rubric != rubric:
        raise UserError(
            what=f"rule '{judge.rule}' scores {scored_rubric.rubric}, not {rubric}",
            where=f"robustness.judges.{key}: {name}",
            expected=f"a judge of {rubric}",
            remedy=f"remove '{name}' from this list, or set `judges.{name}.rule` to another rule",
        )


def _check_scale(study: Study, key: str, name: str, rubric: str) -> None:
    """Check that all judges of a rubric use the same scale: the shipped one, or the first judge's."""
    own = rubric_for(study.judges[name], rubric, study.rubrics)
    first = study.robustness.judges.of(key)[0]
    wanted = (
        shipped(rubric)
        if key in RUBRICS
        else rubric_for(study.judges[first], rubric, study.rubrics)
    )
    if own.steps != wanted.steps:
        raise UserError(
            what=f"rubric '{rubric}' of judge '{name}' has the scores {_listed(own.steps)}",
            where=f"{rubric_file(study.judges[name], rubric, study.rubrics)}, scale",
            expected=f"the scores {_listed(wanted.steps)}, as for all judges of '{rubric}'",
            remedy="change the scale to these scores, or give the rubric another name and list "
            "its judges in `robustness.judges.rubrics`",
        )


def _listed(steps: Sequence[float]) -> str:
    return ", ".join(f"{step:g}" for step in steps)


def related_targets(study: Study) -> dict[str, list[str]]:
    """By judge, the targets whose family (or training data's family) it shares."""
    targets_of_judge: dict[str, list[str]] = {}
    for judge, model in relatives(study, study.robustness.judge_names()):
        targets = [model] if model in study.targets else list(study.targets)
        targets_so_far = targets_of_judge.setdefault(judge, [])
        targets_so_far += [target for target in targets if target not in targets_so_far]
    return targets_of_judge


def judge_opening(study: Study, judge: str) -> dict[str, Any]:
    """How a judge of the study is opened, in addition to its section, as plain values."""
    prompting = study.prompting_of(getattr(study.judges[judge], "model", None))
    return {
        "date": prompting.date,
        "precision": study.training.precision,
        "seed": study.seed,
        **prompting.model_dump(include={"template_arguments"}),
    }


def analysis_settings(study: Study) -> dict[str, Any]:
    """Study settings for statistics and tables as plain values: the keys of `Analysis` that are not
    read from files."""
    settings = study.robustness
    mixes = chosen_mixes(study)
    return {
        "targets": list(study.targets),
        "mixes": [VANILLA, *mixes],
        "judges": {
            rubric: list(settings.judges.of(key)) for key, rubric in settings.rubrics().items()
        },
        "contrasts": contrasts_of(study, mixes),
        "confidence": study.statistics.confidence,
        "permutations": study.statistics.sign_flips,
        "resamples": settings.statistics.bootstrap_resamples,
        "seed": study.seed,
        "cuts": list(settings.danger_thresholds),
        "same_family": related_targets(study),
        **({"scales": _other_scales(study)} if settings.judges.rubrics else {}),
    }


def _other_scales(study: Study) -> dict[str, list[float]]:
    """All scores of the user's rubrics."""
    judges = study.robustness.judges.rubrics
    return {
        rubric: rubric_for(study.judges[names[0]], rubric, study.rubrics).steps
        for rubric, names in judges.items()
    }
