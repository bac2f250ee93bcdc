"""Figures of a study, drawn without a display: the same data give the same bytes."""
