"""Effective numbers of a spectrum without each vector in turn, without recomputing it.

Removing a vector x from A = Σ x xᵀ shifts every eigenvalue, but the resolvents of A and of A − x xᵀ
differ by Sherman and Morrison's formula, and with them every sum over the eigenvalues μ of a
function that is an integral over resolvents:

    tr (A − x xᵀ + t)⁻¹ − tr (A + t)⁻¹ = R(t) = xᵀ (A + t)⁻² x / (1 − xᵀ (A + t)⁻¹ x)
    √μ      = 1/π ∫ t^(−1/2) μ / (μ + t) dt
    μ log μ = ∫ (μ / (1 + t) − μ / (μ + t)) dt        (both from 0 to infinity)

The integrals are taken over log t by the trapezoidal rule, which is exact to 10⁻⁹ here: the
integrands have no pole within π of the real axis.
"""

from __future__ import annotations

import numpy as np

_STEP = 0.5  # of log t: the rule's error is about exp(−2π² / step)
_LOWEST = -41.0  # log t; smaller values contribute less than 10⁻⁸
_HIGHEST = 26.0  # log of t over the largest eigenvalue; likewise
_NO_REST = 1e-11  # of 1 − xᵀ A⁻¹ x: below, no other vector reaches into a direction of x
_CELLS_AT_ONCE = 8_000_000
_HALVINGS = 45


class Deletion:
    """A = Σ x xᵀ of unit vectors, and its spectrum without each of them.

    Args:
        vectors: unit vectors, float64 [n, d], n at least 2.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        values, axes = np.linalg.eigh(vectors.T @ vectors)
        kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
        self.values = values[kept]
        self.rest = len(vectors) - 1
        self._vectors, self._axes = vectors, axes[:, kept]

    def effective_numbers(self, order: float) -> np.ndarray:
        """`vendi.effective_number` without each vector.

        Args:
            order: 0.5, 1, 2 or infinity.
        """
        height = max(1, _CELLS_AT_ONCE // max(len(self.values), 1))
        found = [
            self._numbers((self._vectors[start : start + height] @ self._axes) ** 2, order)
            for start in range(0, len(self._vectors), height)
        ]
        return np.concatenate(found)

    def _numbers(self, weights: np.ndarray, order: float) -> np.ndarray:
        """Of some vectors, given by their squared parts along the eigenvectors."""
        values, rest = self.values, self.rest
        if order == 2:
            left = values @ values - 2.0 * (weights @ values) + 1.0
            return rest**2 / left
        if np.isinf(order):
            return rest / self._largest(weights)
        change = self._change_of_sum(weights, order)
        if order == 1:
            total = values @ np.log(values) + change
            return rest * np.exp(-total / rest)
        return (np.sqrt(values).sum() + change) ** 2 / rest

    def _change_of_sum(self, weights: np.ndarray, order: float) -> np.ndarray:
        """Change of Σ √μ (order 0.5) or Σ μ log μ (order 1) by each vector."""
        values, largest = self.values, self.values[-1]
        t = np.exp(np.arange(_LOWEST, np.log(largest) + _HIGHEST, _STEP))
        shifted = values[:, None] + t
        # 1 − xᵀ (A + t)⁻¹ x = (1 − xᵀ A⁻¹ x) + t xᵀ A⁻¹ (A + t)⁻¹ x, of which no digit is lost.
        spare = 1.0 - weights @ (1.0 / values)
        spare = np.where(spare > _NO_REST, spare, 0.0)[:, None]
        resolvents = (weights @ shifted**-2) / (
            spare + t * (weights @ (1 / values[:, None] / shifted))
        )
        if order == 1:
            return _STEP * (t * resolvents - 1.0 / (1.0 + t)) @ t
        # The derivative of √μ at the largest value, whose integral is known, takes the tail away.
        tail = resolvents - (largest + t) ** -2
        return -_STEP / np.pi * tail @ t**1.5 - 0.5 / np.sqrt(largest)

    def _largest(self, weights: np.ndarray) -> np.ndarray:
        """Largest eigenvalue without each vector: the root of Σ w / (a − μ) = 1 below the largest
        eigenvalue a, and above the second."""
        values = self.values
        if len(values) == 1:
            return values[0] - weights[:, 0]
        top, second = values[-1], values[-2]
        if top - second <= 1e-12 * top:
            return np.full(len(weights), top)
        low, high = np.full(len(weights), second), np.full(len(weights), top)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            # The midpoint may have reached an end that it cannot leave.
            apart = values - middle[:, None]
            apart = np.where(np.abs(apart) > 1e-15 * top, apart, np.copysign(1e-15 * top, apart))
            above = (weights / apart).sum(axis=1) > 1.0
            high, low = np.where(above, middle, high), np.where(above, low, middle)
        return high
