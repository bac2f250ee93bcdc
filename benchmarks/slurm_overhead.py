"""What SLURM adds to a study: the same small study on this machine and through a real SLURM.

    python benchmarks/slurm_overhead.py [--width 2] [--first-look 20] [--config tests/cluster/small.yaml]

Needs Debian's `slurm-wlm`; starts a cluster of its own, as `tests/cluster` does. Both runs have the same
width. Of every job that went through SLURM it is known when it was submitted, started and ended (the
controller), when its work began and ended (its log), and when Snakemake noticed (the driver's log), all
in whole seconds: means over all jobs are good to some tenths.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/cluster"), str(ROOT / "tests/workflow")]

from lab import Lab, missing  # noqa: E402
from projects import Project, new_project  # noqa: E402

_STAMP = re.compile(r"^\[(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]$")
_SENT = re.compile(r"^Job (\d+) has been submitted with SLURM jobid (\d+) \(log: (.*)\)\.$")
_DONE = re.compile(r"^Finished jobid: (\d+) ")
PARTS = ("in the queue", "two starts of Snakemake", "its work", "its end", "until Snakemake looks")


class Way(NamedTuple):
    """Seconds of a job's way through SLURM, as named in `PARTS`."""

    queue: float
    starts: float
    work: float
    end: float
    look: float


def stamped(text: str) -> Iterator[tuple[datetime, str]]:
    """Lines of a log of Snakemake, with the time that stands above them."""
    now = None
    for line in text.splitlines():
        found = _STAMP.match(line)
        if found:
            now = datetime.strptime(found[1], "%a %b %d %H:%M:%S %Y")
        elif now:
            yield now, line


def run(project: Project, config: str, *arguments: str, **environment: str) -> tuple[float, str]:
    """Wall time of a whole study, and what its driver prints."""
    command = project.command("--configfile", config, *arguments)
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout[-4000:])
    return time.monotonic() - started, done.stdout


def ways(lab: Lab, printed: str) -> list[Way]:
    """The way of every job that went through SLURM."""
    sent, noticed = {}, {}
    for now, line in stamped(printed):
        if found := _SENT.match(line):
            sent[found[1]] = (found[2], Path(found[3]))
        elif found := _DONE.match(line):
            noticed[found[1]] = now
    each = []
    for job, (number, log) in sent.items():
        known = lab.job(number)
        submitted, started, ended = (
            datetime.fromisoformat(known[key]) for key in ("SubmitTime", "StartTime", "EndTime")
        )
        times = list(dict.fromkeys(now for now, _ in stamped(log.read_text())))
        finished = next(n for n, line in stamped(log.read_text()) if _DONE.match(line))
        began = max((now for now in times if now < finished), default=finished)
        moments = (submitted, started, began, finished, ended, noticed[job])
        steps = zip(moments, moments[1:], strict=False)
        each.append(Way(*((after - before).total_seconds() for before, after in steps)))
    return each


def main() -> None:
    """Run the study both ways and print where the difference is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, default=ROOT / "tests/cluster/small.yaml")
    parser.add_argument("--width", default="2", help="jobs at a time, here and there")
    parser.add_argument(
        "--first-look", default="20", help="slurm-init-seconds-before-status-checks"
    )
    options = parser.parse_args()
    if missing():
        sys.exit(missing())
    with tempfile.TemporaryDirectory() as folder:
        here, there = (new_project(Path(folder) / name) for name in ("here", "there"))
        for project in (here, there):
            shutil.copy2(options.config, project.folder / "study.yaml")
        local, printed = run(here, "study.yaml", "--cores", options.width)
        lab = Lab(Path(folder) / "lab")
        lab.folder.mkdir()
        try:
            lab.start()
            cluster, told = run(
                there, "study.yaml", "--profile", "slurm", "--jobs", options.width,
                "--slurm-status-command", "squeue",
                "--slurm-init-seconds-before-status-checks", options.first_look, **lab.environment,
            )  # fmt: skip
            found = ways(lab, told)
        finally:
            lab.stop()
    jobs = len(re.findall(r"^Finished jobid", printed, re.M))
    print(f"{jobs} jobs, {len(found)} of them through SLURM, {options.width} at a time; first look after "
          f"{options.first_look} s; load of the machine {os.getloadavg()[1]:.1f}")  # fmt: skip
    print(f"wall time on this machine {local:6.0f} s, through SLURM {cluster:6.0f} s")
    print("mean seconds of a job through SLURM, and of all of them:")
    for name, seconds in zip(PARTS, zip(*found, strict=True), strict=True):
        print(f"  {name:26} {mean(seconds):6.1f} {sum(seconds):8.0f}")
    total = [sum(way) for way in found]
    print(f"  {'together':26} {mean(total):6.1f} {sum(total):8.0f}")


if __name__ == "__main__":
    main()
