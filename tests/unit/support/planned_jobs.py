"""Jobs for the tests of the plan."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import yaml
from repository import ROOT

from manybaskets.config import loading
from manybaskets.config.study import Study
from manybaskets.plan.graph import PlannedJob, read_jobs

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time"


def study(name="config", **changes):
    """A study of the repository, with some of its keys changed."""
    settings = loading.read_yaml(ROOT / f"config/{name}.yaml")
    return loading.parse_study(settings | changes, name)


def planned(kind, number=0, *, needs=(), run=True, gpus=0, threads=1, stage="stage", **wildcards):
    """A job; its outputs and its benchmark lie in results/s."""
    return PlannedJob(
        rule=kind,
        stage=stage,
        wildcards=wildcards,
        outputs=[f"results/s/{kind}/{number}.parquet"],
        benchmark=f"results/s/benchmarks/{kind}/{number}.tsv",
        run=run,
        reasons=["output is missing"] if run else [],
        local=False,
        threads=threads,
        gpus=gpus,
        needs=list(needs),
    )


def dry_run(config: Study, folder: Path, *arguments: str) -> tuple[list[PlannedJob], list[str]]:
    """All jobs of a study, and its stages, as `plan` and `status` are told them; paths start in `folder`.

    Args:
        arguments: further ones of Snakemake.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump(config.settings(), sort_keys=False))
    command = [sys.executable, str(ROOT / "workflow/dag.py"), "--snakefile", "Snakefile"]
    done = subprocess.run(
        [*command, "--configfile", str(file), "--directory", str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    return read_jobs(found["jobs"]), found["stages"]


def write_benchmark(root: Path, job: PlannedJob, seconds: float) -> None:
    """A benchmark as Snakemake writes it."""
    path = root / job.benchmark
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}\n{seconds}\t0:00:09\t1\t1\t1\t1\t1\t1\t1\t1\n")
