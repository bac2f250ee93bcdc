"""Loading of the config, and what every rule file needs; where files lie is in `files/`."""

import re
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(workflow.basedir).resolve()
sys.path.insert(0, str(ROOT / "workflow"))

from manybaskets.config import loading
from manybaskets.config.operations import operations_of_jobs
from manybaskets.judging.rule_registry import check_rules
from manybaskets.names import HUMAN, VANILLA
from manybaskets.config.study import TRAIN
from manybaskets.jobs.environment import pass_on_extensions, prepare_jobs
from manybaskets.errors import UserError
from manybaskets.plan.machine import Needs, read_machine, Request
from manybaskets.models.sizes import model_sizes
from manybaskets.measures.selection import check_measures, measured_names, reads_vectors
from manybaskets.models.locations import check_given_models, given_folder
from manybaskets.published.conditions import groups_of
from manybaskets.published.splitting import check_paper, model_files
from manybaskets.published.similarity_numbers import check_similarity
from manybaskets.report.figures import planned_figures
from manybaskets.experiments import experiments_of
from manybaskets.report.assemble import OTHER_TABLES
from manybaskets.report.study_tables import Order, table_names
from manybaskets.source_analysis.style_inheritance import counted, source_shares
from manybaskets.measures.swap_tests import check_families, swappable
from manybaskets.jobs.stage_versions import stage_version

prepare_jobs(ROOT / "workflow")

try:
    SETTINGS, CONFIG_FILES = loading.settings_of_run(
        config, workflow.configfiles, ROOT / "config/config.yaml"
    )
    STUDY = loading.parse_study(SETTINGS, CONFIG_FILES)
    pass_on_extensions(STUDY.extensions)
    check_given_models(STUDY)
    check_measures(STUDY)
    check_rules(STUDY)
    check_families(STUDY)
    check_paper(STUDY)
    check_similarity(STUDY, ROOT / "resources/published/wildchat50m.csv")
    EXPERIMENTS = experiments_of(STUDY)
    WARNINGS = [line for each in EXPERIMENTS for line in each.warnings(STUDY)]
    MACHINE = read_machine(ROOT / "slurm/machine.yaml")
    NEEDS = Needs(MACHINE, model_sizes(STUDY))
except UserError as error:
    raise WorkflowError(f"\n{error}") from None

if workflow.is_main_process:
    for line in loading.renamed_keys(SETTINGS, STUDY):
        logger.warning(f"! {line}")

# Scripts find here what changes no result, so that a change of it reruns nothing.
config["operations"] = operations_of_jobs(STUDY) | {
    experiment.name: experiment.operations(STUDY) for experiment in EXPERIMENTS
}

RESULTS = Path("results") / STUDY.study
PROMPT_SETS = STUDY.all_prompt_sets()
EMBEDDED = STUDY.dataset.kind == "embedded"
SCRIPTS = ROOT / "workflow/scripts"
LIGHT_MB, LIGHT_MINUTES = 2000, 60  # of a rule that names neither memory nor time
REFUSED_MINUTES = 10  # of a try that stops at once
ENVS = ROOT / "envs"
TARGET_ENV = "vllm.yaml" if STUDY.responses.engine.kind == "vllm" else "main.yaml"


wildcard_constraints:
    model="[a-z0-9._-]+",
    source="[a-z0-9._-]+",
    target="[a-z0-9._-]+",
    mix="[a-z0-9._-]+",
    judge="[a-z0-9._-]+",
    author="[a-z0-9._-]+",
    prompt_set="[a-z0-9._-]+",
    seed="[0-9]+",
    shard="[0-9]+",
    shards="[0-9]+",


def path(relative):
    """A file of this study."""
    return str(RESULTS / relative)


def shipped(file):
    """A file that ships with the workflow, as an input: named from the folder of the workflow where
    Snakemake runs there, so that in a project that was moved it is no other input."""
    file = ROOT / file
    inside = Path.cwd() == ROOT and file.is_relative_to(ROOT)
    return str(file.relative_to(ROOT) if inside else file)


def log_of(relative):
    """The log of a job, beside the results that it makes."""
    return path(f"logs/{relative}.log")


def benchmark_of(relative):
    """The benchmark of a job."""
    return path(f"benchmarks/{relative}.tsv")


def model_input(name):
    """Folder of a model: made or fetched by a rule, or the user's own."""
    own = given_folder(STUDY, name)
    return str(own) if own else path(f"models/{name}")


def one_of(names):
    """Pattern of these names; matches nothing without any."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"


def models_of_kind(kind):
    """Pattern of the names of all models of a kind; matches nothing where there are none."""
    return one_of(name for name, model in STUDY.models.items() if model.kind == kind)


def embedded_models():
    return [name for name, model in STUDY.models.items() if model.kind == "embedded"]


include: "files/sources.smk"
include: "files/runs.smk"
include: "files/robustness.smk"
include: "files/preference.smk"
include: "files/tables.smk"
include: "needs.smk"


config["operations"]["training"] = training_operations()
