"""Registry of rule judges: functions registered by name with the rubric whose scale they use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from manybaskets.config.study import Study
from manybaskets.data.languages import known_in
from manybaskets.judging.rubrics import Canary
from manybaskets.registry import Registry

Score = Callable[[str, str], float]  # of a request and a response


@dataclass(frozen=True)
class Rule:
    """A rule judge.

    Args:
        rubric: name of the rubric whose scale its scores use.
        about: one sentence: what it detects and what it misses.
        canaries: its own if it only understands the embedded world's language; null for the
            rubric's.
        languages: ISO 639-1 codes of the languages that it reads; null for any. A response in
            another has no score.
    """

    name: str
    rubric: str
    about: str
    score: Score
    canaries: tuple[Canary, ...] | None = None
    languages: tuple[str, ...] | None = None

    def reads(self, response: str) -> bool:
        """Whether a response may be in one of its languages."""
        return known_in(response, self.languages)


RULES: Registry[Rule] = Registry("rule")


def rule(
    rubric: str,
    about: str,
    canaries: tuple[Canary, ...] | None = None,
    languages: tuple[str, ...] | None = None,
) -> Callable[[Score], Score]:
    """Register a function as a rule judge under its own name.

    Raises:
        ValueError: another rule has this name.
    """

    def register(function: Score) -> Score:
        name = function.__name__
        RULES.add(name, Rule(name, rubric, about, function, canaries, languages))
        return function

    return register


def rule_of(name: str) -> Rule:
    """A rule by name.

    Raises:
        UserError: no rule has this name.
    """
    return RULES.get(name, "judges.<name>.rule")


def check_rules(study: Study) -> None:
    """Check before a run that all rules named by judges exist.

    Raises:
        UserError: as `rule_of`.
    """
    for judge in study.judges.values():
        if judge.kind == "rule":
            rule_of(judge.rule)
