"""Check a model folder before work is spent on it, without loading weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from manybaskets.errors import UserError


def check_folder(folder: Path, name: str) -> None:
    """Check that a folder contains a config, safetensors weights and a matching tokenizer.

    Raises:
        UserError: names what is missing or does not match.
    """
    folder = Path(folder)
    where = f"{folder} (model '{name}')"
    if not (folder / "config.json").is_file():
        _fail("the folder is not a model folder: config.json is missing", where,
              "config.json, *.safetensors, tokenizer.json", f"set `models.{name}.path` to a model "
              "folder")  # fmt: skip
    if not list(folder.glob("*.safetensors")):
        found = sorted(path.name for path in folder.glob("*.bin")) or "no weights"
        _fail(f"the model has no safetensors weights (found: {found})", where, "*.safetensors",
              "convert the weights with save_pretrained(safe_serialization=True)")  # fmt: skip
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.is_file():
        _fail("the model has no fast tokenizer", where, "tokenizer.json",
              "save it with AutoTokenizer.from_pretrained(...).save_pretrained(folder)")  # fmt: skip
    if not template_of(folder) and not _classifies(folder):
        _fail(f"the tokenizer of model '{name}' has no chat template", where,
              "`chat_template` in tokenizer_config.json, or a file chat_template.jinja",
              "use the instruct version of the model, or save a chat template with its tokenizer")  # fmt: skip
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))
    ids = [*vocabulary["model"].get("vocab", {}).values()] if isinstance(
        vocabulary["model"].get("vocab"), dict) else range(len(vocabulary["model"].get("vocab", [])))  # fmt: skip
    highest = max(
        [*ids, *(token["id"] for token in vocabulary.get("added_tokens", []))], default=-1
    )
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    size = config.get("vocab_size") or config.get("text_config", {}).get("vocab_size")
    if size is not None and highest >= size:
        _fail(f"the tokenizer does not match the model: its highest token id is {highest}", where,
              f"ids below the model's vocabulary of {size}",
              "use the tokenizer that the model was trained with (the vocabulary is never resized)")  # fmt: skip


def template_of(folder: Path) -> str | None:
    """Text of the chat template that transformers takes from a folder; None if there is none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            template = json.loads((folder / name).read_text(encoding="utf-8")).get("chat_template")
            if isinstance(template, list):  # several, by name
                by_name = {each["name"]: each["template"] for each in template}
                template = by_name.get("default")
            if template:
                return template
    return None


def _classifies(folder: Path) -> bool:
    """Whether a model is a classifier, which generates no answers and needs no template."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return any("ForSequenceClassification" in name for name in config.get("architectures") or [])


def _fail(what: str, where: str, expected: str, remedy: str) -> None:
    raise UserError(what=what, where=where, expected=expected, remedy=remedy)


def fingerprint(folder: Path) -> str:
    """Digest of a folder's safetensors weights, used as the identity of a model or an adapter."""
    sha = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.safetensors")):
        sha.update(path.name.encode())
        with open(path, "rb") as handle:
            while block := handle.read(1 << 24):
                sha.update(block)
    return sha.hexdigest()[:24]
