"""Models in GGUF files, converted once to safetensors so that every stage reads them alike."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manybaskets.chat.template_arguments import check_template_arguments
from manybaskets.errors import UserError

_MAGIC = b"GGUF"


def check_gguf(file: Path, name: str) -> None:
    """Check that a file is GGUF, before it is read whole.

    Raises:
        UserError: the file is missing or does not begin like GGUF.
    """
    where = f"models.{name}.path: {file}"
    if not file.is_file():
        raise UserError(
            what="the GGUF file does not exist",
            where=where,
            expected="a file with the extension .gguf",
            remedy="check the path; it is relative to the folder where Snakemake runs",
        )
    with open(file, "rb") as handle:
        if handle.read(4) != _MAGIC:
            raise UserError(
                what="the file is not GGUF",
                where=where,
                expected="a file that begins with the bytes GGUF",
                remedy="download the file again; a saved web page or a Git LFS pointer begins otherwise",
            )


def convert_gguf(
    file: Path, folder: Path, name: str, template_arguments: Mapping[str, Any] | None = None
) -> None:
    """Write a model folder (config, safetensors in float32, tokenizer) from a GGUF file.

    transformers dequantises the weights: the folder holds what the quantised file holds, no more.

    Args:
        folder: appears whole, by one rename.
        name: name of the model in errors.
        template_arguments: values that its chat template must read.

    Raises:
        UserError: the file is not GGUF, is truncated, is of an architecture that transformers does
            not read, or holds weights that are not finite; or its chat template does not read one of
            `template_arguments`.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    check_gguf(file, name)
    arguments = {"gguf_file": file.name, "local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(file.parent, **arguments)
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **arguments)
        template = tokenizer.chat_template
        check_template_arguments(template_arguments or {}, template, name, str(file))
        model = AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **arguments)
    except UserError:
        raise
    except MemoryError:
        raise  # says nothing about the file
    except Exception as error:  # gguf and transformers raise what their readers meet
        raise _unreadable(file, name, error) from error
    if not all(bool(torch.isfinite(weight).all()) for weight in model.state_dict().values()):
        raise UserError(
            what="the model has weights that are not finite numbers",
            where=f"models.{name}.path: {file}",
            expected="finite weights",
            remedy="download the file again, or take another quantisation of the model",
        )
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _plain(model, config).save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _plain(model: Any, config: Any) -> Any:
    """The same weights in a model that does not count as quantised, which could not be saved."""
    from transformers import AutoModelForCausalLM

    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    plain.load_state_dict(model.state_dict())
    plain.tie_weights()
    plain.generation_config = model.generation_config
    return plain


def _unreadable(file: Path, name: str, error: Exception) -> UserError:
    reason = str(error).strip().partition("\n")[0]
    unknown = "not supported" in reason or "architecture" in reason
    return UserError(
        what=f"the GGUF file cannot be read: {type(error).__name__}: {reason:.200}",
        where=f"models.{name}.path: {file}",
        expected="a whole GGUF file of an architecture that transformers reads (llama, qwen2, mistral, …)",
        remedy="use the model's safetensors instead (kind `hub` or `folder`)"
        if unknown
        else "download the file again and compare its size; install the package `gguf` if it is missing",
    )
