"""Loading of the config, and where every file of a study lies."""

import re
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(workflow.basedir).resolve()
sys.path.insert(0, str(ROOT / "workflow"))

from manybaskets.config import loading
from manybaskets.config.study import HUMAN, TRAIN, VANILLA
from manybaskets.environment import prepare_jobs
from manybaskets.errors import UserError
from manybaskets.machine import Needs, Request, model_sizes, read_machine
from manybaskets.measuring import check_measures, measured_names, reads_vectors
from manybaskets.models.locations import check_given_models, given_folder
from manybaskets.paper.conditions import groups_of
from manybaskets.paper.splitting import check_paper, model_files
from manybaskets.published_similarity import check_similarity
from manybaskets.pictures import pictures
from manybaskets.study_report import OTHER_TABLES
from manybaskets.study_tables import Order, table_names
from manybaskets.style import counted, source_shares
from manybaskets.swapping import check_families, swappable
from manybaskets.versions import stage_version

prepare_jobs(ROOT / "workflow")

try:
    STUDY = loading.study_of_run(
        config, workflow.configfiles, ROOT / "config/config.yaml"
    )
    check_given_models(STUDY)
    check_measures(STUDY)
    check_families(STUDY)
    check_paper(STUDY)
    check_similarity(STUDY, ROOT / "resources/published/wildchat50m.csv")
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


def answers_to(prompt_set):
    """Files of all answers to a prompt set: those of the sources to `train`, else of the runs."""
    if prompt_set == TRAIN:
        return [source_file(name) for name in STUDY.described_sources()]
    return [f"{run_folder(*run)}/responses/{prompt_set}.parquet" for run in runs()]


def vector_files(prompt_set):
    """Sentence vectors of the answers to a prompt set; none where no measure of it reads them."""
    wanted = reads_vectors(STUDY, prompt_set)
    return [path(f"embeddings/{prompt_set}.npy")] if wanted else []


def measured_files():
    """Measured rows of all mixes of every target, and of all described sources."""
    of_runs = [
        path(f"measures/{target}/{mix}.parquet")
        for target in STUDY.targets
        for mix in [VANILLA, *STUDY.mixes]
    ]
    names = STUDY.described_sources()
    return of_runs + [path(f"sources/{name}/measures.parquet") for name in names]


def topic_files(relative):
    """What the topic model gives; nothing where the config has none."""
    return [path(relative)] if STUDY.describe and STUDY.describe.topics else []


def source_table_names():
    """Tables of `statistics/` about the sources that this study's config allows."""
    if not STUDY.describe:
        return []
    several = len(STUDY.described_sources()) > 1
    names = ["similarity"] if several and STUDY.describe.similarity.metrics else []
    names += ["source-distances"] if several else []
    names += ["topics"] if STUDY.describe.topics else []
    styled = counted(STUDY.measures) and counted(STUDY.describe.measures)
    return names + (["style-inheritance"] if styled else [])


def source_table_files():
    """Tables about the sources as CSV, Markdown and LaTeX; none where none is described."""
    return [
        path(f"tables/{name}.{ending}")
        for name in source_table_names()
        for ending in ("csv", "md", "tex")
    ]


def swapped_families(sources=False):
    """Families of runs, or of sources, with the measures that have a swap test."""
    of_kind = {
        name: family
        for name, family in STUDY.comparisons.items()
        if (family.prompt_set == TRAIN) == sources
    }
    return swappable(of_kind) if STUDY.statistics.swaps else {}


def swapped_runs():
    """(mix, seed, prompt set) of all answers of a target that swap tests compare."""
    wanted = {
        (mix, seed, family.prompt_set)
        for family in swapped_families().values()
        for mix in [family.baseline, *family.mixes]
        for seed in seeds_of(mix)
    }
    return sorted(wanted)


def swapped_sources():
    """(source, seed 0, prompt set) of all sources that swap tests compare."""
    families = swapped_families(sources=True).values()
    return sorted({(s, 0, TRAIN) for f in families for s in [f.baseline, *f.mixes]})


def swap_files():
    """Results of all swap tests; none where no family compares a measure that has one."""
    models = STUDY.targets if swapped_families() else []
    models = [*models, *(["sources"] if swapped_sources() else [])]
    return [path(f"statistics/swaps/{model}.parquet") for model in models]


def run_files(target, relative, untuned=True):
    """A file of every run of a target, in the order of `runs`; the untuned one may be left out."""
    return [
        f"{run_folder(target, mix, seed)}/{relative}"
        for mix in ([VANILLA] if untuned else []) + list(STUDY.mixes)
        for seed in seeds_of(mix)
    ]


def scorer_folders():
    """Folder of the fixed scorer; none without one."""
    return [model_input(STUDY.scoring.scorer)] if STUDY.scoring.scorer else []


def mix_kind(mix):
    """Whether a mix holds answers of people alone, of one source, or of several."""
    sources = STUDY.mix_sources(mix)
    return "multi" if len(sources) > 1 else "human" if sources == [HUMAN] else "single"


def divergence_files():
    """Table of the divergences between runs; none where the config asks for none."""
    wanted = STUDY.divergence.prompts and STUDY.targets
    return [path("statistics/divergence.parquet")] if wanted else []


def truth_files():
    """What is true of the embedded world's prompts; other datasets have none."""
    return [path("data/truth.parquet")] if EMBEDDED else []


def table_files():
    """Tables from the statistics, as CSV, Markdown and LaTeX."""
    return [
        path(f"tables/{name}.{ending}")
        for name in table_names(STUDY)
        for ending in ("csv", "md", "tex")
    ]


def other_table_files():
    """Tables that have rules of their own: speed of sources, sources, published numbers."""
    return [
        *throughput_files(),
        *source_table_files(),
        *paper_variant_files(),
        *published_files(),
        *published_similarity_files(),
    ]


def report_table_files():
    """Of these the ones that the report reads as they are."""
    known = [path(f"tables/{name}.csv") for name in OTHER_TABLES]
    return [file for file in known if file in other_table_files()]


def statistics_files():
    """Tables of `statistics/` that the report is made of."""
    names = ["summary", "comparisons", "counts"]
    names += ["knowledge"] if embedded_sources() else []
    names += source_table_names()
    return [path(f"statistics/{name}.parquet") for name in names] + divergence_files()


def figure_files():
    return [path(f"figures/{name}.svg") for name in FIGURES]


def embedded_models():
    return [name for name, model in STUDY.models.items() if model.kind == "embedded"]


def embedded_sources():
    """Sources in use whose model is an embedded one."""
    return [
        name
        for name in STUDY.used_sources()
        if name != HUMAN and STUDY.sources[name].model in embedded_models()
    ]


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


def paper_runs():
    """The runs that the published procedures take: of each condition the first training seed."""
    return [
        (target, mix, STUDY.seeds_of(mix)[0])
        for target in STUDY.targets
        for mix in [*STUDY.mixes, VANILLA]
    ]


def paper_splitter_files():
    """The model of the published sentence splitter; none where it is not used."""
    wanted = STUDY.paper and STUDY.paper.splitter == "punkt"
    return model_files(STUDY.paper.punkt) if wanted else []


def paper_variant_files():
    """The published procedures beside the project's values; none where the study leaves them out."""
    endings = ("csv", "md", "tex") if STUDY.paper else ()
    return [path(f"tables/paper-variants.{ending}") for ending in endings]


def published_similarity_files():
    """The sources' similarity, reported against reproduced; none where no source is a published one."""
    cells = STUDY.published.similarity if STUDY.published else {}
    endings = ("csv", "md", "tex") if cells else ()
    return [path(f"tables/published-similarity.{ending}") for ending in endings]


def published_files():
    """Reported against reproduced; none where the study has no published cell."""
    cells = STUDY.published if STUDY.paper else None
    runs_too = cells and cells.targets and cells.conditions
    sources_too = cells and set(cells.sources) & set(STUDY.described_sources())
    if not (runs_too or sources_too):
        return []
    names = ("published", "published-contrasts")
    return [
        path(f"tables/{name}.{ending}")
        for name in names
        for ending in ("csv", "md", "tex")
    ]


try:
    FIGURES = pictures(STUDY, embedded_sources())
except UserError as error:
    raise WorkflowError(f"\n{error}") from None


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


def fixed_scorer_needs(base_mb=4000):
    """What a job asks for that scores texts with the fixed scorer; little without one."""
    scorer = STUDY.scoring.scorer
    return scoring_needs(scorer, base_mb) if scorer else Request(0, base_mb, 1.0)


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
