"""The Snakemake command of a study: which workflow, how it is printed, how it runs."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from manybaskets.errors import UserError
from manybaskets.records.resources import checkout


def snakemake_command(arguments: Sequence[str]) -> list[str]:
    """The words of a Snakemake command, with the workflow of this project.

    Args:
        arguments: of `snakemake`; they may name another workflow.

    Raises:
        UserError: there is no workflow here, and the library is not part of a checkout.
    """
    named = any(each.partition("=")[0] in ("--snakefile", "-s") for each in arguments)
    if named or Path("Snakefile").is_file():
        return ["snakemake", *arguments]
    top = checkout()
    if top is None:
        raise UserError(
            what="there is no Snakefile here",
            where=str(Path.cwd()),
            expected="the checkout of Many Baskets: its rules are not in the installed package",
            remedy="change to the folder of the checkout, or name its workflow with "
            "`--snakefile CHECKOUT/Snakefile`",
        )
    return ["snakemake", "--snakefile", str(top / "Snakefile"), *arguments]


def printed(command: Sequence[str]) -> str:
    """A command as one would type it."""
    return shlex.join(command)


def become(command: Sequence[str]) -> None:
    """Run a Snakemake command in place of this process."""
    sys.stdout.flush()
    words = _with_this_python(command)
    os.execv(words[0], words)


def run_snakemake(command: Sequence[str]) -> int:
    """Run a Snakemake command and wait for it; it receives the signals that this process receives.

    Returns:
        Its exit code.
    """
    process = subprocess.Popen(_with_this_python(command))
    # Ctrl-C reaches both processes: Snakemake ends its jobs, this one waits for that.
    old = {signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    old[signal.SIGTERM] = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        return process.wait()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def output_of(command: Sequence[str]) -> tuple[int, str]:
    """Exit code and standard output of a Snakemake command; its other output goes to the terminal
    only if it fails."""
    done = subprocess.run(_with_this_python(command), capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
    return done.returncode, done.stdout


def _with_this_python(command: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", *command]
