"""What the families of comparisons of a study can find, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from manybaskets.config.evaluation import Comparison
from manybaskets.config.study import Study
from manybaskets.experiments import StudyRows
from manybaskets.names import TRAIN
from manybaskets.records.measured import SOURCES
from manybaskets.statistics.components import VarianceComponent
from manybaskets.statistics.families import first_step_factor
from manybaskets.statistics.power import detectable
from manybaskets.statistics.trainings import trainings

LARGEST = 0.5  # standard deviations; a family that finds only larger effects is marked
TRAINING_SD = 0.1  # assumed between trainings, in standard deviations of paired differences


@dataclass(frozen=True)
class FamilyPower:
    """The tests of a family, and what they find with 80 % power.

    Args:
        tests: that the correction covers: the first ones, if the family has a primary question.
        prompts: of the prompt set; None if unknown.
        trainings: fewest and most of the compared mixes; empty for sources.
        effect: smallest effect, in standard deviations of the paired differences, of the comparison
            with the fewest trainings; None without confirmatory tests or with unknown prompts.
    """

    family: str
    tests: int
    exploratory: int
    prompts: int | None
    trainings: str
    effect: float | None

    @property
    def weak(self) -> bool:
        """Whether the family cannot find half a standard deviation."""
        return self.tests == 0 or (self.effect is not None and self.effect > LARGEST)


def family_powers(study: Study, rows: StudyRows) -> list[FamilyPower]:
    """The power of every family of `comparisons`."""
    return [_power(study, rows, name, family) for name, family in study.comparisons.items()]


def note_of(family: FamilyPower) -> str:
    """Warning about a family that cannot find half a standard deviation."""
    if not family.tests:
        return (
            f"The family {family.family} has no confirmatory comparison: each has a side that is "
            "trained once. Set `training.seeds` to three or more."
        )
    return (
        f"The family {family.family} finds {family.effect:.2f} standard deviations with 80 % power, "
        f"not {LARGEST}: use more prompts or training seeds, or fewer measures or mixes, or set "
        f"`comparisons.{family.family}.primary`."
    )


def _power(study: Study, rows: StudyRows, name: str, family: Comparison) -> FamilyPower:
    of_sources = family.prompt_set == TRAIN
    models = [SOURCES] if of_sources else list(study.targets)
    runs = {
        mix: None if of_sources else trainings("", mix, len(study.seeds_of(mix)))
        for mix in (*family.conditions, family.baseline)
    }
    pairs = [(runs[mix], runs[family.baseline]) for mix in family.conditions]
    tested = [pair for pair in pairs if 1 not in pair]
    tests = len(tested) * len(models) * len(family.primary or family.measures)
    factor = first_step_factor(tests, family.correction)
    prompts = rows.train if of_sources else rows.sets.get(family.prompt_set)
    numbers = sorted({number for number in runs.values() if number is not None})
    effect = None
    if prompts and prompts > 1 and tests:
        pooled = sum(
            number - 1
            for mix in study.mixes
            if (number := trainings("", mix, len(study.seeds_of(mix))))
        )
        effect = max(
            detectable(_components(pair, prompts, pooled), factor, study.statistics.confidence)
            for pair in tested
        )
    return FamilyPower(
        family=name,
        tests=tests,
        exploratory=len(list(product(pairs, models, family.measures)))
        - len(list(product(tested, models, family.measures))),
        prompts=prompts,
        trainings=""
        if not numbers
        else "–".join(dict.fromkeys(map(str, (numbers[0], numbers[-1])))),
        effect=effect,
    )


def _components(
    pair: tuple[int | None, int | None], prompts: int, pooled: int
) -> list[VarianceComponent]:
    between = sum(TRAINING_SD**2 / number for number in pair if number is not None)
    components = [VarianceComponent(1 / prompts, prompts - 1)]
    return [*components, VarianceComponent(between, pooled)] if between else components
