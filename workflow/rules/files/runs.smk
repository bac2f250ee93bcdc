"""Files of the runs: adapters, answers, measured rows."""


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


def runs_of(target):
    """Runs of a target as (mix, seed), the untuned one first."""
    return [(mix, seed) for of, mix, seed in runs() if of == target]


def run_files(target, relative, untuned=True):
    """A file of every run of a target, in the order of `runs`; the untuned one may be left out."""
    return [
        f"{run_folder(target, mix, seed)}/{relative}"
        for mix in ([VANILLA] if untuned else []) + list(STUDY.mixes)
        for seed in seeds_of(mix)
    ]


# What one load of a target answers and scores: one run, or all of the target's.
BY_TARGET = STUDY.responses.share_model_load == "target"
LOADED = "runs/{target}" if BY_TARGET else "runs/{target}/{mix}/seed{seed}"
LOADED_NAME = "all runs of {wildcards.target}"
if not BY_TARGET:
    LOADED_NAME = "{wildcards.target}, run {wildcards.mix}, seed {wildcards.seed}"


def loaded_runs(w):
    """Runs that a job loads a target for, as (mix, seed)."""
    return runs_of(w.target) if BY_TARGET else [(w.mix, int(w.seed))]


def loaded_files(*relative):
    """Files of every run that a job loads a target for, run by run, with its wildcards in them."""
    if not BY_TARGET:
        return [path(f"{LOADED}/{each}") for each in relative]
    by_file = [run_files("{target}", each) for each in relative]
    return [file for of_run in zip(*by_file) for file in of_run]


def loaded_adapters(w):
    """Adapters of the runs that a job loads a target for; the untuned one has none."""
    tuned = [(mix, seed) for mix, seed in loaded_runs(w) if mix != VANILLA]
    return [f"{run_folder(w.target, mix, seed)}/adapter" for mix, seed in tuned]


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


def swapped_families(sources=False):
    """Families of runs, or of sources, with the measures that have a swap test."""
    of_kind = {
        name: family
        for name, family in STUDY.comparisons.items()
        if (family.prompt_set == TRAIN) == sources
    }
    return swappable(of_kind) if STUDY.statistics.answer_swaps else {}


def swapped_runs():
    """(mix, seed, prompt set) of all answers of a target that swap tests compare."""
    wanted = {
        (mix, seed, family.prompt_set)
        for family in swapped_families().values()
        for mix in [family.baseline, *family.conditions]
        for seed in seeds_of(mix)
    }
    return sorted(wanted)


def swapped_sources():
    """(source, seed 0, prompt set) of all sources that swap tests compare."""
    families = swapped_families(sources=True).values()
    return sorted({(s, 0, TRAIN) for f in families for s in [f.baseline, *f.conditions]})


def swap_files():
    """Results of all swap tests; none where no family compares a measure that has one."""
    models = STUDY.targets if swapped_families() else []
    models = [*models, *(["sources"] if swapped_sources() else [])]
    return [path(f"statistics/swaps/{model}.parquet") for model in models]


def scorer_folders():
    """Folder of the fixed scorer; none without one."""
    return [model_input(STUDY.scoring.scorer)] if STUDY.scoring.scorer else []


def mix_kind(mix):
    """Whether a mix holds answers of people alone, of one source, or of several."""
    sources = STUDY.mix_sources(mix)
    return "multi" if len(sources) > 1 else "human" if sources == [HUMAN] else "single"
