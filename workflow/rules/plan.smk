"""`snakemake plan` and `snakemake status`: answered as soon as the config is read, before any job.

They are not rules, because a second Snakemake would remove the lock of a running one when it ends. So they
start no job, take no lock, and work during a run.
"""

import contextlib
import io
import json
import os
import subprocess

QUESTIONS = ("plan", "status")


def question():
    """Which of the questions the command line asks; None for any other command."""
    typed = Path(sys.argv[0]).stem in ("snakemake", "__main__")
    if not typed or not set(QUESTIONS) & set(sys.argv[1:]):
        return None
    from snakemake.cli import parse_args

    # Paths of the command line start where it was typed, not in `--directory`.
    with contextlib.chdir(workflow.rundir), contextlib.redirect_stderr(io.StringIO()):
        asked, *others = parse_args(sys.argv[1:])[1].targets or [None]
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


def print_plan():
    """Print the plan and write it down."""
    from manybaskets.plan import graph, making, plan_files, schedule, table

    found = jobs_of_study()
    cluster = found["executor"] not in (None, "local")
    width = found["width"]
    if cluster:
        width["cores"] = None
    else:
        width |= {
            "cores": width["cores"] or width["jobs"] or os.cpu_count(),
            "jobs": None,
        }
    plan = making.make_plan(
        FILES,
        NEEDS.models.parameters,
        graph.read_jobs(found["jobs"]),
        schedule.Width(**width),
        stages=found["stages"],
        cluster=cluster,
        machine=MACHINE,
        retries=found["retries"],
    )
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


QUESTION = question()
if QUESTION:
    try:
        {"plan": print_plan, "status": print_status}[QUESTION]()
    except UserError as error:
        raise WorkflowError(f"\n{error}") from None
    sys.exit(0)
