"""Environment variables that every job inherits."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from manybaskets.extensions import VARIABLE

# One name for all jobs of one run, whichever machine they run on; tries of a job are told apart from
# a new run by it.
RUN = "MANYBASKETS_RUN"


def prepare_jobs(library: Path) -> None:
    """Let jobs find the library, never ask a hub, and let their idle threads sleep.

    Args:
        library: folder that holds this package.
    """
    paths = [str(library), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    for switch in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[switch] = "1"
    # Two jobs that share the cores slow each other down several times if their threads spin.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault(RUN, uuid.uuid4().hex)


def pass_on_extensions(files: Sequence[str]) -> None:
    """Let all jobs import these Python files before their work.

    Args:
        files: the config key `extensions`; paths are relative to the working directory.
    """
    os.environ[VARIABLE] = json.dumps([str(Path(file).resolve()) for file in files])
