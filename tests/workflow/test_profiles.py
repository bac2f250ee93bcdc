"""Both profiles are found by their names, from the repository's root; the cluster's wants a login node."""

from __future__ import annotations

import os
import re

import pytest
import yaml


def test_profiles_plan_the_same_jobs(project):
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` is missing")
    on_cluster = project.planned("--profile", "slurm")
    assert on_cluster == project.planned("--profile", "workstation")
    assert on_cluster["train"] > 10


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
