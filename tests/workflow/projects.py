"""Copies of the project in which Snakemake really runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "workflow", "config", "envs", "resources", "slurm", "workstation", "profiles")


@dataclass
class Project:
    """A copy of the project in which Snakemake runs."""

    folder: Path

    def run(self, *arguments: str, check: bool = True, **environment: str):
        """Type `snakemake ARGUMENTS` in the project; returns the finished process with all it printed."""
        finished = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if check and finished.returncode:
            raise AssertionError(f"snakemake {' '.join(arguments)}:\n{finished.stdout[-6000:]}")
        return finished

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    @staticmethod
    def environment(**changes: str) -> dict[str, str]:
        left = ("SLURM_CONF", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if key not in left}
        return kept | changes

    def path(self, relative: str, study: str = "embedded") -> Path:
        return self.folder / "results" / study / relative

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry-run announces, without the rules that only gather."""
        text = self.run(*arguments, "-n", "--quiet", "rules").stdout
        jobs = {}
        for line in text.splitlines():
            words = line.split()
            if len(words) == 2 and words[1].isdigit():
                jobs[words[0]] = int(words[1])
        gathering = {"total", "all", "figures", "tables", "report"}
        return {rule: count for rule, count in jobs.items() if rule not in gathering}


def new_project(folder: Path) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            # With __pycache__: compiling the library takes every copy a second or two.
            shutil.copytree(source, folder / part, symlinks=True)
        else:
            shutil.copy2(source, folder / part)
    return Project(folder)
