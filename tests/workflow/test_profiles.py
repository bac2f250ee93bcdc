"""Both profiles are found by their names, from the repository's root; the cluster's wants a login node."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
import yaml

from manybaskets.jobs.devices import has_gpus


def test_profiles_plan_the_same_jobs(project):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is missing")
    on_cluster = project.planned("--profile", "slurm")
    assert on_cluster == project.planned("--profile", "workstation")
    assert on_cluster["train"] > 10


def memory_of_trainings(project, *arguments: str) -> set[int]:
    """Main memory, in MB, of all trainings of the plan of a command."""
    told = subprocess.run(
        [sys.executable, "workflow/dag.py", "plan", *arguments],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    jobs = json.loads(told.stdout)["jobs"]
    return {job["resources"]["mem_mb"] for job in jobs if job["rule"] == "train"}


def test_a_plan_has_the_memory_of_the_machine_that_it_is_for(project):
    """A login node has no GPUs; jobs that it submits get `gpu.memory_mb` with each of theirs."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is missing")
    config = ("--configfile", "config/synthetic-eggs.yaml")
    on_cluster = memory_of_trainings(project, "--profile", "slurm", *config)
    assert on_cluster == {2 * 60_000, 4 * 60_000}
    if not has_gpus():
        assert max(memory_of_trainings(project, *config)) < 4 * 60_000


def test_profiles_leave_resources_to_the_rules(project):
    """A `default-resources` in one profile would wipe those of another; `retries` belongs to one only."""
    for profile in ("slurm", "workstation"):
        settings = yaml.safe_load((project.folder / profile / "config.yaml").read_text())
        assert not {"default-resources", "set-resources", "groups"} & settings.keys()
    assert not [
        file.name
        for file in (project.folder / "workflow/rules").glob("*.smk")
        if re.search(r"^    (retries|group):", file.read_text(), re.M)
    ]


def test_a_driver_inside_a_job_is_warned(project):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is missing")
    # SLURM's commands fail, so that nothing is submitted where a cluster is at hand.
    for name in ("sbatch", "sinfo", "squeue", "sacct", "sacctmgr"):
        command = project.folder / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text("#!/bin/sh\nexit 1\n")
        command.chmod(0o755)
    path = f"{project.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    target = "results/embedded/data/world.jsonl"
    printed = project.run(
        "--profile", "slurm", "--retries", "0", "--", target,
        check=False, SLURM_JOB_ID="1", PATH=path,
    ).stdout  # fmt: skip
    assert "running snakemake in a SLURM job context" in printed and "login node" in printed
