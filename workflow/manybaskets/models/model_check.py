"""Check everything about a model folder that can be known without running the model.

A model that the workflow fetches or converts is checked by the rule that does so, a folder of the
user when a run starts that will use it, once for its state on disk.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from manybaskets.chat import ChatRenderer, load_tokenizer
from manybaskets.chat.tokenizers import padding_id
from manybaskets.config.study import Study
from manybaskets.errors import UserError
from manybaskets.models.folder import classifies, folder_problems
from manybaskets.models.problems import Problem, problem_of, raise_problems
from manybaskets.models.weights import weight_problems
from manybaskets.records.writing import write_json

log = logging.getLogger(__name__)
_CHECKS = 1  # raise it if the checks change, so that folders are checked again


def check_usable(folder: Path, name: str, template_arguments: Mapping[str, Any]) -> None:
    """Check files, tokenizer, chat template and all weights of a model folder.

    Raises:
        UserError: names all problems at once.
    """
    raise_problems(model_problems(folder, name, template_arguments), f"{folder} (model '{name}')")


def check_texts(folder: Path, name: str, template_arguments: Mapping[str, Any]) -> None:
    """Check all files of a model folder but its weights, which are yet to come.

    Raises:
        UserError: names all problems at once.
    """
    problems = folder_problems(folder, name, weights=False)
    problems = problems or _rendering(folder, name, template_arguments)
    raise_problems(problems, f"{folder} (model '{name}')")


def model_problems(folder: Path, name: str, template_arguments: Mapping[str, Any]) -> list[Problem]:
    """All problems of a model folder. Reads all weights once: disk speed, at most 5 GB/s.

    Args:
        template_arguments: values for the chat template's own variables.
    """
    problems = folder_problems(folder, name)
    if not problems:
        problems += _rendering(folder, name, template_arguments)
    try:
        return problems + weight_problems(folder)
    except (UserError, OSError, ValueError, KeyError):
        return problems  # that weights cannot be read is among them


def _rendering(folder: Path, name: str, template_arguments: Mapping[str, Any]) -> list[Problem]:
    """What keeps a tokenizer from rendering a question with its answer, or from filling up rows."""
    try:
        tokenizer = load_tokenizer(folder, name)
        if classifies(folder):
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            padding_id(tokenizer, name, config.get("pad_token_id"))
        else:
            ChatRenderer(tokenizer, "", "", name, template_arguments=template_arguments)
    except UserError as error:
        return [problem_of(error)]
    return []


def check_folder_models(study: Study, used: Collection[str], record: Path) -> None:
    """Check the model folders of the user that coming jobs read, each once for its state on disk.

    Args:
        used: input files of the jobs.
        record: file that remembers what was checked.

    Raises:
        UserError: as `check_usable`.
    """
    known = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    for name, model in study.models.items():
        given = model.given_folder()
        if given is None or str(Path(given)) not in used:
            continue
        files = [path for path in sorted(Path(given).iterdir()) if path.is_file()]
        states = {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in files}
        arguments = model.template_values()
        state = {"checks": _CHECKS, "files": states, "template_arguments": dict(arguments)}
        if known.get(name) == state:
            continue
        log.info("checking the model folder %s", given)
        check_usable(Path(given), name, arguments)
        known[name] = state
        write_json(known, record)
