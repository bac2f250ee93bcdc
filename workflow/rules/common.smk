"""The config, the paths of all files, and what every rule file needs."""

import contextlib
import gc
import io
import re
import sys
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path

# Snakemake itself stays: looking for garbage in it takes a seventh of the time of a plan.
gc.freeze()

# Where this file is, also where another workflow uses this one as a module.
HERE = str(workflow.current_basedir.get_path_or_uri(secret_free=True))
ROOT = Path(HERE).resolve().parents[1]
if not (ROOT / "workflow/manybaskets").is_dir():
    raise WorkflowError(
        "\nthe files next to the Snakefile are not on this machine"
        f"\n  where:    {HERE}"
        "\n  expected: a checkout, whose library and resources the rules read"
        "\n  to do:    clone the repository and name its Snakefile by path in `module`"
    )
OWN = (ROOT / "Snakefile", ROOT / "workflow/Snakefile")
OUTSIDE = Path(workflow.main_snakefile).resolve() not in OWN
if workflow.modifier.modify_rulename("all") != "all":
    raise WorkflowError(
        "\nthe rules of Many Baskets have a prefix here"
        f"\n  where:    {workflow.main_snakefile}"
        "\n  expected: their own names, by which the plan and slurm/machine.yaml know them"
        "\n  to do:    write `use rule * from NAME` without `as`; leave out a name that you need "
        "yourself with `exclude`"
    )
sys.path.insert(0, str(ROOT / "workflow"))

from manybaskets.errors import UserError
from manybaskets.jobs.installation import check_packages

try:
    check_packages()
except UserError as error:
    raise WorkflowError(f"\n{error}") from None

from manybaskets.cards.adapter_card import adapter_card_settings
from manybaskets.config import loading
from manybaskets.config.blends import comparable_blends, declared_measures
from manybaskets.config.operations import operations_of_jobs
from manybaskets.config.participants import embedded_sources, measured_models
from manybaskets.data.given_columns import check_given_columns
from manybaskets.experiments import EXPERIMENTS, experiments_of, rule_file
from manybaskets.generation.replay import given_answers, replayed_files
from manybaskets.jobs.devices import has_gpus
from manybaskets.jobs.environment import pass_on_extensions, prepare_jobs
from manybaskets.jobs.run_identity import (
    begin_run,
    changed_files,
    code_of,
    driver_settings,
    end_run,
)
from manybaskets.jobs.stage_versions import stage_version
from manybaskets.judging.rubrics import check_rubrics
from manybaskets.judging.rule_registry import check_rules
from manybaskets.layout import WILDCARDS, Files, check_given
from manybaskets.measures.selection import check_measures, measured_names, reads_vectors
from manybaskets.measures.selection import (
    best_directions,
    swapped_families,
    swapped_runs,
    swapped_sources,
)
from manybaskets.measures.swap_tests import check_families
from manybaskets.models.locations import (
    check_given_models,
    check_targets_modules,
    given_models,
)
from manybaskets.models.sizes import model_sizes
from manybaskets.names import HUMAN, TEST, TRAIN, VANILLA
from manybaskets.plan.machine import ModelNeeds, read_machine
from manybaskets.plan.needs import JobNeeds
from manybaskets.plan.rows_memory import rows_mb
from manybaskets.published.condition_groups import first_runs, groups_of
from manybaskets.published.similarity_numbers import check_similarity
from manybaskets.published.splitting import check_paper, splitter_files
from manybaskets.records.file_times import (
    absent_inputs,
    record_times,
    restore_times,
)
from manybaskets.records.made_files import restore_remade
from manybaskets.records.measured import SOURCES
from manybaskets.report.all_tables import needed_frames, table_names
from manybaskets.report.experiment_sections import experiment_inputs
from manybaskets.report.outputs import StudyOutputs
from manybaskets.report.study_tables import Order
from manybaskets.source_analysis.style_inheritance import source_shares

prepare_jobs(ROOT / "workflow")


def shipped(file):
    """A file that ships with the workflow, as an input: named from the folder of the workflow where
    Snakemake runs there, so that it stays the same input if the project is moved."""
    file = ROOT / file
    inside = Path.cwd() == ROOT and file.is_relative_to(ROOT)
    return str(file.relative_to(ROOT) if inside else file)


def outside_inputs():
    """Files and folders outside the results that jobs read: shipped ones and the user's own."""
    given = [file for stage in GIVEN for file in stage.given().values()]
    given += replayed_files(STUDY).values()
    given += given_models(STUDY).values()
    ours = [file for file in (ROOT / "resources").rglob("*") if file.is_file()]
    return [*map(Path, given), *map(Path, map(shipped, sorted(ours)))]


try:
    # A job of a batch scheduler reads what its driver planned with: the files may have changed since.
    planned = None if workflow.is_main_process else driver_settings()
    SETTINGS, CONFIG_FILES = planned or loading.settings_of_run(
        config, workflow.configfiles, ROOT / "config/config.yaml"
    )
    STUDY = loading.parse_study(SETTINGS, CONFIG_FILES)
    pass_on_extensions(STUDY.extensions)
    check_measures(STUDY)
    check_rules(STUDY)
    check_rubrics(STUDY.rubrics)
    check_families(STUDY)
    check_paper(STUDY)
    FILES = Files(STUDY)
    STUDY_EXPERIMENTS = experiments_of(STUDY)
    GIVEN = [FILES.data, *(FILES.stage(each.files) for each in STUDY_EXPERIMENTS)]
    if workflow.is_main_process:
        CODE = code_of(
            [ROOT / "workflow", ROOT / "resources"],
            [ROOT / "Snakefile", *STUDY.extensions],
        )
        CONFIGS = code_of([], workflow.configfiles or [ROOT / "config/config.yaml"])
        restore_times(FILES.results, outside_inputs())
        restore_remade(FILES.results)
    ABSENT = absent_inputs(FILES.results)
    check_given_models(STUDY, ABSENT)
    check_targets_modules(STUDY, FILES)
    check_similarity(STUDY, ROOT / "resources/published/wildchat50m.csv")
    OUTPUTS = StudyOutputs(FILES)
    check_given(GIVEN, ABSENT)
    if workflow.is_main_process:
        check_given_columns(STUDY, GIVEN)
    WARNINGS = [line for each in STUDY_EXPERIMENTS for line in each.warnings(STUDY)]
    MACHINE = read_machine(ROOT / "slurm/machine.yaml")
    NEEDS = JobNeeds(STUDY, ModelNeeds(MACHINE, model_sizes(STUDY)))
except UserError as error:
    raise WorkflowError(f"\n{error}") from None

if workflow.is_main_process:
    for line in loading.renamed_keys(SETTINGS, STUDY):
        logger.warning(f"! {line}")

# Scripts find here what changes no result, so that a change of it reruns nothing.
config["operations"] = operations_of_jobs(STUDY) | {
    experiment.name: experiment.operations(STUDY) for experiment in STUDY_EXPERIMENTS
}
config["operations"]["measured_by_experiments"] = {
    experiment.name: experiment.measuring(STUDY) for experiment in STUDY_EXPERIMENTS
}
config["operations"]["training"] = NEEDS.training_operations()
config["operations"]["trained_modules"] = {
    name: STUDY.training.modules for name in STUDY.targets
}
config["operations"]["adapter_cards"] = adapter_card_settings(STUDY)

PROMPT_SETS = STUDY.all_prompt_sets()
EMBEDDED = STUDY.embedded_world
SCRIPTS = ROOT / "workflow/scripts"
LIGHT_MB, LIGHT_MINUTES = 2000, 60  # of a rule that names neither memory nor time
# Of a rule that holds all rows of the dataset.
DATASET_MB = max(LIGHT_MB, rows_mb(getattr(STUDY.dataset, "path", None)))
REFUSED_MINUTES = 10  # of a try that stops at once
ENVS = ROOT / "envs"
WORDS = {"words": STUDY.words.model_dump()} if STUDY.words else {}
WORDS_ENV = ENVS / ("main.yaml" if WORDS else "light.yaml")  # of rules that count words


wildcard_constraints:
    **WILDCARDS,


def one_of(names):
    """Pattern of these names; matches nothing without any."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def environment_of(engine):
    """Conda environment of the jobs that open an engine."""
    return str(ENVS / engine.environment)


def sources_that(generate):
    """Pattern of the sources that answer row by row, or of those that have ready answers."""
    return one_of(
        name
        for name, source in STUDY.sources.items()
        if source.engine.generates == generate
    )


def started_by():
    """Name of the program that reads the rules."""
    return Path(sys.argv[0]).stem


@cache
def command_line():
    """What Snakemake, or `workflow/dag.py`, was started with; None where no command line did."""
    if started_by() not in ("snakemake", "__main__", "dag"):
        return None
    from snakemake.cli import parse_args

    # Paths of the command line start where it was typed, not in `--directory`.
    with contextlib.chdir(workflow.rundir), contextlib.redirect_stderr(io.StringIO()):
        return parse_args(sys.argv[1:])[1]


@cache
def gpus_here():
    """Whether jobs that request GPUs get any: from a scheduler, or on this machine."""
    plugin = workflow.executor_plugin
    if plugin is None or plugin.common_settings.dryrun_exec:
        # A plan and a dry run are of the executor that the command or its profile names.
        executor = command_line() and command_line().executor
    else:
        executor = plugin.name
    return executor == "slurm" or has_gpus()


def cores(asked):
    """CPU cores of a job with a model, by what it asks for."""
    return asked.threads(gpus_here=gpus_here())


def memory(asked):
    """Main memory of a job with a model, in MB, by what it asks for."""
    return asked.memory(gpus_here=gpus_here())


def only_if(condition, file):
    """A list of this file, which is empty where a study does without it."""
    return [file] if condition else []


def named(load):
    """What a message calls a job that loads a target."""
    if load.whole:
        return "all runs of {wildcards.target}"
    return "{wildcards.target}, run {wildcards.mix}, seed {wildcards.seed}"
