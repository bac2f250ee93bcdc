"""Whether a text's length, or its likelihood under the judge, explains a preference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference.biases import Asked, asked_of, ratio
from manybaskets.experiments.preference.estimates import Clusters, kept
from manybaskets.experiments.preference.readings import JudgeReadings
from manybaskets.experiments.preference.roles import LOG_ODDS, POINTS, Roles
from manybaskets.experiments.preference.schemas import ABSOLUTE, GOLD
from manybaskets.statistics.bootstrap import Mean, bca

RAW, AT_ONE, AT_ONE_LIKELY, EQUAL = (
    "raw",
    "at ratio 1",
    "at ratio 1 and equal likelihood",
    "pairs of equal length",
)
WORDS, LIKELIHOOD = "slope of log ratio of words", "slope of nats per token less"
AGAINST_MODELS, AGAINST_HUMAN = "self against models", "models against human"
LENGTH = pl.Schema(
    {
        **dict.fromkeys(
            ("target", "mix", "variant", "protocol", "self", "contrast", "statistic", "unit"),
            pl.String,
        ),
        **dict.fromkeys(("value", "low", "high"), pl.Float64),
        "words": pl.Float64,  # mean words of the first side
        "other_words": pl.Float64,
        "ratio_low": pl.Float64,  # quantiles of the word ratio; if 1 is outside of them, the value is an extrapolation
        "ratio_high": pl.Float64,
        **dict.fromkeys(("n_pairs", "n_articles", "n_seeds"), pl.Int64),
        "method": pl.String,
    }
)
_SPREAD = (0.05, 0.95)
_ILL_CONDITIONED = 1e8
_ROUNDING = 1e-9


def lengths(
    judge_readings: Sequence[JudgeReadings], roles: Roles, settings: Statistics, seed: int
) -> pl.DataFrame:
    """Raw preferences, at equal length, and on pairs of equal length.

    d are log-odds, or score differences in the absolute protocol. Raw: mean d over pairs. At ratio
    1: the intercept of d regressed on log(words / other words), and with the difference of the
    judge's nats per token as a second covariate (other minus own, so that above 0 is the likelier
    text). Pairs of equal length: mean d of pairs within `roles.length_match`. All use pairs of
    different texts; articles vary as clusters, by their jackknife influence.

    Returns:
        Schema `LENGTH`: of self against the other models (SPB's length), and of all models against
        the human reference (PSB's).
    """
    lines: list[dict[str, Any]] = []
    waiting: list[tuple[dict[str, Any], Mean]] = []
    for judge in judge_readings:
        if judge.mix == GOLD:
            continue
        for asked in asked_of(judge, roles):
            models = [asked.author, *asked.others]
            for contrast, ones, others in (
                (AGAINST_MODELS, [asked.author], asked.others),
                (AGAINST_HUMAN, models, [asked.human]),
            ):
                for line, mean in _of(judge, asked, contrast, ones, others, roles.length_match):
                    lines.append(line)
                    if mean is not None:
                        waiting.append((line, mean))
    intervals = bca(
        [m for _, m in waiting], settings.bootstrap_resamples, settings.confidence, seed
    )
    for (line, mean), interval in zip(waiting, intervals, strict=True):
        low, high = interval or (None, None)
        line |= {"value": mean.value, "low": low, "high": high}
    return pl.DataFrame(lines, schema=LENGTH)


def _of(
    judge: JudgeReadings,
    asked: Asked,
    contrast: str,
    ones: list[str],
    others: list[str],
    match: float,
):
    """Lines of one comparison, each with its mean (None: undefined)."""
    d, x, likely, usable = _arrays(judge, ones, others)
    line = {
        "target": judge.target,
        "mix": judge.mix,
        "variant": judge.variant,
        "protocol": judge.protocol,
        "unit": _unit(judge),
        "self": asked.label,
        "contrast": contrast,
        "n_seeds": len(judge.seeds),
        "words": _mean_words(judge, ones),
        "other_words": _mean_words(judge, others),
    }
    if usable.any():
        ends = np.quantile(x[usable], _SPREAD)
        line |= {"ratio_low": float(np.exp(ends[0])), "ratio_high": float(np.exp(ends[1]))}

    def made(statistic: str, values: np.ndarray | None, used: np.ndarray, method: str):
        some = used.any(axis=(0, 2))
        cells = line | {
            "statistic": statistic,
            "n_pairs": int(used.sum()),
            "n_articles": int(some.sum()),
            "method": method,
        }
        if values is None or not some.any() or np.isnan(values[:, some]).any():
            return cells | {"method": f"undefined: {method}"}, None
        articles = kept(judge.articles, some)
        return cells, Clusters(articles).mean(values[:, some], (judge.target, judge.mix))

    yield made(RAW, _mean(d, usable), usable, "mean over pairs")
    method = "regression, articles as clusters"
    for values, statistic in zip(_fitted(d, [x], usable), (AT_ONE, WORDS), strict=True):
        yield made(statistic, values, usable, method)
    both = usable & ~np.isnan(likely)
    if both.any():
        names = (AT_ONE_LIKELY, None, LIKELIHOOD)
        for values, statistic in zip(_fitted(d, [x, likely], both), names, strict=True):
            if statistic:
                yield made(statistic, values, both, method)
    equal = usable & (np.abs(np.where(usable, x, np.inf)) <= math.log1p(match) + _ROUNDING)
    yield made(EQUAL, _mean(d, equal), equal, f"mean over pairs within {match:.0%}")


def _mean(d: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Values per article whose mean is the mean over the pairs used."""
    top = np.where(used, d, 0.0).sum(axis=2)
    return ratio(top, used.sum(axis=2).astype(float), used.any(axis=(0, 2)))


def _arrays(judge: JudgeReadings, ones: list[str], others: list[str]):
    """d, log word ratio, difference of nats per token, and mask of pairs: `[seed, article, pair]`."""
    sides = [(judge.place(a), judge.place(b)) for a in ones for b in others]
    one, other = (np.array(side) for side in zip(*sides, strict=True))
    d = judge.values[_unit(judge)][:, :, one, other]
    words, other_words = judge.words[:, :, one], judge.words[:, :, other]
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.log(words / other_words)
    likely = judge.nll[:, :, other] - judge.nll[:, :, one]
    return d, x, likely, np.isfinite(d) & np.isfinite(x) & ~judge.tied[:, :, one, other]


def _unit(judge: JudgeReadings) -> str:
    return POINTS if judge.protocol == ABSOLUTE else LOG_ODDS


def _mean_words(judge: JudgeReadings, authors: list[str]) -> float | None:
    words = judge.words[:, :, [judge.place(name) for name in authors]]
    defined = words[~np.isnan(words)]
    return float(defined.mean()) if defined.size else None


def _fitted(
    d: np.ndarray, covariates: list[np.ndarray], usable: np.ndarray
) -> list[np.ndarray | None]:
    """Least-squares intercept and slopes as means of values per article: `[seed, article]`.

    With X_a, e_a the rows and residuals of an article, the fit without it differs by (X'X −
    X_a'X_a)⁻¹ X_a'e_a; n times that shifts the mean of its value. None if the covariates do not
    vary enough for a fit.
    """
    number = 1 + len(covariates)
    counts = int(usable.any(axis=(0, 2)).sum())
    fits = []
    for seed in range(len(d)):
        used = usable[seed]
        columns = [np.where(used, each[seed], 0.0) for each in (np.ones_like(d), *covariates)]
        rows = np.stack(columns, axis=-1)  # [article, pair, coefficient]
        y = np.where(used, d[seed], 0.0)
        crossed = np.einsum("apk,apl->akl", rows, rows)
        whole = crossed.sum(axis=0)
        some = used.any(axis=1)
        articles = int(some.sum())
        without = whole - crossed[some]
        if articles <= number or _singular(whole) or _singular(without):
            return [None] * number
        beta = np.linalg.solve(whole, np.einsum("apk,ap->k", rows, y))
        residual = np.where(used, y - rows @ beta, 0.0)
        scores = np.einsum("apk,ap->ak", rows, residual)[some]
        moved = np.linalg.solve(without, scores[:, :, None])[:, :, 0]
        # An article missing in this seed causes no shift.
        values = np.tile(beta, (len(used), 1))
        values[some] += counts * (moved - moved.mean(axis=0))
        fits.append(values)
    return [np.stack([fit[:, index] for fit in fits]) for index in range(number)]


def _singular(matrices: np.ndarray) -> bool:
    """Whether any of these cross products, scaled to a unit diagonal, is singular."""
    scale = np.sqrt(np.diagonal(matrices, axis1=-2, axis2=-1))
    if (scale <= 0).any():
        return True
    scaled = matrices / (scale[..., :, None] * scale[..., None, :])
    return bool((np.linalg.cond(scaled) > _ILL_CONDITIONED).any())
