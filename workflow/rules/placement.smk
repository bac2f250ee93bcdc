"""Where jobs run: partition, account and form of the GPU request, from slurm/machine.yaml.

Rules say how many GPUs and how much memory, and how long where the plan has no estimate, for a first
attempt; here every rule gets what the machine adds to it, unless the command line says otherwise
(`--set-resources`).
"""

import os
import time
from functools import cache

from snakemake.iocontainers import Wildcards

from manybaskets.jobs.job import refusal_of
from manybaskets.models.model_check import check_folder_models
from manybaskets.plan.graph import PlannedJob
from manybaskets.plan.partitions import check_partitions
from manybaskets.plan.preflight import check_environment
from manybaskets.plan.time_limits import TimeLimits
from manybaskets.status.failures import failed_in_run

BEGUN = time.time()


# A second or two and some 100 MB each, less than a job's way through the queue. Together with the rules
# that need the network these run where Snakemake does; `local-cores` in the profile limits them.
localrules:
    curves,
    figure,
    write_report,
    write_tables,


def estimated(origin, named, threads, benchmark=None):
    """A job as the plan estimates it; its wildcards are given as a mapping."""
    wildcards = Wildcards(fromdict=named)
    devices = origin.resources.get("devices")
    gpus = devices.evaluate(wildcards, attempt=1).value if devices.name else 0
    cpus = {"cpus_per_gpu": MACHINE.gpu.cpus} if gpus else {}
    return PlannedJob(
        origin.name,
        Path(origin.snakefile).stem,
        wildcards=named,
        outputs=[],
        benchmark=benchmark,
        run=False,
        reasons=[],
        local=origin.name in workflow._localrules,
        threads=threads,
        gpus=gpus or 0,
        needs=[],
        asked=cpus,
    )


def finished():
    """Jobs of this study that left a benchmark."""
    timed = [each for each in workflow.rules if each.benchmark]
    for path in FILES.benchmarks():
        for each in timed:
            found = each.benchmark.match(str(path))
            if found:
                named = found.groupdict()
                cores = each.resources["_cores"].evaluate(Wildcards(fromdict=named))
                yield estimated(each, named, cores.value, str(path))
                break


@cache
def time_limits():
    """Made once, when the first time limit is asked for."""
    return TimeLimits(FILES, MACHINE, NEEDS.models.parameters, list(finished()))


def place(rule):
    """Add what the machine says: growth with the attempt, partition, account, form of the GPU request.

    What a rule or the command line (`--set-resources`) names already stays. Jobs find the number of
    their GPUs in the resource `devices`, whichever form the request has.
    """
    resources = rule.resources
    gpu, memory, minutes, network = (
        resources.get(key) for key in ("gpu", "mem_mb", "runtime", "network")
    )

    overwritten = workflow.resource_settings.overwrite_resources.get(rule.name, {})
    given = "runtime" in overwritten

    def refused(wildcards, attempt):
        """The next try will stop at once: it should not wait for a GPU."""
        return attempt > 1 and bool(refusal_of(rule.expand_log(wildcards)[0]))

    def gpus(wildcards, attempt):
        if not gpu.name or refused(wildcards, attempt):
            return 0
        return gpu.evaluate(wildcards).value or 0

    def kind(wildcards, attempt):
        if not gpu.name or refused(wildcards, attempt):
            return MACHINE.light
        if network.name and network.evaluate(wildcards).value:
            return MACHINE.network
        return MACHINE.accelerated if gpus(wildcards, attempt) else MACHINE.compute

    def with_gpus(value):
        """A resource that only jobs with GPUs have."""

        def resource(wildcards, attempt):
            count = gpus(wildcards, attempt)
            return value(count) if count else None

        return resource

    # What the command line gives are expressions over all of these.
    def memory_of(wildcards, input, attempt, threads, rulename, async_run):
        if refused(wildcards, attempt):
            return LIGHT_MB
        known = dict(input=input, attempt=attempt, threads=threads)
        known |= dict(rulename=rulename, async_run=async_run)
        return MACHINE.memory_mb(
            memory.evaluate(wildcards, **known).value or LIGHT_MB, attempt
        )

    def minutes_of(wildcards, input, attempt, threads, rulename, async_run):
        if refused(wildcards, attempt):
            return REFUSED_MINUTES
        known = dict(input=input, attempt=attempt, threads=threads)
        known |= dict(rulename=rulename, async_run=async_run)
        asked = minutes.evaluate(wildcards, **known).value or LIGHT_MINUTES
        # A job's own Snakemake asks too, and does nothing with the answer.
        if workflow.is_main_process and not given:
            job = estimated(rule, dict(wildcards), threads)
            asked = time_limits().minutes(job, asked)
        return MACHINE.minutes(asked, attempt, kind(wildcards, attempt))

    def of_class(key):
        """What the class of a job says of it."""

        def resource(wildcards, attempt):
            return getattr(kind(wildcards, attempt), key)

        return resource

    def account(wildcards, attempt):
        return kind(wildcards, attempt).account or MACHINE.account

    resources["mem_mb"], resources["runtime"] = memory_of, minutes_of
    classes = (
        MACHINE.light,
        MACHINE.compute,
        MACHINE.network,
        MACHINE.accelerated,
    )
    several = any(each.account for each in classes)
    resources.setdefault("slurm_account", account if several else MACHINE.account)
    resources.setdefault("slurm_partition", of_class("partition"))
    for key in ("qos", "constraint"):
        if any(getattr(each, key) for each in classes):
            resources.setdefault(key, of_class(key))
    if not gpu.name:
        return
    resources["gpu"] = resources["devices"] = gpus
    if MACHINE.gpu is None:
        return
    model = MACHINE.gpu.model
    resources.setdefault("cpus_per_gpu", with_gpus(lambda _: MACHINE.gpu.cpus))
    if MACHINE.gpu.request == "gpu":
        resources.setdefault("gpu_model", with_gpus(lambda _: model))
    else:
        name = f"gpu:{model}" if model else "gpu"
        resources.setdefault("gres", with_gpus(lambda count: f"{name}:{count}"))
        resources["gpu"] = None


for each in workflow.rules:
    place(each)


def planned_jobs():
    """Rule, environment file and wildcards of every job that is going to run."""
    for job in workflow.dag.needrun_jobs():
        if job.conda_env_spec is not None:
            yield job.rule.name, str(job.conda_env_spec.file), job.wildcards_dict


onstart:
    for warning in WARNINGS:
        logger.warning(f"! {warning}")
    used = {str(file) for job in workflow.dag.needrun_jobs() for file in job.input}
    deployed = bool(workflow.deployment_settings.deployment_method)
    try:
        check_environment(STUDY, planned_jobs(), os.environ, deployed)
        if workflow.executor_plugin.name == "slurm":
            check_partitions(MACHINE)
        check_folder_models(STUDY, used, FILES.models.checked())
    except UserError as error:
        raise WorkflowError(f"\n{error}") from None
    begin_run(SETTINGS, CONFIG_FILES, CODE)


def close_run():
    """Forget what this run planned with, and say that its results are not of a changed config."""
    end_run()
    for file in changed_files(CONFIGS):
        logger.warning(
            f"! {file} changed during the run, whose results are those of the config at its start; "
            "run the same command again for the changed one"
        )


onsuccess:
    close_run()
    asked = workflow.dag_settings
    everything = set(asked.targets) <= {"all"} and not (
        asked.until or asked.omit_from
    )
    record_times(FILES.results, outside_inputs(), up_to_date=everything)


onerror:
    close_run()
    record_times(FILES.results, outside_inputs())
    # Printed last, below the output of all other jobs.
    print(f"\n{failed_in_run(FILES, BEGUN)}\n", file=sys.stderr)
