"""A real SLURM for all cluster tests, and projects whose jobs it runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lab import Lab, missing

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from projects import Project, new_project

STUDY = "small"
SHARD = "sources/llama/train.parquet"
# This cluster has no database of jobs. Most of its jobs take 14 s, and the second look comes late.
HERE = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "16"]


@dataclass
class ClusterProject(Project):
    """A copy of the project whose jobs go to the test cluster."""

    lab: Lab
    drivers: list[subprocess.Popen] = field(default_factory=list)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """Type `snakemake --profile slurm ARGUMENTS` and go on; what it prints lands in `printed`."""
        command = self.command("--configfile", "small.yaml", "--profile", "slurm", *HERE)
        with open(self.folder / "printed", "a") as printed:
            driver = subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env=self.environment(**self.lab.environment, **environment),
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.drivers.append(driver)
        return driver

    def finish(self, driver: subprocess.Popen, seconds: float = 400) -> tuple[int, str]:
        """Exit status of a driver, and all that this project's drivers have printed."""
        status = driver.wait(timeout=seconds)
        return status, (self.folder / "printed").read_text()

    def path(self, relative: str, study: str = STUDY) -> Path:
        return super().path(relative, study)

    def target(self, relative: str) -> str:
        """A file of the study as Snakemake calls it."""
        return str(self.path(relative).relative_to(self.folder))

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text, which must be there, in one of the project's files."""
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def jobs_of(self, rule: str, *states: str) -> list[str]:
        """Numbers of all jobs of a rule, or of those in some states, the oldest first."""
        # A job's comment is its rule, with the wildcards where there are some.
        of_rule = [
            number
            for number, _, comment in self.lab.jobs(*states)
            if comment.split("_wildcards_")[0] == f"rule_{rule}"
        ]
        here = [n for n in of_rule if self.lab.job(n)["WorkDir"] == str(self.folder)]
        return sorted(here, key=int)


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[Lab]:
    reason = missing()
    if reason:
        pytest.skip(reason)
    cluster = Lab(tmp_path_factory.mktemp("slurm") / "lab")
    cluster.folder.mkdir()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def new_cluster_project(lab, tmp_path_factory):
    """Makes projects; their drivers end with the tests."""
    made: list[ClusterProject] = []

    def make(finished: ClusterProject | None = None) -> ClusterProject:
        folder = tmp_path_factory.mktemp("cluster") / "project"
        if finished:
            shutil.copytree(finished.folder, folder, symlinks=True)
        else:
            new_project(folder)
            shutil.copy2(Path(__file__).with_name("small.yaml"), folder)
        made.append(ClusterProject(folder, lab))
        return made[-1]

    yield make
    for driver in (driver for project in made for driver in project.drivers):
        if driver.poll() is None:
            driver.send_signal(signal.SIGTERM)
            driver.wait(timeout=60)


@pytest.fixture(scope="session")
def time_limit(new_cluster_project) -> tuple[ClusterProject, subprocess.Popen]:
    """The stages from the raw rows to the trial of the source, on their way through the cluster beside
    all other tests. The first job `clean` takes longer than its limit, and says which hubs it may ask; the
    trial asks for a GPU."""
    project = new_cluster_project()
    project.edit(
        "workflow/scripts/clean.py",
        "with job(snakemake.log[0]):\n",
        "with job(snakemake.log[0]):\n"
        "    import os\n    import time\n\n"
        "    Path('switches').write_text(' '.join(f'{k}={v}' for k, v in os.environ.items() if 'OFFLINE' in k))\n"
        "    tried = Path('tried')\n"
        "    tried.touch() if not tried.exists() else tried.rename('again')\n"
        "    time.sleep(200 if tried.exists() else 0)\n",
    )
    asked = ["--set-resources", "clean:runtime=1", "clean:mem_mb=1000", "pilot:gpu=1", "--"]
    target = project.target("sources/llama/pilot.json")
    return project, project.start(*asked, target, HF_HUB_OFFLINE="0")


@pytest.fixture(scope="session")
def prepared(time_limit, new_cluster_project) -> ClusterProject:
    """The small study up to its source's answers, made without SLURM. Only read it."""
    project = new_cluster_project()
    project.run("--cores", "2", "--configfile", "small.yaml", "--", project.target(SHARD))
    return project


@pytest.fixture(scope="session", autouse=True)
def study(prepared, new_cluster_project) -> tuple[ClusterProject, subprocess.Popen]:
    """The stages from the source's answers to the report, on their way through the cluster beside all
    other tests; with WHOLE_STUDY in the environment those before, too. Answering asks for two GPUs, in
    the form `gres`."""
    whole = os.environ.get("WHOLE_STUDY")
    project = new_cluster_project(None if whole else prepared)
    project.edit("slurm/machine.yaml", "request: gpu #", "request: gres #")
    return project, project.start("--set-resources", "respond:gpu=2", "--", "report")
