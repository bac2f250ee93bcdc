"""`snakemake plan`, `status` and `check`: answered as soon as the config is read, before any job.

They are not rules, because a second Snakemake would remove the lock of a running one when it ends. So they
start no job, take no lock, and work during a run.
"""

import json
import os
import subprocess

from manybaskets.errors import unknown_target

QUESTIONS = ("plan", "status", "check")


def typed_targets():
    """The targets of the command line; none for `workflow/dag.py`, which answers for all of them."""
    typed = None if started_by() == "dag" else command_line()
    return list(typed.targets or []) if typed else []


def check_targets():
    """Stop at a target that no rule has or makes, with the name that was meant."""
    if not workflow.is_main_process or OUTSIDE:
        return  # in another workflow, more rules follow
    rules = {rule.name: rule for rule in workflow.rules}
    for target in typed_targets():
        file = os.path.relpath(target)  # as Snakemake reads a path
        made = any(rule.is_producer(file) for rule in rules.values())
        if target in rules or made or Path(target).exists():
            continue
        files = [FILES.report, *OUTPUTS.tables(), *OUTPUTS.figures(), *OUTPUTS.pngs()]
        gathering = [name for name, rule in rules.items() if not rule.output]
        error = unknown_target(
            target, [*gathering, *QUESTIONS], list(rules), map(str, files)
        )
        raise WorkflowError(f"\n{error}")


def question():
    """Which of the questions the command line asks; None for any other command."""
    if not set(QUESTIONS) & set(sys.argv[1:]):
        return None
    asked, *others = typed_targets() or [None]
    if asked not in QUESTIONS:
        return None
    if others:
        raise WorkflowError(
            f"`snakemake {asked}` runs nothing: it takes no other target"
        )
    return asked


def jobs_of_study():
    """All jobs of the study, by a dry-run of the same command; ends with it if that fails."""
    command = [sys.executable, str(ROOT / "workflow/dag.py"), *sys.argv[1:]]
    answer = subprocess.run(command, cwd=workflow.rundir, stdout=subprocess.PIPE)
    if answer.returncode:
        sys.exit(answer.returncode)
    return json.loads(answer.stdout)


def planned(found):
    """The plan of the jobs that `jobs_of_study` found."""
    from manybaskets.plan import graph, making, schedule

    cluster = found["executor"] not in (None, "local")
    width = found["width"]
    if cluster:
        width["cores"] = None
    else:
        width |= {
            "cores": width["cores"] or width["jobs"] or os.cpu_count(),
            "jobs": None,
        }
    return making.make_plan(
        FILES,
        NEEDS.models.parameters,
        graph.read_jobs(found["jobs"]),
        schedule.Width(**width),
        stages=found["stages"],
        cluster=cluster,
        machine=MACHINE,
        retries=found["retries"],
    )


def print_plan():
    """Print the plan and write it down."""
    from manybaskets.plan import plan_files, table

    plan = planned(jobs_of_study())
    files = plan_files.write_plan(plan, FILES.plan, STUDY.figures)
    print(table.plan_as_text(plan), *files, sep="\n")


def print_status():
    """Print how far the study is."""
    from manybaskets.plan import graph
    from manybaskets.status import study_status, text

    found = jobs_of_study()
    jobs, stages = graph.read_jobs(found["jobs"]), found["stages"]
    status = study_status.read_status(FILES, NEEDS.models.parameters, jobs, stages)
    print(text.status_as_text(status))


def print_check():
    """Print what a run needs and whether it is there; fails if something is not."""
    from manybaskets.command.checking import check_study, checked_as_text

    found = jobs_of_study()
    upcoming = [
        (job["rule"], job["environment"], job["wildcards"])
        for job in found["jobs"]
        if job["run"] and job["environment"]
    ]
    checked = check_study(
        STUDY, upcoming, planned(found), os.environ, deployed=found["deployed"]
    )
    print(checked_as_text(checked))
    if any(each.problems for each in checked):
        sys.exit(1)


QUESTION = question()
if QUESTION:
    try:
        {"plan": print_plan, "status": print_status, "check": print_check}[QUESTION]()
    except UserError as error:
        raise WorkflowError(f"\n{error}") from None
    sys.exit(0)
