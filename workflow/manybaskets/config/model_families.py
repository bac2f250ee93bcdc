"""Model families: a judge of its subject's family may favour it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from manybaskets.config.judges import ClassifierJudge, ModelJudge
from manybaskets.config.study import Study
from manybaskets.names import HUMAN

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


def relatives(
    study: Study, judges: Iterable[str], subjects: Iterable[str] | None = None
) -> list[tuple[str, str]]:
    """Pairs (judge, model) of one family, for models that are judged or made training data.

    Args:
        subjects: names of `models`; null for all targets and the models of all mixed sources.
    """
    if subjects is None:
        sources = [study.sources[name].model for name in study.mixed_sources() if name != HUMAN]
        subjects = dict.fromkeys([*study.targets, *(name for name in sources if name)])
    known = {name: family_of(study, name) for name in subjects}
    return [
        (judge, name)
        for judge in judges
        for name, family in known.items()
        if family_of_judge(study, judge) == family
    ]
