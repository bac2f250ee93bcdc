"""Files of the self-preference experiment; all lists are empty where a study leaves it out."""

from manybaskets.config.participants import judged_mixes, writer
from manybaskets.experiments.preference.presenting import (
    frame_names as preference_frames,
)
from manybaskets.experiments.preference.presenting import (
    table_names as preference_table_names,
)
from manybaskets.experiments.preference.schemas import GOLD, own_of
from manybaskets.experiments.preference.roles import Roles, settings_of

PREFERENCE = STUDY.preference
PUBLISHED_PREFERENCE = shipped("resources/published/self_preference.csv")


def article_files():
    """Where articles come from: the user's file or the hub's; the embedded world's are generated."""
    if PREFERENCE.articles.kind == "embedded":
        return []
    if PREFERENCE.articles.kind == "hub":
        return [path("preference/raw.parquet")]
    return [user_file(PREFERENCE.articles.path, "preference.articles.path")]


def preference_mixes():
    """Mixes whose runs judge, the untuned target first."""
    return [VANILLA, *judged_mixes(STUDY)] if PREFERENCE else []


def judging_runs(target=None):
    """Runs that judge, as (target, mix, seed); of one target only where it is named."""
    return [
        (name, mix, seed)
        for name in STUDY.targets
        for mix in preference_mixes()
        for seed in seeds_of(mix)
        if target in (None, name)
    ]


def own_runs(target):
    """Runs of a target that summarise themselves, as (mix, seed): the untuned one is an author."""
    if not PREFERENCE.own_summaries:
        return []
    return [(mix, seed) for _, mix, seed in judging_runs(target) if mix != VANILLA]


def writers(*engines):
    """Pattern of the authors that these engines run; matches nothing without any."""
    return one_of(
        name
        for name in PREFERENCE.authors
        if name != HUMAN and writer(STUDY, name).engine.kind in engines
    )


def writer_needs(author):
    """What a job asks for in which an author summarises."""
    settings = writer(STUDY, author)
    return engine_needs(settings.model, settings.engine, 4000)


def summary_file(author):
    return path(f"preference/summaries/{author}.parquet")


def own_file(target, mix, seed):
    return path(f"preference/own/{target}/{mix}/seed{seed}.parquet")


def reading_file(target, mix, seed):
    return path(f"preference/readings/{target}/{mix}/seed{seed}.parquet")


# What one load of a target reads: one run, or all of the target's that judge.
JUDGES_BY_TARGET = BY_TARGET
if PREFERENCE and PREFERENCE.share_model_load:
    JUDGES_BY_TARGET = PREFERENCE.share_model_load == "target"
JUDGING = "{target}" if JUDGES_BY_TARGET else "{target}/{mix}/seed{seed}"
JUDGING_NAME = "all runs of {wildcards.target}"
if not JUDGES_BY_TARGET:
    JUDGING_NAME = "{wildcards.target}, run {wildcards.mix}, seed {wildcards.seed}"


def loaded_judges(w):
    """Runs that a job loads a target for, as (mix, seed)."""
    if not JUDGES_BY_TARGET:
        return [(w.mix, int(w.seed))]
    return [(mix, seed) for _, mix, seed in judging_runs(w.target)]


def loaded_writers(w):
    """Of these the ones that summarise themselves."""
    return [run for run in loaded_judges(w) if run[0] != VANILLA]


def adapters_of_runs(target, some):
    """Adapters of some runs of a target; the untuned one has none."""
    return [
        f"{run_folder(target, mix, seed)}/adapter"
        for mix, seed in some
        if mix != VANILLA
    ]


def written_files():
    """Own summaries of the runs that a job loads a target for."""
    if not JUDGES_BY_TARGET:
        return [own_file("{target}", "{mix}", "{seed}")]
    runs = own_runs(STUDY.targets[0])
    return [own_file("{target}", mix, seed) for mix, seed in runs]


def judged_by_load():
    """Readings of the runs that a job loads a target for."""
    if not JUDGES_BY_TARGET:
        return [reading_file("{target}", "{mix}", "{seed}")]
    runs = judging_runs(STUDY.targets[0])
    return [reading_file("{target}", mix, seed) for _, mix, seed in runs]


def own_seen(w):
    """Runs whose own summaries a job's judges see: each its own, the untuned target all."""
    own = own_runs(w.target)
    untuned = (VANILLA, 0) in loaded_judges(w)
    return own if untuned else [run for run in loaded_judges(w) if run in own]


def text_files():
    """All summaries: (author, target of an own text, file)."""
    of_authors = [(name, "", summary_file(name)) for name in PREFERENCE.authors]
    return of_authors + [
        (own_of(mix, seed), target, own_file(target, mix, seed))
        for target in STUDY.targets
        for mix, seed in own_runs(target)
    ]


def reading_files():
    """Readings of all judges, the independent ones last."""
    if not PREFERENCE:
        return []
    return [reading_file(*run) for run in judging_runs()] + [
        reading_file(GOLD, name, 0) for name in PREFERENCE.gold_judges
    ]


def judge_needs_of(model):
    """What a job asks for in which a model judges."""
    return engine_needs(model, PREFERENCE.judging.engine_of(model), 4000)


def judge_minutes(w, first=240, further=60):
    """Minutes for the judges that a job loads a target for, where the first gets `first`."""
    return first + further * (len(loaded_judges(w)) - 1)


def judged_with(engine, names):
    """Pattern of those of some judges that an engine runs."""
    return one_of(
        name for name in names if PREFERENCE.judging.engine_of(name).kind == engine
    )


def judging_params():
    """What readings hang on beside the texts."""
    request = {"instruction", "words", "system_prompt"}
    return {
        "judging": PREFERENCE.judging.science(),
        "request": PREFERENCE.summaries.model_dump(include=request),
        "prompting": STUDY.prompting.model_dump(),
        "precision": STUDY.training.precision,
        "seed": STUDY.seed,
    }


def preference_statistics():
    """Statistics of the experiment; none where it is left out."""
    return [path(f"statistics/{name}.parquet") for name in preference_frames(STUDY)]


def preference_tables():
    """Tables of the experiment as CSV, Markdown and LaTeX; none where it is left out."""
    return [
        path(f"tables/{name}.{ending}")
        for name in preference_table_names(STUDY)
        for ending in ("csv", "md", "tex")
    ]


def preference_files():
    """All that the experiment gives; nothing where a study leaves it out."""
    if not PREFERENCE:
        return []
    texts = path("preference/texts.parquet")
    return [
        texts,
        *reading_files(),
        *preference_statistics(),
        *preference_tables(),
        *(
            path(f"figures/{name}.svg")
            for name in FIGURES
            if name.startswith("preference-")
        ),
    ]
