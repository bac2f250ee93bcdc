"""Trainings of crossed means, moderated over conditions: against those of plain means."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from manybaskets.statistics.conditions import condition_means
from manybaskets.statistics.crossed import crossed_mean, difference, p_values
from manybaskets.statistics.crossed_trainings import moderated_means


def values_of(rng: np.random.Generator, rows: int, trainings: dict[str, int]) -> dict:
    shared = rng.normal(size=rows)
    return {
        mix: shared + 0.3 * rng.normal(size=(seeds, 1)) + 0.2 * rng.normal(size=(seeds, rows))
        for mix, seeds in trainings.items()
    }


def test_one_template_is_the_moderation_of_plain_means() -> None:
    values = values_of(np.random.default_rng(2), 40, {"a": 3, "b": 2, "c": 1, "vanilla": 1})
    found = moderated_means(values, np.zeros(40), np.arange(40), "llama")
    trained = {mix: mix != "vanilla" for mix in values}
    expected = condition_means(values, np.arange(40), trained, "llama")
    assert found["vanilla"].seeds is None and expected["vanilla"].seeds is None
    for mix in "abc":
        assert found[mix].value == pytest.approx(expected[mix].value)
        assert found[mix].seeds.variance == pytest.approx(expected[mix].seeds.variance)
        assert found[mix].seeds.degrees == expected[mix].seeds.degrees == 3


def test_the_trainings_of_the_other_mixes_decide_what_two_of_one_cannot() -> None:
    """Every mix has trainings at ±0.1: one degree of freedom alone, six together."""
    template, base = np.repeat(np.arange(8), 12), np.tile(np.arange(12), 8)
    rng, moved = np.random.default_rng(4), np.array([[0.1], [-0.1]])
    values = {
        mix: rng.normal(0, 0.02, (2, 96)) + moved + 0.6 * (mix == "a") for mix in "abcdef"
    }  # fmt: skip
    means = moderated_means(values, template, base, "llama")
    together = difference(means["a"], means["b"])
    alone = difference(*(crossed_mean(values[mix], template, base, (mix,)) for mix in "ab"))
    assert together.value == alone.value and together.seeds.degrees == 6
    error = np.sqrt(2 * 0.1**2)  # s² = 0.02 of two trainings on either side
    for mean, degrees in ((together, 6), (alone, 2)):
        expected = 2 * stats.t.sf(0.6 / error, degrees)
        assert p_values([mean], 99, 1)[0] == pytest.approx(expected, rel=0.05)
