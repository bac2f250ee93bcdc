"""Jobs with a model use the cores of a machine without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

CORES = 3
WITH_MODEL = {"generate", "pilot", "train", "respond", "score_target", "score_fixed", "divergence"}


@pytest.mark.parametrize(("gpu", "wanted"), [(None, CORES), ("0", 1)], ids=["cores", "a GPU"])
def test_a_job_with_a_real_model_takes_all_cores_unless_it_has_a_gpu(project, gpu, wanted):
    jobs = planned(project, gpu, "--configfile", "config/synthetic-eggs.yaml")
    asked = {}
    for job in jobs:
        asked.setdefault((job["rule"], bool(job["resources"]["devices"])), set()).add(
            job["threads"]
        )
    assert {rule for rule, on_gpu in asked if on_gpu} == WITH_MODEL
    assert all(threads == {wanted} for (_, on_gpu), threads in asked.items() if on_gpu), asked
    # Behind a server; and what needs no model.
    assert asked["generate", False] == asked["pilot", False] == asked["measure", False] == {1}


def test_jobs_with_tiny_models_run_side_by_side(project):
    jobs = planned(project, None)
    asked = {job["threads"] for job in jobs if job["rule"] in WITH_MODEL}
    assert len(jobs) > 100 and asked == {1}


def planned(project, gpu: str | None, *arguments: str) -> list[dict]:
    """Jobs of a plan on a machine with this GPU, or none."""
    folder = project.folder / ("with-gpu" if gpu else "without-gpu")
    folder.mkdir(exist_ok=True)
    command = folder / "nvidia-smi"
    command.write_text(f"#!/bin/sh\necho {gpu}\n" if gpu else "#!/bin/sh\nexit 1\n")
    command.chmod(0o755)
    environment = project.environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    dag = [sys.executable, "workflow/dag.py", "plan", "--cores", str(CORES), *arguments]
    done = subprocess.run(
        dag, cwd=project.folder, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)["jobs"]
