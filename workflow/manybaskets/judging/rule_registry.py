"""Registry of rule judges: functions registered by name with the rubric whose scale they use."""

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
        rubric: name of the rubric whose scale its scores use.
        about: one sentence: what it detects and what it misses.
        canaries: its own if it only understands the embedded world's language; null for the
            rubric's.
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
        UserError: no rule has this name.
    """
    if name not in _RULES:
        raise UserError(
            what=f"there is no rule '{name}'",
            where="judges.<name>.rule",
            expected=f"one of {', '.join(names())}",
            remedy="set `rule` to one of these names",
        )
    return _RULES[name]


def check_rules(study: Study) -> None:
    """Check before a run that all rules named by judges exist.

    Raises:
        UserError: as `rule_of`.
    """
    for judge in study.judges.values():
        if judge.kind == "rule":
            rule_of(judge.rule)
