"""The study's own runs among the models of the section `benchmarks`."""

from __future__ import annotations

from manybaskets.config.study import Study
from manybaskets.experiments.benchmarks.settings import (
    RUNS,
    Benchmark,
    Benchmarks,
    ScoredModel,
    Selection,
)
from manybaskets.experiments.benchmarks.world_facts import TASK
from manybaskets.names import VANILLA


def with_runs(study: Study) -> Benchmarks:
    """The section with the models that the harness evaluates, and a selection for each target.

    Without a harness, the section as it is.
    """
    section: Benchmarks = study.benchmarks
    if not section.harness:
        return section
    models = dict(section.models)
    selections = dict(section.selections)
    for target in study.targets:
        for mix in (VANILLA, *study.mixes):
            sources = [] if mix == VANILLA else study.mix_sources(mix)
            source = sources[0] if len(sources) == 1 else None
            own = ScoredModel(label=f"{target}, {mix}", base=target, source=source)
            models.setdefault(f"{target}.{mix}", own)
        if study.mixes and not section.selections:
            selections[target] = Selection(
                title=target,
                results=RUNS,
                models=[f"{target}.{mix}" for mix in (VANILLA, *study.mixes)],
                baseline=f"{target}.{VANILLA}",
            )
    for name in section.harness.models:
        models.setdefault(name, ScoredModel())
    changes = {"models": models, "selections": selections, "tasks": harness_tasks(section)}
    return section.model_copy(update=changes)


def harness_tasks(section: Benchmarks) -> dict[str, Benchmark]:
    """The section's benchmarks; the one about the embedded world with the name of its task."""
    facts = section.harness.world_facts if section.harness else None
    if facts is None or facts not in section.tasks:
        return section.tasks
    named = section.tasks[facts].model_copy(update={"task": TASK})
    return {**section.tasks, facts: named}
