"""Print, as JSON, what sbatch would get for every job of a study: the plugin's own flags.

Usage, in a project's folder: python sbatch_flags.py CONFIG
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    Quietness,
    ResourceSettings,
)
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import set_gres_string

from manybaskets.jobs import devices

GIVEN = {"run_uuid": "run", "slurm_logfile": "log", "comment_str": "comment", "workdir": None}


def flags(job) -> str:
    """The flags of a job, from its account on."""
    account, partition = (job.resources.get(f"slurm_{key}") for key in ("account", "partition"))
    given = GIVEN | {"account": f"-A {account}", "partition": f"-p {partition}"}
    call = get_submit_command(job, given) + set_gres_string(job)
    return " ".join(call.split("--comment comment")[1].split())


def main(config: Path) -> None:
    devices.has_gpus = lambda: True  # a dry run does not know that jobs go to a cluster
    silent = OutputSettings(dryrun=True, quiet={Quietness.ALL})
    with SnakemakeApi(silent) as api:
        workflow = api.workflow(
            # As in the profile: a rule gets the cores that it asks for.
            resource_settings=ResourceSettings(cores=64, nodes=100),
            config_settings=ConfigSettings(configfiles=[config]),
            snakefile=Path("Snakefile"),
        )
        dag = workflow.dag(DAGSettings())
        dag.execute_workflow(executor="dryrun")
        inner = workflow._workflow_store
        asked: dict[str, dict[str, list[str]]] = {}
        for job in inner.dag.jobs:
            # A dry-run counts every job as local.
            if job.rule.norun or job.rule.name in inner._localrules:
                continue
            wildcards = dict(job.wildcards)
            of = wildcards.get("target") or wildcards.get("source") or ""
            tries = []
            for attempt in (1, 2):
                job.attempt = attempt
                tries.append(flags(job))
            known = asked.setdefault(job.rule.name, {}).setdefault(of, tries)
            assert known == tries, f"jobs of {job.rule.name} for {of} differ: {known}, {tries}"
    print(json.dumps(asked))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
