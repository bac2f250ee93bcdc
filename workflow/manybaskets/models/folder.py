"""Check a model folder before work is spent on it, without loading weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.models.headers import TensorHeader, check_not_truncated, read_header, weight_files
from manybaskets.models.problems import Problem, problem_of, raise_problems
from manybaskets.models.token_ids import token_problems

# Loading one of them runs code that is in it.
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
# Settings that transformers' Trainer saves next to every model. No library loads them with a model.
_NEVER_LOADED = ("training_args.bin",)
# Files in which a key can name Python code of the folder.
CODE_KEY = "auto_map"
WITH_CODE = ("config.json", "tokenizer_config.json", "generation_config.json")


def check_folder(folder: Path, name: str) -> None:
    """Check that a folder contains a config, safetensors weights and a matching tokenizer, and
    nothing that runs code or changes the model when it is loaded.

    Raises:
        UserError: names everything that is missing or does not match.
    """
    raise_problems(folder_problems(Path(folder), name), f"{folder} (model '{name}')")


def folder_problems(folder: Path, name: str, *, weights: bool = True) -> list[Problem]:
    """All problems of a model folder that its texts and the headers of its weights show.

    Args:
        weights: false for a folder whose weights are yet to come.
    """
    if not (folder / "config.json").is_file():
        return [
            Problem(
                "the folder is not a model folder: config.json is missing",
                "config.json, *.safetensors, tokenizer.json",
                f"set `models.{name}.path` to a model folder",
            )
        ]
    problems: list[Problem] = []
    config = read_json(folder / "config.json", problems)
    tensors = _weights(folder, problems) if weights else {}
    problems += _foreign(folder)
    problems += _tokenizer(folder, name, config or {}, tensors)
    return problems


def _tokenizer(
    folder: Path, name: str, config: Mapping[str, Any], tensors: Mapping[str, TensorHeader]
) -> list[Problem]:
    """Problems of the tokenizer and its chat template."""
    if not (folder / "tokenizer.json").is_file():
        return [
            Problem(
                "the model has no fast tokenizer",
                "tokenizer.json",
                "save it with AutoTokenizer.from_pretrained(...).save_pretrained(folder)",
            )
        ]
    problems: list[Problem] = []
    texts = {
        key: read_json(folder / f"{key}.json", problems)
        for key in ("tokenizer", "tokenizer_config", "added_tokens", "chat_template")
        if (folder / f"{key}.json").is_file()
    }
    if problems:
        return problems
    problems += token_problems(texts, config, tensors)
    if not template_of(folder) and not _of_classifier(config):
        problems.append(
            Problem(
                f"the tokenizer of model '{name}' has no chat template",
                "`chat_template` in tokenizer_config.json, or a file chat_template.jinja",
                "use the instruct version of the model, or save a chat template with its tokenizer",
            )
        )
    return problems


def read_json(path: Path, problems: list[Problem]) -> Any:
    """Content of a JSON object; None, and a problem more, if it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is not an object")
        return content
    except (OSError, ValueError) as error:
        problems.append(
            Problem(
                f"{path.name} cannot be read: {error}",
                "a JSON object",
                f"download {path.name} again",
            )
        )
    return None


def _weights(folder: Path, problems: list[Problem]) -> dict[str, TensorHeader]:
    """Tensors by name, as far as the headers can be read."""
    if not list(folder.glob("*.safetensors")):
        pickles = sorted(path.name for path in folder.glob("*.bin")) or "no weights"
        problems.append(
            Problem(
                f"the model has no safetensors weights (found: {pickles})",
                "*.safetensors",
                "convert the weights with save_pretrained(safe_serialization=True)",
            )
        )
        return {}
    tensors: dict[str, TensorHeader] = {}
    try:
        for path in weight_files(folder):
            header = read_header(path)
            check_not_truncated(path, header)
            tensors |= header
    except UserError as error:
        problems.append(problem_of(error))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        problems.append(
            Problem(
                f"model.safetensors.index.json cannot be read: {error}",
                "an index with the key `weight_map`",
                "download model.safetensors.index.json again",
            )
        )
    return tensors


def _foreign(folder: Path) -> list[Problem]:
    """Files that run code, or change the model, when a library loads the folder."""
    problems = []
    if list(folder.glob("*.safetensors")):
        pickles = sorted(
            {path.name for each in _PICKLES for path in folder.glob(each)}.difference(_NEVER_LOADED)
        )
        if pickles:
            problems.append(
                Problem(
                    f"the folder contains pickle files, which can run code: {', '.join(pickles)}",
                    "safetensors weights only",
                    "delete these files, or move them elsewhere; only the safetensors are used",
                )
            )
    for file in WITH_CODE:
        path = folder / file
        if path.is_file() and f'"{CODE_KEY}"'.encode() in path.read_bytes():
            problems.append(
                Problem(
                    f"{file} refers to code in the model folder (`auto_map`)",
                    "a model that transformers loads without code from its folder",
                    f"delete `auto_map` from {file} if transformers has the architecture itself; "
                    "otherwise use another model, because code from model folders never runs",
                )
            )
    adapter = sorted(path.name for path in folder.glob("adapter_*"))
    if adapter:
        problems.append(
            Problem(
                f"the folder contains an adapter next to the model: {', '.join(adapter)}",
                "a base model alone; transformers would load the adapter into it silently",
                "move these files elsewhere, or merge the adapter with `merge_and_unload()` and "
                "save the merged model",
            )
        )
    return problems


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


def classifies(folder: Path) -> bool:
    """Whether a model is a classifier, which generates no answers and needs no template."""
    return _of_classifier(json.loads((folder / "config.json").read_text(encoding="utf-8")))


def _of_classifier(config: Mapping[str, Any]) -> bool:
    return any("ForSequenceClassification" in name for name in config.get("architectures") or [])


def fingerprint(folder: Path) -> str:
    """Digest of a folder's safetensors weights, used as the identity of a model or an adapter.

    Raises:
        UserError: the cache of Hugging Face no longer has weights that the folder links to.
    """
    sha = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.safetensors")):
        if path.is_symlink() and not path.exists():
            raise UserError(
                what="the weights of a fetched model are gone",
                where=f"{path} -> {path.readlink()}",
                expected="the file in Hugging Face's cache to which the model's folder links",
                remedy=f"delete {folder}, which makes `snakemake models` fetch the model again, or "
                "put the cache back (`HF_HOME`)",
            )
        sha.update(path.name.encode())
        with open(path, "rb") as handle:
            while block := handle.read(1 << 24):
                sha.update(block)
    return sha.hexdigest()[:24]
