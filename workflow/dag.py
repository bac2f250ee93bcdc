"""Prints all jobs of the study as JSON: what is done, what would run and why, and what it asks for.

It takes Snakemake's own command line, whose target it leaves out; it runs nothing and needs no lock.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.cli import parse_args, parse_config
from snakemake.settings import types

REASONS = {
    "nooutput": "it is asked for", "noio": "it is asked for", "forced": "it is forced",
    "_missing_output": "output is missing", "_incomplete_output": "output is incomplete",
    "_updated_input": "input is newer", "_updated_input_run": "input will be rebuilt",
    "params_changed": "settings changed", "input_changed": "other input files",
    "code_changed": "code changed", "software_stack_changed": "environment changed",
}  # fmt: skip
ASKED_FOR = ("devices", "gpu_model", "gres", "cpus_per_gpu", "mem_mb", "runtime")
ASKED_FOR += ("slurm_partition", "slurm_account")


asked = {}


def asked_for(job):
    """Cores and resources of a job: the same for all shards and seeds of a rule's jobs."""
    named = job.wildcards_dict.items()
    same = (job.rule.name, *(pair for pair in named if pair[0] not in ("shard", "seed")))
    if same not in asked:
        resources = {key: job.resources.get(key) for key in ASKED_FOR}
        asked[same] = {"threads": job.threads, "resources": resources}
    return asked[same]


def described(dag, job, number):
    """A job in plain values."""
    reason = dag.reason(job)
    return asked_for(job) | {
        "rule": job.rule.name,
        "stage": Path(job.rule.snakefile).stem,
        "wildcards": dict(job.wildcards_dict),
        "outputs": [str(file) for file in job.output],
        "environment": job.conda_env_spec and str(job.conda_env_spec.file),
        "benchmark": job.benchmark and str(job.benchmark),
        "run": dag.needrun(job),
        "reasons": [text for name, text in REASONS.items() if getattr(reason, name)],
        "resumes": job.rule.params.get("work") is not None,
        "local": job.rule.name in dag.workflow._localrules,
        "needs": sorted(number[other] for other in dag.dependencies[job]),
    }


with contextlib.redirect_stderr(io.StringIO()):  # the command that asks has named the profile
    args = parse_args(sys.argv[1:])[1]
# The status asks whether results are there, not whether they are up to date.
triggers = {types.RerunTrigger.MTIME} if args.targets == ["status"] else args.rerun_triggers
quiet = types.OutputSettings(quiet={types.Quietness.ALL}, dryrun=True)
with contextlib.redirect_stdout(io.StringIO()), SnakemakeApi(quiet) as api:
    flow = api.workflow(
        resource_settings=types.ResourceSettings(
            cores=args.cores or 1,
            nodes=args.jobs,
            overwrite_threads=args.set_threads,
            overwrite_resources=args.set_resources,
            default_resources=args.default_resources,
        ),
        config_settings=types.ConfigSettings(
            config=parse_config(args.config), configfiles=args.configfile, config_args=args.config
        ),
        snakefile=args.snakefile,
        workdir=args.directory,
    )
    try:
        flow.dag(
            types.DAGSettings(rerun_triggers=triggers, force_incomplete=args.rerun_incomplete)
        ).printrulegraph()
        dag = flow._workflow.dag
        jobs = list(dag.jobs)
        number = {job: index for index, job in enumerate(jobs)}
        found = [described(dag, job, number) for job in jobs]
    except Exception as error:
        api.print_exception(error)
        sys.exit(1)
stages = [
    Path(str(file.get_path_or_uri(secret_free=True))).stem for file in flow._workflow.included
]
width = {"cores": args.cores, "jobs": args.jobs}
width["gpus"] = args.resources["devices"].value if "devices" in args.resources else None
deployed = bool(args.software_deployment_method or args.use_conda)
told = {
    "deployed": deployed,
    "jobs": found,
    "stages": stages,
    "executor": args.executor,
    "width": width,
}
print(json.dumps(told | {"retries": args.retries or 0}))
