"""Tables with missing values: against least squares and a mixed model of statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from manybaskets.statistics.conditions import condition_means
from manybaskets.statistics.incomplete import completed


def with_gaps(runs: int, prompts: int, share: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = (
        rng.normal(size=(runs, 1)) + rng.normal(size=prompts) + rng.normal(size=(runs, prompts))
    )
    values[rng.random(values.shape) < share] = np.nan
    values[0, np.isnan(values).all(axis=0)] = 0.0
    return values


def test_a_complete_table_stays_as_it_is() -> None:
    values = with_gaps(4, 9, 0.0, 1)
    assert completed(values) is values


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_estimates_and_errors_are_those_of_clustered_least_squares(share: float) -> None:
    values = with_gaps(6, 40, share, 2)
    run, prompt = np.nonzero(~np.isnan(values))
    design = np.zeros((len(run), 6 + 40))
    design[np.arange(len(run)), run] = 1
    design[np.arange(len(run)), 6 + prompt] = 1
    fit = sm.OLS(values[run, prompt], design[:, 1:]).fit(
        cov_type="cluster", cov_kwds={"groups": prompt, "use_correction": False}
    )
    differences = (found := completed(values))[1:] - found[0]
    assert differences.mean(axis=1) == pytest.approx(fit.params[:5], abs=1e-10)
    variance = ((differences - differences.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / 40**2
    assert np.sqrt(variance) == pytest.approx(fit.bse[:5], rel=1e-8)


def test_runs_without_common_prompts_have_no_difference() -> None:
    values = np.full((4, 6), np.nan)
    values[:3, :4] = with_gaps(3, 4, 0.0, 3)
    values[0, 0] = np.nan
    values[3, 4:] = 1.0
    found = completed(values)
    assert np.isnan(found[3]).all() and not np.isnan(found[:3]).any()
    alone = completed(values[:3, :4])
    assert (found[0] - found[1]).mean() == pytest.approx((alone[0] - alone[1]).mean())


def test_a_difference_is_that_of_a_mixed_model() -> None:
    """Random prompts and trainings, a tenth missing: REML has the same estimate and error."""
    rng = np.random.default_rng(4)
    names, prompts, seeds = ["a", "b", "c", "base"], 40, 3
    prompt = rng.normal(size=prompts)
    values = {
        name: prompt + 0.6 * (name == "a") + 0.3 * rng.normal(size=(seeds, 1))
        + rng.normal(size=(seeds, prompts))
        for name in names
    }  # fmt: skip
    for each in values.values():
        each[rng.random(each.shape) < 0.1] = np.nan
    means = condition_means(values, np.arange(prompts), dict.fromkeys(names, True))
    estimate = means["a"].value - means["base"].value
    rows = pd.DataFrame(
        [
            {"value": value, "mix": name, "run": f"{name}{seed}", "prompt": f"p{place}"}
            for name in names
            for (seed, place), value in np.ndenumerate(values[name])
            if not np.isnan(value)
        ]
    )
    components = {"run": "0 + C(run)", "prompt": "0 + C(prompt)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a Hessian that is not positive at a bound
        fit = sm.MixedLM.from_formula(
            "value ~ C(mix, Treatment('base'))", rows, groups=np.ones(len(rows)),
            vc_formula=components, re_formula="0",
        ).fit(method="powell")  # fmt: skip
    name = "C(mix, Treatment('base'))[T.a]"
    assert estimate == pytest.approx(fit.params[name], abs=0.03)
    paired = means["a"].sums - means["base"].sums
    variance = paired.var(ddof=1) / prompts + sum(
        means[each].seeds.variance for each in ("a", "base")
    )
    assert np.sqrt(variance) == pytest.approx(fit.bse[name], rel=0.15)
