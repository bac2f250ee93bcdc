"""Sizes of the published set of adversarial requests."""

from __future__ import annotations

SIZES = (143, 110, 110, 110, 110, 103, 100, 100)  # requests in each of its eight categories
