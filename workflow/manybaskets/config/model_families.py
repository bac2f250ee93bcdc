"""Model families: a judge of its subject's family may favour it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from manybaskets.config.judges import ClassifierJudge, ModelJudge
from manybaskets.names import HUMAN

# A study checks its own families as soon as it is read, so its class cannot be imported here.
Study = Any

# Substrings of model names, and the family of each. Fine-tuned models usually contain the name of
# their base; otherwise the config sets the family.
KNOWN = {
    "llama": "llama", "vicuna": "llama", "alpaca": "llama", "tulu": "llama", "qwen": "qwen", "qwq": "qwen",
    "mistral": "mistral", "mixtral": "mistral", "ministral": "mistral", "zephyr": "mistral",
    "gemma": "gemma", "gemini": "gemma", "phi": "phi", "olmo": "olmo", "falcon": "falcon", "yi": "yi",
    "command": "command", "aya": "command", "gpt": "gpt", "o1": "gpt", "o3": "gpt", "o4": "gpt",
    "claude": "claude", "deepseek": "deepseek", "granite": "granite", "smollm": "smollm",
    "internlm": "internlm", "nemotron": "llama", "jamba": "jamba", "grok": "grok",
}  # fmt: skip


def known_family(name: str) -> str | None:
    """The family in the name of a repository, folder or served model.

    The last part of a path has priority, and in it the leftmost known name:
    `DeepSeek-R1-Distill-Llama-8B` is ambiguous, so its config should set the family.
    """
    for segment in reversed(re.split(r"[/\\]", name.casefold())):
        for word in re.findall(r"[a-z]+[0-9]?", segment):
            for candidate in (word, word.rstrip("0123456789")):
                if candidate in KNOWN:
                    return KNOWN[candidate]
    return None


def family_of(study: Study, model: str) -> str:
    """Family of a model: the key `family`, otherwise from its repository's or folder's name,
    otherwise its own name. Embedded models share an architecture at most, and no training data."""
    settings = study.models[model]
    if settings.family:
        return settings.family.casefold()
    return known_family(settings.origin) or model


def family_of_judge(study: Study, judge: str) -> str | None:
    """Family of a judge; null for rules and human labels."""
    settings = study.judges[judge]
    if isinstance(settings, ClassifierJudge):
        return family_of(study, settings.model)
    if not isinstance(settings, ModelJudge):
        return None
    if settings.family:
        return settings.family.casefold()
    served = settings.engine.remote_model()
    if served:
        return known_family(served) or served.casefold()
    return family_of(study, settings.model) if settings.model else None


def author_model(study: Study, author: str) -> str | None:
    """The entry of `models` that writes as this author; None for humans and servers."""
    if author in study.sources:
        return study.sources[author].model
    return author if author in study.models else None


def author_family(study: Study, author: str) -> str:
    """Family of an author or source: its key `family`, otherwise that of its model, otherwise from
    its server's model name or its own name."""
    settings = study.sources.get(author)
    if settings and settings.family:
        return settings.family.casefold()
    model = author_model(study, author)
    if model:
        return family_of(study, model)
    named = study.sources[author].engine.remote_model() or author
    return known_family(named) or named.casefold()


def relatives(
    study: Study, judges: Iterable[str], subjects: Iterable[str] | None = None
) -> list[tuple[str, str]]:
    """Pairs of a judge and what it judges, or what made training data, of one family.

    Args:
        subjects: names of `models`; null for all targets and mixed sources, whoever serves them: a
            source is named by its model, and by itself if a server or a file has it.
    """
    if subjects is not None:
        known = {name: family_of(study, name) for name in subjects}
    else:
        targets = {name: family_of(study, name) for name in study.targets}
        known = families_of_training(study) | targets
    return [
        (judge, name)
        for judge in judges
        for name, family in known.items()
        if family_of_judge(study, judge) == family
    ]


def families_of_training(study: Study) -> dict[str, str]:
    """Family of everybody who made training data, without people and planted answers: by model, or by
    source where that has no model or a family of its own."""
    sources = {name: study.sources[name] for name in study.mixed_sources() if name != HUMAN}
    return {
        (not source.family and source.model) or name: author_family(study, name)
        for name, source in sources.items()
        if not source.planted
    }
