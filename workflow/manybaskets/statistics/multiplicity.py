"""Corrections for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p for the family-wise error rate.

    Args:
        p: of all tests of a family.

    Returns:
        Holm's p of every test, in the same order; a test is rejected at level α where it is ≤ α.
        Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def benjamini_yekutieli(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p for the false discovery rate of tests that depend on each other in any way.

    Args:
        p: of all tests of a family.

    Returns:
        Adjusted p of every test, in the same order; a test is rejected at rate q where it is ≤ q.
        Source: Benjamini & Yekutieli 2001, "The control of the false discovery rate in multiple
        testing under dependency".
    """
    return np.minimum(benjamini_hochberg(p) * harmonic(len(p)), 1.0)


def harmonic(number: int) -> float:
    """1 + 1/2 + … + 1/number, by which Benjamini and Yekutieli's p exceed Benjamini and Hochberg's."""
    return float((1 / np.arange(1, number + 1)).sum())


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p for the false discovery rate.

    Args:
        p: of all tests of a family.

    Returns:
        Adjusted p of every test, in the same order; a test is rejected at rate q where it is ≤ q.
        Source: Benjamini & Hochberg 1995, "Controlling the false discovery rate".
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)[::-1]
    stepped = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
