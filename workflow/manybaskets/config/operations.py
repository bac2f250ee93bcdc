"""Operational settings: they change how a job runs but never what it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from manybaskets.config.participants import estimated_readers, prompt_readers

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
        "max_excluded_share": study.prompting.max_excluded_share,
        "prompt_readers": prompt_readers(study),
        "prompt_servers": estimated_readers(study),
        "prompt_limits": study.prompting.limits(),
        "given_prompts": {
            name: {"path": prompts.path, "fields": prompts.fields.model_dump()}
            for name, prompts in study.prompt_sets.items()
            if prompts.kind == "file"
        },
    }
