"""Operational settings: they change how a job runs but never what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manybaskets.config.study import Study


def operations_of_jobs(study: Study) -> dict[str, Any]:
    """Operational settings by section; experiments have their own."""
    return {
        "models": {name: model.operations() for name, model in study.models.items()},
        "sources": {name: source.operations() for name, source in study.sources.items()},
        "responses": study.responses.operations(),
        "judges": {name: judge.operations() for name, judge in study.judges.items()},
        "training": study.training.operations(),
    }
