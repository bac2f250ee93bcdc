"""Tables of runs × prompts with missing values, made complete without a change of estimates."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-10


def completed(values: np.ndarray) -> np.ndarray:
    """A complete table with the estimates and the uncertainty of an incomplete one.

    Model: value = run + prompt + rest, least squares over all values that are there, so that a
    missing value removes itself and not its prompt. Assumption: what is missing depends on the run
    and the prompt, not on the value beyond them.

    In the result, differences between two runs' means are the least-squares estimates, and the
    shift of such a mean by a prompt is that prompt's share in the estimate, so that everything
    computed from rows of a complete table (variances, bootstraps, sign flips) applies. A complete
    table stays as it is. Values of a prompt with gaps are not predictions: they are scaled to the
    information that the prompt has. Source: the analysis of incomplete blocks, e.g. Searle,
    Casella & McCulloch 1992, chapter 5; influence functions as in Liang & Zeger 1986, Biometrika
    73(1).

    Args:
        values: `[run, prompt]`, NaN where missing. Every run and every prompt has a value.

    Returns:
        The same shape, without NaN; all NaN for runs that share no chain of prompts with the
        largest group of runs, since nothing connects their values.
    """
    there = ~np.isnan(values)
    if there.all():
        return values
    kept = _connected(there)
    result = np.full(values.shape, np.nan)
    result[kept] = _complete(values[kept], there[kept])
    return result


def _complete(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    runs, prompts = there.shape
    weight = there.astype(float)
    filled = np.where(there, values, 0.0)
    number = np.maximum(there.sum(axis=0), 1)
    # Normal equations of the runs, with the prompts eliminated; all runs differ by 0 on average.
    between = np.diag(weight.sum(axis=1)) - (weight / number) @ weight.T
    inverse = np.linalg.pinv(between, rcond=_ROUNDING, hermitian=True)
    from_prompts = np.where(there, values - filled.sum(axis=0) / number, 0.0)
    run = inverse @ from_prompts.sum(axis=1)
    rest = np.where(there, values - run[:, None], 0.0)
    prompt = rest.sum(axis=0) / number
    residual = np.where(there, values - run[:, None] - prompt, 0.0)
    measured = there.any(axis=0)
    shift = inverse @ residual
    # A prompt that none of the runs answered is as the others on average, and moves nothing.
    prompt = np.where(measured, prompt, prompt[measured].mean())
    return run[:, None] + prompt + prompts * shift


def _connected(there: np.ndarray) -> np.ndarray:
    """Mask of the largest group of runs that are connected by common prompts."""
    linked = (there.astype(float) @ there.T.astype(float)) > 0
    left = np.ones(len(there), dtype=bool)
    largest = np.zeros(len(there), dtype=bool)
    while left.any():
        group = np.zeros(len(there), dtype=bool)
        group[np.flatnonzero(left)[0]] = True
        while True:
            grown = linked[group].any(axis=0) | group
            if (grown == group).all():
                break
            group = grown
        left &= ~group
        if group.sum() > largest.sum():
            largest = group
    return largest
