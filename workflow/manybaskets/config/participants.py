"""Participants of the experiments: authors, judges and judged mixes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from manybaskets.config.model_families import author_model
from manybaskets.config.sources import Source
from manybaskets.names import HUMAN, VANILLA

if TYPE_CHECKING:
    from manybaskets.config.study import Study


def models_in(study: Study, mix: str) -> list[str]:
    """The different models whose answers a mix holds.

    Two sources of one model count once. Humans and planted answers are no models; a file of ready
    answers is one of its own, because nothing tells whose they are.
    """
    sources = {name: study.sources[name] for name in study.mix_sources(mix) if name != HUMAN}
    models = [
        source.model or source.engine.remote_model() or name
        for name, source in sources.items()
        if not source.planted
    ]
    return list(dict.fromkeys(models))


def mixes_several(study: Study, mix: str) -> bool:
    """Whether a mix holds the answers of several models, so that it says something to compare it
    with the mixes of one of them."""
    return len(models_in(study, mix)) > 1


def writer(study: Study, author: str) -> Source:
    """An author as a source: its own engine, the section's sampling and batches."""
    summaries = study.preference.summaries
    if author in study.sources:
        settings = study.sources[author]
    else:
        settings = Source(model=author, engine=study.responses.engine)
    changes = {"sampling": summaries.sampling, "batch_size": summaries.batch_size}
    return Source(model=settings.model, engine=settings.engine, **changes)


def self_of(study: Study, target: str) -> str:
    """The author that is a target's self: its base model."""
    panel = study.preference.panel(target)
    return next(name for name in panel if author_model(study, name) == target)


def judged_mixes(study: Study) -> list[str]:
    """Mixes whose runs judge, without the untuned target, which always judges."""
    chosen = study.preference.mixes
    if chosen is not None:
        return [name for name in chosen if name != VANILLA]
    added = study.added_mixes()
    return [name for name in study.mixes if name not in added]


def chosen_mixes(study: Study) -> list[str]:
    """Mixes whose runs are tested, in config order, in addition to `vanilla`."""
    chosen = study.robustness.mixes
    added = study.added_mixes()
    return [m for m in study.mixes if (m in chosen if chosen else m not in added)]


def embedded_sources(study: Study) -> list[str]:
    """Sources in use whose model is an embedded one."""
    embedded = {name for name, model in study.models.items() if model.embedded}
    return [
        name
        for name in study.used_sources()
        if name != HUMAN and study.sources[name].model in embedded
    ]


def generating_sources(study: Study) -> list[str]:
    """Sources in use that are run by an engine: neither humans nor ready answers."""
    return [
        name
        for name in study.used_sources()
        if name != HUMAN and study.sources[name].engine.generates
    ]


def prompt_readers(study: Study) -> dict[str, dict[str, Any]]:
    """Models with a tokenizer that read the study's prompts: those of sources, targets and the fixed
    scorer, without embedded ones, which are trained on prompts of the same length.

    Returns:
        By name of the model: `answer_tokens`, the longest answer after a prompt; `sequence`, the
        longest sequence that an engine's section allows (null for no limit); `evaluates`, whether it
        reads all prompt sets and not only the training prompts; `conversations`: `trained` if whole
        conversations become its training rows, `answered` if it answers them turn by turn, null if
        it reads first questions alone.
    """
    uses = [
        (source.model, source.sampling.max_new_tokens, source.engine.longest_sequence())
        for source in (study.sources[name] for name in generating_sources(study))
        if source.model
    ]
    answering = {model for model, _, _ in uses}
    responses = study.responses
    readers = [*study.targets, *([study.scoring.scorer] if study.scoring.scorer else [])]
    answer, sequence = responses.sampling.max_new_tokens, responses.engine.longest_sequence()
    uses += [(name, answer, sequence if name in study.targets else None) for name in readers]
    found: dict[str, dict[str, Any]] = {}
    for name, answer_tokens, longest in uses:
        if not study.models[name].embedded:
            known = found.setdefault(name, {"answer_tokens": 0, "sequence": None})
            known["evaluates"] = name in readers
            known["conversations"] = (
                "trained" if name in study.targets else "answered" if name in answering else None
            )
            known["answer_tokens"] = max(known["answer_tokens"], answer_tokens)
            known["sequence"] = min(filter(None, (known["sequence"], longest)), default=None)
    return found


def judge_models(study: Study) -> list[str]:
    """Models with a tokenizer that judge answers of the robustness experiment, without embedded
    ones."""
    names = study.robustness.judge_names() if study.robustness else []
    models = [getattr(study.judges[name], "model", None) for name in names]
    return [name for name in dict.fromkeys(filter(None, models)) if not study.models[name].embedded]


def measured_models(study: Study) -> list[str]:
    """Models whose tokenizers measure the study's prompts before anything is answered."""
    return list(dict.fromkeys([*prompt_readers(study), *judge_models(study)]))


def estimated_readers(study: Study) -> list[dict[str, Any]]:
    """Sources behind a server whose section states its context: `name`, `limit`, the longest prompt
    in tokens, and `system_prompt`."""
    sources = {name: study.sources[name] for name in generating_sources(study)}
    return [
        {
            "name": name,
            "limit": min(
                study.prompting.max_prompt_tokens, context - source.sampling.max_new_tokens
            ),
            "system_prompt": study.prompting.system_prompt,
        }
        for name, source in sources.items()
        if (context := source.engine.context_of_server())
    ]
