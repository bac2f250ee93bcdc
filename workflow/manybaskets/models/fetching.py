"""Fetch a model from the Hugging Face Hub at a fixed revision, safetensors only."""

from __future__ import annotations

import shutil
from pathlib import Path

from manybaskets.config.models import GgufModel, HubModel
from manybaskets.errors import PassingError, UserError
from manybaskets.models.folder import check_folder
from manybaskets.records.writing import write_json

WANTED = ["*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json",
          "tokenizer*", "special_tokens_map.json", "chat_template*", "vocab*", "merges.txt"]  # fmt: skip


# Some repositories contain the same weights a second time in their authors' own format.
UNWANTED = ["consolidated*"]


def fetch_model(model: HubModel, name: str, output: Path) -> None:
    """Download a model to a folder created atomically; an interrupted download resumes.

    The commit that the revision resolved to is saved as `source.json` in the folder.

    Raises:
        UserError: the Hub cannot be reached or has no such model or revision, or the chat template
            file is missing.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    partial = output.with_name(f".{output.name}.partial")
    try:
        commit = HfApi().model_info(model.repo, revision=model.revision).sha
        snapshot_download(
            model.repo,
            revision=commit,
            local_dir=partial,
            allow_patterns=WANTED,
            ignore_patterns=UNWANTED,
        )
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(model, name, error) from None
    if model.chat_template:
        _place_template(Path(model.chat_template), partial, name)
    check_folder(partial, name)
    made = {"repo": model.repo, "revision": model.revision, "commit": commit}
    write_json(made, partial / "source.json")
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)


def fetch_gguf(model: GgufModel, name: str, output: Path) -> None:
    """Download a GGUF file of the Hub to a file created atomically; an interrupted download resumes.

    Raises:
        UserError: the Hub cannot be reached or has no such file or revision.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    partial = output.with_name(f".{output.name}.partial")
    try:
        file = hf_hub_download(
            str(model.repo), str(model.file), revision=model.revision, local_dir=partial
        )
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(model, name, error) from None
    Path(file).rename(output)
    shutil.rmtree(partial)


def _unreachable(model: GgufModel | HubModel, name: str, error: Exception) -> PassingError:
    return PassingError(
        what=f"the model '{name}' could not be fetched: {error}",
        where=f"models.{name}: {model.repo} at {model.revision}",
        expected="a Hub repository that this machine can reach and has permission to read",
        remedy="check the name, the revision and the network; for gated models log in with "
        "`hf auth login`",
    )


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
