"""Figures of a study, drawn without a display: the same data give the same bytes."""

from manybaskets.figures.style import condition_style, save

__all__ = ["condition_style", "save"]
