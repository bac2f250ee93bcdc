"""The running version of the project."""

from __future__ import annotations

import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def git_commit() -> str:
    """The commit of the running checkout, or `unknown` outside a checkout."""
    answer = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"
