"""What families can find: against a noncentral t, and which families are marked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.experiments import StudyRows
from manybaskets.plan.family_power import TRAINING_SD, family_powers, note_of

ROWS = StudyRows(400, 380, 20, {"test": 1500, "hard": 12}, 1.0, "counted")


def study(families: dict[str, Comparison], seeds: dict[str, int]) -> SimpleNamespace:
    return SimpleNamespace(
        comparisons=families,
        targets=["one", "two"],
        mixes=[mix for mix in seeds if mix != "vanilla"],
        seeds_of=lambda mix: list(range(seeds[mix])),
        statistics=Statistics(),
    )


def family(**other) -> Comparison:
    settings = {"baseline": "vanilla", "conditions": ["a", "b"], "measures": ["m", "n"]}
    return Comparison(**settings | other)


def test_the_smallest_effect_has_eighty_percent_power() -> None:
    (found,) = family_powers(study({"f": family()}, {"a": 3, "b": 3, "vanilla": 1}), ROWS)
    assert (found.tests, found.exploratory, found.prompts, found.trainings) == (8, 0, 1500, "3")
    level, draw = 1 - 0.025 / 8, np.random.default_rng(1)
    # The mean over two mixes' trainings has four degrees of freedom; that over prompts is known.
    trained = TRAINING_SD**2 / 3 * draw.chisquare(4, 100_000) / 4
    limit = np.sqrt(stats.t.ppf(level, 4) ** 2 * trained + stats.norm.ppf(level) ** 2 / 1500)
    estimate = draw.normal(found.effect, np.sqrt(TRAINING_SD**2 / 3 + 1 / 1500), 100_000)
    assert (estimate > limit).mean() == pytest.approx(0.8, abs=0.01)
    assert not found.weak


def test_a_primary_question_makes_a_family_stronger() -> None:
    seeds = {"a": 3, "b": 3, "vanilla": 1}
    plain, gated = family_powers(study({"f": family(), "g": family(primary=["m"])}, seeds), ROWS)
    assert (plain.tests, gated.tests) == (8, 4) and gated.effect < plain.effect


def test_a_family_for_discovery_has_a_stricter_first_step() -> None:
    seeds = {"a": 3, "b": 3, "vanilla": 1}
    families = {"f": family(), "g": family(correction="benjamini-yekutieli")}
    plain, rate = family_powers(study(families, seeds), ROWS)
    assert plain.tests == rate.tests == 8 and rate.effect > plain.effect


def test_few_prompts_and_single_trainings_are_marked() -> None:
    families = {"few": family(prompt_set="hard"), "once": family(conditions=["c"])}
    few, once = family_powers(study(families, {"a": 3, "b": 3, "c": 1, "vanilla": 1}), ROWS)
    assert few.weak and f"{few.effect:.2f} standard deviations" in note_of(few)
    assert once.weak and once.effect is None and once.exploratory == 4
    assert "no confirmatory comparison" in note_of(once)


def test_sources_have_no_trainings() -> None:
    families = {"s": family(baseline="human", conditions=["llama"], prompt_set="train")}
    (found,) = family_powers(study(families, {"a": 3}), ROWS)
    assert (found.tests, found.prompts, found.trainings) == (2, 400, "")
    power = stats.nct.sf(stats.t.ppf(1 - 0.025 / 2, 399), 399, found.effect * np.sqrt(400))
    assert power == pytest.approx(0.8, abs=0.001)


def test_unknown_prompts_give_no_effect() -> None:
    rows = StudyRows(None, None, None, {"test": None}, 1.0, "unknown")
    (found,) = family_powers(study({"f": family()}, {"a": 3, "b": 3, "vanilla": 1}), rows)
    assert found.effect is None and not found.weak
