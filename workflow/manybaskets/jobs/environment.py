"""Environment variables that every job inherits."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from manybaskets.extensions import VARIABLE

# One name for all jobs of a run, on every machine; it distinguishes retries of a job from a new
# run.
RUN = "MANYBASKETS_RUN"


def prepare_jobs(library: Path) -> None:
    """Let jobs import the library, keep them offline, and let idle threads sleep.

    Args:
        library: folder that contains this package.
    """
    paths = [str(library), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    for switch in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"):
        os.environ[switch] = "1"
    # Spinning threads slow jobs that share cores down several times.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault(RUN, uuid.uuid4().hex)


def pass_on_extensions(files: Sequence[str]) -> None:
    """Let all jobs import these Python files before their work.

    Args:
        files: the config key `extensions`; paths are relative to the working directory.
    """
    os.environ[VARIABLE] = json.dumps([str(Path(file).resolve()) for file in files])
