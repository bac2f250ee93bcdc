"""Loading of the config, and where every file of a study lies."""

import re
import sys
from pathlib import Path

ROOT = Path(workflow.basedir).resolve()
sys.path.insert(0, str(ROOT / "workflow"))

from manybaskets.config import loading
from manybaskets.config.study import HUMAN, VANILLA
from manybaskets.environment import prepare_jobs
from manybaskets.errors import UserError
from manybaskets.machine import Needs, Request, model_sizes, read_machine
from manybaskets.measuring import check_measures
from manybaskets.models.locations import check_given_models, given_folder
from manybaskets.versions import stage_version

prepare_jobs(ROOT / "workflow")

try:
    STUDY = loading.study_of_run(
        config, workflow.configfiles, ROOT / "config/config.yaml"
    )
    check_given_models(STUDY)
    check_measures(STUDY)
    MACHINE = read_machine(ROOT / "slurm/machine.yaml")
    NEEDS = Needs(MACHINE, model_sizes(STUDY))
except UserError as error:
    raise WorkflowError(f"\n{error}") from None

# Scripts find here what changes no result, so that a change of it reruns nothing.
config["operations"] = STUDY.operations_of_jobs()

RESULTS = Path("results") / STUDY.study
SEEDS = STUDY.training.seeds
# The mixes that `source_counts` adds may have fewer training seeds than the study's own.
ADDED_SEEDS = STUDY.source_count_seeds or SEEDS
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
    prompt_set="[a-z0-9._-]+",
    seed="[0-9]+",
    shard="[0-9]+",
    shards="[0-9]+",


def path(relative):
    """A file of this study."""
    return str(RESULTS / relative)


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


def sources_of(*engines):
    """Pattern of the names of all sources with one of these engines; matches nothing without any."""
    return one_of(n for n, s in STUDY.sources.items() if s.engine.kind in engines)


def source_file(source):
    """Checked responses of a source to the training prompts."""
    return path(f"sources/{source}/train.parquet")


def mix_file(mix):
    """Training set of a mix."""
    return path(f"mixes/{mix}/train.jsonl")


def run_folder(target, mix, seed):
    """Folder of a run; the untuned target is the run `vanilla` with seed 0."""
    return path(f"runs/{target}/{mix}/seed{seed}")


def seeds_of(mix):
    """Training seeds of a mix; the untuned target has one, 0."""
    return STUDY.seeds_of(mix)


def runs():
    """All runs of the study as (target, mix, seed)."""
    return [
        (target, mix, seed)
        for target in STUDY.targets
        for mix in [VANILLA, *STUDY.mixes]
        for seed in seeds_of(mix)
    ]


def adapter_folders():
    return [f"{run_folder(*run)}/adapter" for run in runs() if run[1] != VANILLA]


def prompt_set_file(prompt_set):
    return path(f"data/prompts/{prompt_set}.parquet")


def prompt_set_files():
    return [prompt_set_file(name) for name in PROMPT_SETS]


def response_files():
    return [
        f"{run_folder(*run)}/responses/{name}.parquet"
        for run in runs()
        for name in PROMPT_SETS
    ]


def measured_files():
    return [
        path(f"measures/{target}/{mix}.parquet")
        for target in STUDY.targets
        for mix in [VANILLA, *STUDY.mixes]
    ]


def likelihood_files():
    return [f"{run_folder(*run)}/likelihood.parquet" for run in runs()]


def truth_files():
    """What is true of the embedded world's prompts; other datasets have none."""
    return [path("data/truth.parquet")] if EMBEDDED else []


def table_files():
    names = ["conditions", "comparisons", "counts"]
    names += ["multi-against-singles"] if single_mixes() and multi_mixes() else []
    return [
        path(f"tables/{name}.{kind}") for name in names for kind in ("csv", "md", "tex")
    ]


def figure_names():
    """The figures that this study's measures allow."""
    names = ["conditions", "training-curves"]
    names += [f"differences-{family}" for family in STUDY.comparisons]
    names += ["habits"] if any(m.startswith("habit_") for m in STUDY.measures) else []
    names += ["knowledge"] if embedded_sources() else []
    return names


def figure_files():
    return [path(f"figures/{name}.svg") for name in figure_names()]


def embedded_models():
    return [name for name, model in STUDY.models.items() if model.kind == "embedded"]


def embedded_sources():
    """Sources in use whose model is an embedded one."""
    return [
        name
        for name in STUDY.used_sources()
        if name != HUMAN and STUDY.sources[name].model in embedded_models()
    ]


def single_mixes():
    """Mixes of one synthetic source."""
    return [name for name, mix in STUDY.mixes.items() if mix.kind == "single"]


def multi_mixes():
    """Mixes of several sources."""
    return [name for name in STUDY.mixes if len(STUDY.mix_sources(name)) > 1]


def dataset_path(given):
    """The user's file, with a clear word if it is not there."""
    if not Path(given).is_file():
        raise WorkflowError(
            f"\nthe dataset does not exist\n  where:    dataset.path: {given}\n"
            "  expected: a JSONL, CSV or Parquet file\n  to do:    correct dataset.path in the config"
        )
    return given


def prompt_set_sources():
    """Files of the prompt sets that the user brings."""
    return [
        dataset_path(value.path)
        for value in STUDY.prompt_sets.values()
        if value.kind == "file"
    ]


def pilot_files(source):
    """The trial that a source must pass before its first shard; none where the config has none."""
    return (
        [path(f"sources/{source}/pilot.json")]
        if STUDY.sources[source].pilot.prompts
        else []
    )


def card_files():
    """Dataset cards of all sources and mixes in use."""
    folders = [f"sources/{name}" for name in STUDY.used_sources()]
    folders += [f"mixes/{name}" for name in STUDY.mixes]
    return [path(f"{folder}/README.md") for folder in folders]


def generating_sources():
    """Sources in use that an engine runs; human and ready answers are none of them."""
    return [
        name
        for name in STUDY.used_sources()
        if name != HUMAN and STUDY.sources[name].engine.kind != "replay"
    ]


def piloted_sources():
    """Sources in use that pass a trial first."""
    return [name for name in generating_sources() if pilot_files(name)]


def throughput_files():
    """Tables of the speed of sources; none where no engine runs."""
    if not generating_sources():
        return []
    return [path("tables/throughput.csv"), path("tables/throughput-correlation.csv")]


def shard_files(source, ending="parquet"):
    """Shards of a source, or what lies beside them; their number is fixed in the config."""
    count = STUDY.sources[source].shards
    return [
        path(f"sources/{source}/shards/{shard}-of-{count}.{ending}")
        for shard in range(count)
    ]


def models_of_kind(kind):
    """Pattern of the names of all models of a kind; matches nothing where there are none."""
    return one_of(name for name, model in STUDY.models.items() if model.kind == kind)


def source_needs(source, base_mb=4000):
    """What a job asks for in which a source answers: `gpus`, `memory_mb`, `minutes(base)`."""
    settings = STUDY.sources[source]
    return engine_needs(settings.model, settings.engine, base_mb)


def target_needs(target, base_mb=4000):
    """What a job asks for in which a target and its runs answer."""
    return engine_needs(target, STUDY.responses.engine, base_mb)


def scoring_needs(target, base_mb=4000):
    """What a job asks for that scores texts: the transformers engine does."""
    return NEEDS.request(target, STUDY.training.precision, base_mb)


def training_needs(target, base_mb=4000):
    """What a training run asks for."""
    given = STUDY.training.gpus.get(target, 0)
    return NEEDS.request(
        target, STUDY.training.precision, base_mb, training=True, given=given
    )


def engine_needs(model, engine, base_mb):
    """What a job with an engine asks for; none that runs elsewhere needs a GPU."""
    if model is None:
        return Request(0, base_mb, 1.0)
    precision = (
        getattr(engine, "quantization", None)
        or engine.precision
        or STUDY.training.precision
    )
    given = getattr(engine, "tensor_parallel", None) or 0
    return NEEDS.request(model, precision, base_mb, given=given)
