"""A target's name and maker, for templates that name another model."""

from __future__ import annotations

from collections.abc import Mapping

from manybaskets.config.model_families import family_of
from manybaskets.config.study import Study
from manybaskets.errors import UserError

# Family -> replacements for "ChatGPT" and "OpenAI".
MAKERS = {
    "command": ("Command", "Cohere"),
    "deepseek": ("DeepSeek", "DeepSeek"),
    "falcon": ("Falcon", "TII"),
    "gemma": ("Gemma", "Google"),
    "gpt": ("ChatGPT", "OpenAI"),
    "llama": ("Llama", "Meta AI"),
    "mistral": ("Mistral", "Mistral AI"),
    "olmo": ("OLMo", "Ai2"),
    "phi": ("Phi", "Microsoft"),
    "qwen": ("Qwen", "Alibaba Cloud"),
    "smollm": ("SmolLM", "Hugging Face"),
}


def target_names(
    given: Mapping[str, Mapping[str, str]], target: str, family: str
) -> dict[str, str]:
    """Replacements of names in templates for a target, from the config or its model family.

    Raises:
        UserError: neither the config nor the list of families has replacements.
    """
    if target in given:
        return dict(given[target])
    if family not in MAKERS:
        raise UserError(
            what=f"the name and maker of target '{target}' are unknown (its model family is "
            f"'{family}')",
            where=f"robustness.names.{target}",
            expected="replacements for the names in templates, such as {ChatGPT: Llama, OpenAI: Meta AI}",
            remedy="add this key (an empty mapping {} leaves templates unchanged), or set "
            f"`models.{target}.family` to one of {', '.join(sorted(MAKERS))}",
        )
    assistant, maker = MAKERS[family]
    return {"ChatGPT": assistant, "OpenAI": maker}


def check_target_names(study: Study) -> None:
    """Check before a run that the replacements for all targets are known.

    Raises:
        UserError: as `target_names`.
    """
    for target in study.targets:
        target_names(study.robustness.names, target, family_of(study, target))
