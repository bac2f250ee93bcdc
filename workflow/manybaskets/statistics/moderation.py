"""Variances between trainings, moderated over the conditions of a study.

Three trainings tell little about how trainings of a mix differ: two degrees of freedom. The
conditions of a study were trained alike, so their variances inform each other: each is drawn
towards a common value as far as the conditions agree. Source: Smyth 2004, "Linear models and
empirical Bayes methods for assessing differential expression in microarray experiments"; Phipson
et al. 2016, Annals of Applied Statistics 10(2), for a common value without heterogeneity.

Shares do not vary alike: one of .02 cannot move as far as one of .5. What their conditions have in
common is the overdispersion, the variance over p (1 − p), and that is moderated. Source: McCullagh &
Nelder 1989, section 4.5; Lund et al. 2012, Statistical Applications in Genetics and Molecular Biology
11(5), for moderated overdispersion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from manybaskets.statistics.components import VarianceComponent

_NEWTON_STEPS = 50
# p of the F test below which a condition keeps its own variance. With two trainings, that variance
# has one degree of freedom and hardly bounds anything, so fewer conditions keep it.
_STANDS_OUT, _STANDS_OUT_OF_TWO = 0.2, 0.1
_SMALLEST = 1e-5  # of the median; a variance of 0 would have no logarithm


@dataclass(frozen=True)
class Prior:
    """What the conditions of a study have in common: variances are scaled inverse χ².

    Args:
        variance: their pooled variance, which takes the place of Smyth's s₀². That is a mean of
            logarithms, of which few conditions with one or two degrees know little, and lower:
            intervals were too narrow by it.
        degrees: of freedom d₀ that the common value counts for; infinite where nothing shows that
            the conditions differ.
        pooled: degrees of freedom of all conditions together; no estimate counts for more.
    """

    variance: float
    degrees: float
    pooled: float

    def moderated(self, variance: float = 0.0, degrees: float = 0) -> VarianceComponent:
        """A condition's variance drawn towards the common one, with its degrees of freedom.

        (d₀ s̄² + d s²) / (d₀ + d) on d₀ + d degrees, at most the pooled ones, with s̄² the common
        one. Without degrees (one training), the common variance itself.
        """
        if np.isinf(self.degrees):
            return VarianceComponent(self.variance, self.pooled)
        total = self.degrees + degrees
        value = (self.degrees * self.variance + degrees * variance) / total
        return VarianceComponent(float(value), float(min(total, self.pooled)))


def fit_prior(variances: Sequence[float], degrees: Sequence[float]) -> Prior | None:
    """Estimate the prior from the variances of conditions; None for conditions without degrees.

    z = log s² − ψ(d/2) + log(d/2): their variance minus the mean of ψ′(d/2) is ψ′(d₀/2). Where it is
    not above what chance alone gives, d₀ is infinite.

    Args:
        variances: of each condition.
        degrees: of freedom of each; conditions with 0 do not count.
    """
    from scipy.special import digamma, polygamma

    s2, d = (np.asarray(each, dtype=float) for each in (variances, degrees))
    s2, d = s2[d > 0], d[d > 0]
    if not len(s2):
        return None
    pooled = float(d.sum())
    mean = float((d * s2).sum() / pooled)
    if mean == 0.0 or len(s2) == 1:
        return Prior(mean, np.inf, pooled)
    s2 = np.maximum(s2, _SMALLEST * (float(np.median(s2)) or mean))
    z = np.log(s2) - digamma(d / 2) + np.log(d / 2)
    beyond_chance = float(np.var(z, ddof=1) - polygamma(1, d / 2).mean())
    if beyond_chance <= 0:
        return Prior(mean, np.inf, pooled)
    return Prior(mean, 2 * inverse_trigamma(beyond_chance), pooled)


def inverse_trigamma(value: float) -> float:
    """The x > 0 with ψ′(x) = `value` > 0, by Newton's method on 1 / ψ′. Source: Smyth 2004."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(_NEWTON_STEPS):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-12:
            break
    return x


@dataclass(frozen=True)
class Trainings:
    """The runs of a condition: the value of each, and its variance by chance in single answers.

    `answers` is NaN for one run. `unit` is the variance of one answer that the mean implies: p (1 − p)
    of a share (`unit_of_share`), 1 of a measure whose variance does not follow from its mean.
    """

    values: np.ndarray
    answers: float
    unit: float = 1.0


def unit_of_share(share: float, answers: int) -> float:
    """p (1 − p) of a share, with half an answer of each kind added, so that it is above 0.

    Args:
        share: of the answers of all runs.
        answers: their number.
    """
    drawn_in = (share * answers + 0.5) / (answers + 1)
    return drawn_in * (1 - drawn_in)


def are_shares(values: Iterable[np.ndarray]) -> bool:
    """Whether all values are 0 or 1; NaN is no value."""
    return all(bool(((each == 0) | (each == 1) | np.isnan(each)).all()) for each in values)


def training_components(trainings: Sequence[Trainings]) -> list[VarianceComponent | None]:
    """Variance of each condition's mean due to training alone, moderated over the conditions.

    The mean square of the runs' values contains training and chance in single answers. It is
    moderated as a whole, in units of each condition (`Trainings.unit`), then the latter, which is well known and part of the spread over prompts,
    is subtracted; negative results are 0. A condition with one run has the common variance of the
    others.

    Args:
        trainings: all trained conditions of one measure, target and prompt set.

    Returns:
        In the same order; None where no condition was trained twice.
    """
    answers = [each.answers / each.unit for each in trainings if not np.isnan(each.answers)]
    usual = float(np.mean(answers)) if answers else 0.0
    components: list[VarianceComponent | None] = []
    squares = mean_squares([each.values / np.sqrt(each.unit) for each in trainings])
    for each, whole in zip(trainings, squares, strict=True):
        if whole is None:
            components.append(None)
            continue
        alone = usual * each.unit if np.isnan(each.answers) else each.answers
        variance = max(0.0, whole.variance * each.unit - alone) / len(each.values)
        components.append(VarianceComponent(variance, whole.degrees))
    return components


def mean_squares(values: Sequence[np.ndarray]) -> list[VarianceComponent | None]:
    """Variance between the values of each condition's runs, moderated over the conditions.

    A condition that is far less stable than the others (F test) keeps its own variance.

    Args:
        values: of the runs of every condition.

    Returns:
        In the same order; None where no condition has several runs.
    """
    squares = [float(np.var(each, ddof=1)) if len(each) > 1 else 0.0 for each in values]
    degrees = [len(each) - 1 for each in values]
    prior = fit_prior(squares, degrees)
    if prior is None:
        return [None] * len(values)
    return [
        VarianceComponent(square, number)
        if number and _stands_out(place, squares, degrees)
        else prior.moderated(square, number)
        for place, (square, number) in enumerate(zip(squares, degrees, strict=True))
    ]


def _stands_out(place: int, squares: Sequence[float], degrees: Sequence[float]) -> bool:
    """Whether a condition's variance exceeds what those of the others allow: an F test."""
    from scipy.stats import f

    others = [index for index in range(len(squares)) if index != place]
    prior = fit_prior([squares[i] for i in others], [degrees[i] for i in others])
    if prior is None or prior.variance == 0.0:
        return False
    below = min(prior.degrees, prior.pooled)
    limit = _STANDS_OUT if degrees[place] > 1 else _STANDS_OUT_OF_TWO
    return float(f.sf(squares[place] / prior.variance, degrees[place], below)) < limit
