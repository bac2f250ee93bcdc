"""What a target calls itself and who made it, for templates that name another model."""

from __future__ import annotations

from collections.abc import Mapping

from manybaskets.errors import UserError

# Family -> what replaces "ChatGPT" and "OpenAI".
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
}


def target_names(
    given: Mapping[str, Mapping[str, str]], target: str, family: str
) -> dict[str, str]:
    """Replacements of names in templates for a target: those of the config, else of its family.

    Raises:
        UserError: neither the config nor the list of families has any.
    """
    if target in given:
        return dict(given[target])
    if family not in MAKERS:
        raise UserError(
            what=f"nobody says what target '{target}' calls itself (its family is '{family}')",
            where=f"robustness.names.{target}",
            expected="replacements for the names in templates, such as {ChatGPT: Llama, OpenAI: Meta AI}",
            remedy="add this key; an empty mapping {} leaves templates as they are; or name one of the "
            f"families {', '.join(sorted(MAKERS))} in models.{target}.family",
        )
    assistant, maker = MAKERS[family]
    return {"ChatGPT": assistant, "OpenAI": maker}
