"""Who judges in this experiment, and what speaks against them; checked before anything runs."""

from __future__ import annotations

from typing import Any

from manybaskets.config.judges import RuleJudge
from manybaskets.config.model_families import relatives
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.robustness import RUBRICS
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.experiments.robustness.comparisons import contrasts_of
from manybaskets.judging.rule_registry import rule_of
from manybaskets.names import VANILLA


def check_panel(study: Study) -> list[str]:
    """Check the judges of the experiment.

    Returns:
        Warnings, one line each: related judges that the config lets through.

    Raises:
        UserError: a rule that scores on another rubric's scale; a judge of a subject's family.
    """
    own = study.robustness
    for key, rubric in RUBRICS.items():
        for name in getattr(own.judges, key):
            _check_rule(study, key, name, rubric)
    found = relatives(study, own.judge_names())
    told = [f"judge '{judge}' is of the family of '{model}'" for judge, model in found]
    if found and own.same_family == "refuse":
        raise UserError(
            what=f"{told[0]}, which is judged or made training data, and may favour it",
            where="robustness.judges",
            expected="judges of another family than all targets and sources",
            remedy="name a judge of another family; or set robustness.same_family: mark to use it all "
            "the same, marked in every table; a wrong family is corrected in models.<name>.family",
        )
    return [f"{each}, and may favour it; tables mark it" for each in told]


def _check_rule(study: Study, key: str, name: str, rubric: str) -> None:
    judge = study.judges[name]
    if not isinstance(judge, RuleJudge):
        return
    found = rule_of(judge.rule)
    if found.rubric != rubric:
        raise UserError(
            what=f"rule '{judge.rule}' scores {found.rubric}, not {rubric}",
            where=f"robustness.judges.{key}: {name}",
            expected=f"a judge of {rubric}",
            remedy=f"take '{name}' out of this list, or give judges.{name} another rule",
        )


def related_targets(study: Study) -> dict[str, list[str]]:
    """By judge the targets whose family it shares, or of whose training data."""
    found: dict[str, list[str]] = {}
    for judge, model in relatives(study, study.robustness.judge_names()):
        targets = [model] if model in study.targets else list(study.targets)
        known = found.setdefault(judge, [])
        known += [target for target in targets if target not in known]
    return found


def analysis_settings(study: Study) -> dict[str, Any]:
    """What statistics and tables know of the study, as plain values: the keys of `Analysis` but those
    that files tell."""
    own = study.robustness
    mixes = chosen_mixes(study)
    return {
        "targets": list(study.targets),
        "mixes": [VANILLA, *mixes],
        "judges": {rubric: list(getattr(own.judges, key)) for key, rubric in RUBRICS.items()},
        "contrasts": contrasts_of(study, mixes),
        "confidence": study.statistics.confidence,
        "permutations": study.statistics.sign_flips,
        "resamples": own.statistics.bootstrap_resamples,
        "seed": study.seed,
        "cuts": list(own.danger_thresholds),
        "same_family": related_targets(study),
    }
