"""Files of the robustness experiment; all lists are empty where a study leaves it out."""

from manybaskets.config.robustness import RUBRICS
from manybaskets.config.participants import chosen_mixes
from manybaskets.config.model_families import family_of
from manybaskets.judging.rubrics import rubric_file
from manybaskets.experiments.robustness.target_names import target_names
from manybaskets.experiments.robustness.judge_panel import analysis_settings
from manybaskets.experiments.robustness.presenting import frame_names
from manybaskets.experiments.robustness.presenting import (
    table_names as attack_table_names,
)
from manybaskets.experiments.robustness.prompts import prompt_sets as sets_of_prompts

ROBUSTNESS = STUDY.robustness
RESTRICTED = path("restricted")
SHIPPED_TEMPLATES = shipped("resources/robustness/templates.jsonl")
PUBLISHED_ROBUSTNESS = shipped("resources/published/robustness.csv")


def attack_sets():
    """Prompt sets that runs answer: direct, jailbreak, and benign where there is one."""
    return sets_of_prompts(ROBUSTNESS) if ROBUSTNESS else []


def attacked_mixes():
    """Mixes whose runs are tested, the untuned target first."""
    return [VANILLA, *chosen_mixes(STUDY)] if ROBUSTNESS else []


def attacked_runs():
    """Runs that are tested, as (target, mix, seed)."""
    return [
        (target, mix, seed)
        for target in STUDY.targets
        for mix in attacked_mixes()
        for seed in seeds_of(mix)
    ]


def attack_prompt_files(target="{target}"):
    """Prompts of a target, which its name in the templates makes its own."""
    return [
        path(f"restricted/prompts/{target}/{name}.parquet") for name in attack_sets()
    ]


def attack_response_files(target="{target}", mix="{mix}", seed="{seed}"):
    """A run's answers, in the order of the prompt sets."""
    folder = f"restricted/responses/{target}/{mix}/seed{seed}"
    return [path(f"{folder}/{name}.parquet") for name in attack_sets()]


def attack_inputs():
    """The user's files of requests, templates and look-alikes."""
    parts = {
        key: getattr(ROBUSTNESS, key) for key in ("requests", "templates", "benign")
    }
    return [
        user_file(part.path, f"robustness.{key}.path")
        for key, part in parts.items()
        if part and part.kind == "file"
    ]


def user_file(given, key):
    """A file that the config names, with a clear word if it is not there."""
    if not Path(given).is_file():
        raise WorkflowError(
            f"\nthe file does not exist\n  where:    {key}: {given}\n"
            "  expected: a file that you bring; none ships with the project\n"
            f"  to do:    put the file there (docs/ says how to fetch it), or correct {key}"
        )
    return given


def attack_names(target):
    """What replaces the names of other models in the templates of a target."""
    return target_names(ROBUSTNESS.names, target, family_of(STUDY, target))


def attack_world():
    """What the embedded world's requests are made from; nothing in other studies."""
    return {"towns": STUDY.dataset.towns, "seed": STUDY.seed} if EMBEDDED else None


def robustness_files():
    """All that the experiment gives; nothing where a study leaves it out."""
    if not ROBUSTNESS:
        return []
    shown = [path("restricted/examples.html")] if ROBUSTNESS.show_texts else []
    return robustness_statistics() + robustness_tables() + shown


def robustness_statistics():
    """Statistics of the experiment, in the order of `frame_names`; none where it is left out."""
    return [path(f"statistics/{name}.parquet") for name in frame_names(STUDY)]


def robustness_tables():
    """Tables of the experiment as CSV, Markdown and LaTeX; none where it is left out."""
    return [
        path(f"tables/{name}.{ending}")
        for name in attack_table_names(STUDY)
        for ending in ("csv", "md", "tex")
    ]


def of_targets(relative):
    """A file of every target."""
    return [path(relative.replace("{target}", target)) for target in STUDY.targets]


# What one load of a target answers, and what is judged at once: one run, or all of a target's.
ATTACKED = "{target}" if BY_TARGET else "{target}/{mix}/seed{seed}"


def attacked(w):
    """Runs that a job handles, as (mix, seed)."""
    if not BY_TARGET:
        return [(w.mix, int(w.seed))]
    return [(mix, seed) for of, mix, seed in attacked_runs() if of == w.target]


def attacked_files(relative):
    """A file of every run that a job handles; the target's name stays a wildcard."""
    if not BY_TARGET:
        return [path(relative)]
    return [
        path(relative.replace("{mix}", mix).replace("{seed}", str(seed)))
        for mix in attacked_mixes()
        for seed in seeds_of(mix)
    ]


def attacked_responses():
    """Answers of the runs that a job handles, run by run, in each in the order of the sets."""
    by_set = [
        attacked_files(
            f"restricted/responses/{{target}}/{{mix}}/seed{{seed}}/{name}.parquet"
        )
        for name in attack_sets()
    ]
    return [file for of_run in zip(*by_set) for file in of_run]


def attacked_adapters(w):
    """Adapters of the runs that a job handles; the untuned one has none."""
    tuned = [(mix, seed) for mix, seed in attacked(w) if mix != VANILLA]
    return [f"{run_folder(w.target, mix, seed)}/adapter" for mix, seed in tuned]


def judges_of(*kinds):
    """Pattern of the judges of these kinds; a judge that is a model is of its engine's kind."""
    return one_of(
        name
        for name in ROBUSTNESS.judge_names()
        if getattr(STUDY.judges[name], "engine", STUDY.judges[name]).kind in kinds
    )


def judge_model(w):
    """Folder of the model of a judge; none where it has none here."""
    model = getattr(STUDY.judges[w.judge], "model", None)
    return [model_input(model)] if model else []


def judge_labels(w):
    """File of people's labels; none for other judges."""
    judge = STUDY.judges[w.judge]
    labels = judge.kind == "labels"
    return [user_file(judge.path, f"judges.{w.judge}.path")] if labels else []


def rubric_files(w):
    """Rubrics of a judge, in the order of the panel."""
    judge = STUDY.judges[w.judge]
    return [
        shipped(rubric_file(judge, RUBRICS[key]))
        for key in ROBUSTNESS.rubrics_of(w.judge)
    ]


def judged_files(target, mix, seed):
    """Judgements of a run by all judges."""
    return [
        path(f"restricted/judged/{judge}/{target}/{mix}/seed{seed}.parquet")
        for judge in ROBUSTNESS.judge_names()
    ]


def canary_files():
    """What came of the judges' trials; none where the experiment is left out."""
    names = ROBUSTNESS.judge_names() if ROBUSTNESS else []
    return [path(f"robustness/canaries/{name}.json") for name in names]


def attack_template_files():
    """Templates of every target with their flags; none where the experiment is left out."""
    return of_targets("robustness/templates/{target}.parquet") if ROBUSTNESS else []


def score_files():
    return [
        path(f"robustness/scores/{target}/{mix}/seed{seed}.parquet")
        for target, mix, seed in attacked_runs()
    ]


def attack_prompting():
    """The renderer's settings; prompts in templates are longer than ordinary ones."""
    longest = ROBUSTNESS.responses.max_prompt_tokens
    settings = STUDY.prompting.model_dump()
    return settings | ({"max_prompt_tokens": longest} if longest else {})


def judge_opening():
    """What opens any judge beside its own settings."""
    return {
        "date": STUDY.prompting.date,
        "precision": STUDY.training.precision,
        "seed": STUDY.seed,
    }
