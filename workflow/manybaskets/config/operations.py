"""Settings that change how a job runs and never what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from manybaskets.config.preference_judging import HUMAN

if TYPE_CHECKING:
    from manybaskets.config.study import Study

from manybaskets.config.participants import writer


def operations(study: Study) -> dict[str, Any]:
    """What changes no result of this experiment, for the jobs that need it."""
    how = study.preference
    if how is None:
        return {}
    writers = [name for name in how.authors if name != HUMAN]
    return {
        "writers": {name: writer(study, name).operations() for name in writers},
        "own": {"engine": study.responses.engine.operations()},
        "summaries": how.summaries.operations(),
        "judging": how.judging.operations(),
    }


def operations_of_jobs(study: Study) -> dict[str, Any]:
    """What changes no result, by section, for the jobs that need it."""
    own = study.robustness
    answers = own.run_responses(study.responses.engine).operations() if own else {}
    return {
        "sources": {name: source.operations() for name, source in study.sources.items()},
        "responses": study.responses.operations(),
        "judges": {name: judge.operations() for name, judge in study.judges.items()},
        "attacks": answers,
        "preference": operations(study),
        "training": study.training.operations(),
    }
