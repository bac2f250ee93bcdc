"""The study's configuration: its model, its loading with clear errors, its documentation."""

from manybaskets.config.loading import load_study, parse_study
from manybaskets.config.study import Study

__all__ = ["Study", "load_study", "parse_study"]
