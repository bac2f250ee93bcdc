"""The running version of the project."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version

from manybaskets.jobs.installation import DISTRIBUTION
from manybaskets.records.resources import checkout


def git_commit() -> str:
    """The commit of the running checkout.

    Returns:
        Its hash; `unknown` in a checkout without git; outside a checkout, the installed version.
    """
    top = checkout()
    if top is None:
        return f"no checkout: {DISTRIBUTION} {_installed()}"
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=top, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "unknown"
    return answer.stdout.strip() or "unknown"


def _installed() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "of unknown version"
