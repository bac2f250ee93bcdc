"""Fetch a model from the Hugging Face Hub at a fixed revision, safetensors only."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from manybaskets.chat.template_arguments import check_template_arguments
from manybaskets.config.models import GgufModel, HubModel
from manybaskets.errors import PassingError, UserError
from manybaskets.models.folder import CODE_KEY, WITH_CODE, read_json, template_of
from manybaskets.models.linear_layers import ALL_LINEAR, check_modules
from manybaskets.models.model_check import check_texts, check_usable
from manybaskets.models.problems import Problem
from manybaskets.records.writing import write_json

log = logging.getLogger(__name__)
TEXTS = ["config.json", "generation_config.json", "tokenizer*", "special_tokens_map.json",
         "chat_template*", "vocab*", "merges.txt"]  # fmt: skip
WEIGHTS = ["*.safetensors", "*.safetensors.index.json"]
# Some repositories contain the same weights a second time: in their authors' own format, or, in folders,
# converted for other libraries.
UNWANTED = ["consolidated*", "*/*"]


def fetch_model(
    model: HubModel, name: str, output: Path, modules: Sequence[str] | str = ALL_LINEAR
) -> None:
    """Download a model to Hugging Face's cache, and make a folder that holds it, atomically.

    The cache keeps one copy for all studies of a machine, and resumes an interrupted download. The
    folder has copies of the texts and links to the weights. The commit that the revision resolved to
    is saved as `source.json`.

    Args:
        modules: linear layers that the study trains in this model.

    Raises:
        UserError: the Hub cannot be reached or has no such model or revision, the chat template
            file is missing, the template does not read an argument of the config, or the
            model lacks one of `modules`.
    """
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    commit, cached = _download(model, name, model.revision, TEXTS)
    for file in _matching(cached, TEXTS):
        shutil.copyfile(file, partial / file.name)
    if model.chat_template:
        _place_template(Path(model.chat_template), partial, name)
    _drop_references_to_code(partial)
    # Before the weights, which are large.
    check_template_arguments(model.template_arguments, template_of(partial), name, model.origin)
    check_texts(partial, name, model.template_arguments)
    for file in _matching(_download(model, name, commit, WEIGHTS)[1], WEIGHTS):
        (partial / file.name).symlink_to(file.resolve())
    check_usable(partial, name, model.template_arguments)
    check_modules(partial, name, modules)
    made = {"repo": model.repo, "revision": model.revision, "commit": commit}
    write_json(made, partial / "source.json")
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)


def _download(
    model: HubModel, name: str, revision: str, patterns: Sequence[str]
) -> tuple[str, Path]:
    """Download files of a revision to the cache; returns its commit and the folder that lists them."""
    import httpx2
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit = HfApi().model_info(model.repo, revision=revision).sha
        folder = snapshot_download(
            model.repo, revision=commit, allow_patterns=patterns, ignore_patterns=UNWANTED
        )
    except (httpx2.HTTPError, OSError) as error:
        raise _unreachable(model, name, error) from None
    return commit, Path(folder)


def _matching(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Files of a folder of the cache, which may hold more from other downloads."""
    return [
        file
        for file in sorted(folder.iterdir())
        if any(file.match(pattern) for pattern in patterns)
        and not any(fnmatch(file.name, pattern) for pattern in UNWANTED)
    ]


def fetch_gguf(model: GgufModel, name: str, output: Path) -> None:
    """Download a GGUF file to Hugging Face's cache, and make a link to it; a later run resumes.

    Raises:
        UserError: the Hub cannot be reached or has no such file or revision.
    """
    import httpx2
    from huggingface_hub import hf_hub_download

    try:
        file = hf_hub_download(str(model.repo), str(model.file), revision=model.revision)
    except (httpx2.HTTPError, OSError) as error:
        raise _unreachable(model, name, error) from None
    output.unlink(missing_ok=True)
    output.symlink_to(Path(file).resolve())


def _unreachable(model: GgufModel | HubModel, name: str, error: Exception) -> PassingError:
    return PassingError(
        what=f"the model '{name}' could not be fetched: {error}",
        where=f"models.{name}: {model.repo} at {model.revision}",
        expected="a Hub repository that this machine can reach and has permission to read",
        remedy="check the name, the revision and the network; for gated models log in with "
        "`hf auth login`",
    )


def _drop_references_to_code(folder: Path) -> None:
    """Remove the names of Python code, which is not fetched, if transformers has the architecture
    itself."""
    from transformers import CONFIG_MAPPING

    unread: list[Problem] = []  # `check_texts` reports them
    files = [folder / file for file in WITH_CODE if (folder / file).is_file()]
    texts = {path: read_json(path, unread) or {} for path in files}
    if texts.get(folder / "config.json", {}).get("model_type") not in CONFIG_MAPPING:
        return
    for path, content in texts.items():
        if content.pop(CODE_KEY, None):
            log.info("%s: `%s` removed, transformers has the architecture", path.name, CODE_KEY)
            write_json(content, path)


def _place_template(template: Path, folder: Path, name: str) -> None:
    if not template.is_file():
        raise UserError(
            what=f"the chat template of model '{name}' does not exist",
            where=f"models.{name}.chat_template: {template}",
            expected="a Jinja file, such as resources/chat_templates/llama3.jinja",
            remedy="set the path to an existing file; a relative path is resolved from the "
            "repository root",
        )
    shutil.copyfile(template, folder / "chat_template.jinja")
