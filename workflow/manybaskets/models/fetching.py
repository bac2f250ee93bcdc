"""Fetching of a model of the Hugging Face hub, at a fixed revision, safetensors only."""

from __future__ import annotations

import shutil
from pathlib import Path

from manybaskets.config.parts import HubModel
from manybaskets.errors import UserError
from manybaskets.models.folder import check_folder

WANTED = ["*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json",
          "tokenizer*", "special_tokens_map.json", "chat_template*", "vocab*", "merges.txt"]  # fmt: skip


def fetch_model(model: HubModel, name: str, output: Path) -> None:
    """Download a model to a folder that appears whole; a broken download goes on where it stopped.

    Raises:
        UserError: the hub cannot be reached, or has no such model or revision.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    partial = output.with_name(f".{output.name}.partial")
    try:
        snapshot_download(
            model.repo, revision=model.revision, local_dir=partial, allow_patterns=WANTED
        )
    except (HfHubHTTPError, OSError) as error:
        raise UserError(
            what=f"the model '{name}' could not be fetched: {error}",
            where=f"models.{name}: {model.repo} at {model.revision}",
            expected="a repository of the hub that this machine can reach, and leave to read it",
            remedy="check name, revision and network; for gated models log in with `hf auth login`",
        ) from None
    check_folder(partial, name)
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)
