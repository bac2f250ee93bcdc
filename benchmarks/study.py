"""Wall time and peak memory of a whole study from nothing, and of its dry-run.

    python benchmarks/study.py [--config config/config.yaml] [--cores 2]

Runs in a fresh copy of the checkout. Prints the dry-run's seconds (median of five), the study's
seconds, the largest sum of resident memory of all its processes, and the seconds by rule.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def resident(root: int) -> int:
    """Bytes of resident memory of a process and all its children."""
    children, sizes = defaultdict(list), {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        children[int(fields[1])].append(pid)
        sizes[pid] = int(fields[21]) * 4096
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        total += sizes.get(pid, 0)
        todo += children[pid]
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="config/config.yaml")
    parser.add_argument("--cores", default="2")
    arguments = parser.parse_args()
    snakemake = [sys.executable, "-m", "snakemake", "--configfile", arguments.config]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        copy.mkdir()
        for part in ("workflow", "config", "envs", "resources", "slurm", "profiles"):
            shutil.copytree(ROOT / part, copy / part, symlinks=True)
        shutil.copy2(ROOT / "Snakefile", copy)
        dry = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([*snakemake, "-n"], cwd=copy, check=True, capture_output=True)
            dry.append(time.perf_counter() - start)
        print(f"dry-run: {statistics.median(dry):.2f} s (median of {len(dry)})")
        start, peak = time.perf_counter(), 0
        process = subprocess.Popen(
            [*snakemake, "--cores", arguments.cores],
            cwd=copy,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.5)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit("the study failed")
        print(
            f"study: {seconds:.0f} s on {arguments.cores} cores, peak memory {peak / 2**30:.2f} GiB"
        )
        spent: dict[str, list[float]] = defaultdict(list)
        for file in copy.glob("results/*/benchmarks/**/*.tsv"):
            stage = file.parts[-1] if "runs" in file.parts else file.relative_to(copy).parts[3]
            with open(file) as stream:
                spent[stage].append(float(next(csv.DictReader(stream, delimiter="\t"))["s"]))
        for stage, each in sorted(spent.items(), key=lambda item: -sum(item[1])):
            print(
                f"  {stage:20} {len(each):3} jobs, median {statistics.median(each):6.1f} s, sum {sum(each):7.1f} s"
            )


if __name__ == "__main__":
    main()
