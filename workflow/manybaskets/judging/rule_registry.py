"""Judges that are functions: they register themselves by name with the rubric whose scale they use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.judging.rubrics import Canary

Score = Callable[[str, str], float]  # of a request and a response


@dataclass(frozen=True)
class Rule:
    """A rule judge.

    Args:
        rubric: name of the rubric whose scale its scores are on.
        about: one sentence: what it reads and what it does not see.
        canaries: its own where it knows no language but the embedded world's; null for the rubric's.
    """

    name: str
    rubric: str
    about: str
    score: Score
    canaries: tuple[Canary, ...] | None = None


_RULES: dict[str, Rule] = {}


def rule(
    rubric: str, about: str, canaries: tuple[Canary, ...] | None = None
) -> Callable[[Score], Score]:
    """Register a function as a rule judge under its own name."""

    def register(function: Score) -> Score:
        name = function.__name__
        _RULES[name] = Rule(name, rubric, about, function, canaries)
        return function

    return register


def names() -> list[str]:
    """Names of all rules."""
    return sorted(_RULES)


def rule_of(name: str) -> Rule:
    """A rule by name.

    Raises:
        UserError: there is none of this name.
    """
    if name not in _RULES:
        raise UserError(
            what=f"there is no rule '{name}'",
            where="judges.<name>.rule",
            expected=f"one of {', '.join(names())}",
            remedy="correct the name",
        )
    return _RULES[name]


def check_rules(study: Study) -> None:
    """Check, before a run, that the rules that judges name exist.

    Raises:
        UserError: as `rule_of`.
    """
    for judge in study.judges.values():
        if judge.kind == "rule":
            rule_of(judge.rule)
