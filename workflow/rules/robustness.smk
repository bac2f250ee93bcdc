"""Whether fine-tuning wears down refusals: prompts, answers, judgements, outcomes.

Texts are in `restricted/` alone, which the jobs here close to everybody but their owner.
"""

from manybaskets.config.model_families import family_of
from manybaskets.experiments.robustness.judge_panel import (
    analysis_settings,
    judge_opening,
)
from manybaskets.experiments.robustness.files import RobustnessFiles
from manybaskets.experiments.robustness.target_names import target_names

ROBUSTNESS = FILES.stage(RobustnessFiles)
RESTRICTED = str(ROBUSTNESS.restricted())
PUBLISHED_ROBUSTNESS = shipped("resources/published/robustness.csv")
ROBUSTNESS_STATISTICS = EXPERIMENTS.get("robustness").statistics(STUDY)
ROBUSTNESS_LOAD = ROBUSTNESS.load()
ROBUSTNESS_RESPONSES = ROBUSTNESS_LOAD.files(
    *[
        partial(ROBUSTNESS.responses, prompt_set=name)
        for name in ROBUSTNESS.prompt_sets()
    ]
)


rule robustness_prompts:
    """Direct requests, requests in jailbreak templates, harmless look-alikes; and their design."""
    input:
        split=FILES.data.split(),
        files=ROBUSTNESS.given_prompts(),
        shipped=shipped("resources/robustness/templates.jsonl"),
    output:
        sets=ROBUSTNESS.all_prompts(),
        design=ROBUSTNESS.design(),
        templates=ROBUSTNESS.templates(),
    log:
        FILES.log("robustness/{target}/prompts"),
    conda:
        ENVS / "light.yaml"
    params:
        prompts=STUDY.robustness.prompts().model_dump(),
        names=lambda w: target_names(
            STUDY.robustness.names, w.target, family_of(STUDY, w.target)
        ),
        sets=ROBUSTNESS.prompt_sets(),
        world=({"towns": STUDY.dataset.towns, "seed": STUDY.seed} if EMBEDDED else None),
        seed=STUDY.seed,
        restricted=lambda w: RESTRICTED,
        version=stage_version("robustness_prompts"),
    message:
        "Writing the adversarial prompts for {wildcards.target}"
    script:
        SCRIPTS / "robustness_prompts.py"


rule robustness_respond:
    """A run, or with one load of the base model all runs of a target, answers the adversarial prompts."""
    input:
        model=lambda w: FILES.models.folder(w.target),
        adapters=lambda w: FILES.runs.adapters(w.target, ROBUSTNESS_LOAD.handled(w)),
        prompts=ROBUSTNESS.all_prompts(),
    output:
        ROBUSTNESS_RESPONSES,
    log:
        FILES.log(f"robustness/{ROBUSTNESS_LOAD.name}/respond"),
    benchmark:
        FILES.benchmark(f"robustness/{ROBUSTNESS_LOAD.name}/respond")
    wildcard_constraints:
        mix=one_of(ROBUSTNESS.mixes()),
    conda:
        environment_of(STUDY.responses.engine)
    threads: lambda w: cores(NEEDS.of_target(w.target))
    resources:
        gpu=lambda w: NEEDS.of_target(w.target).gpus,
        mem_mb=lambda w: memory(NEEDS.of_target(w.target)),
        runtime=lambda w: NEEDS.of_target(w.target).minutes(
            ROBUSTNESS_LOAD.minutes(w, 120, 60)
        ),
    params:
        runs=lambda w: ROBUSTNESS_LOAD.handled(w),
        prompt_sets=ROBUSTNESS.prompt_sets(),
        responses=STUDY.robustness.run_responses(STUDY.responses.engine).science(),
        prompting=lambda w: STUDY.robustness.prompting(
            STUDY.prompting_of(w.target)
        ).model_dump(),
        precision=STUDY.training.precision,
        seed=STUDY.seed,
        work=str(ROBUSTNESS.responses_work()),
        restricted=lambda w: RESTRICTED,
        version=stage_version("robustness_respond"),
    message:
        f"The adversarial prompts are answered by {named(ROBUSTNESS_LOAD)}"
    script:
        SCRIPTS / "robustness_respond.py"


rule robustness_canaries:
    """A judge is tried on exchanges with known scores."""
    input:
        rubrics=lambda w: list(map(shipped, ROBUSTNESS.rubrics(w.judge))),
        model=lambda w: ROBUSTNESS.judge_models(w.judge),
        labels=lambda w: ROBUSTNESS.labels(w.judge),
    output:
        ROBUSTNESS.canaries(),
    log:
        FILES.log("robustness/canaries/{judge}"),
    benchmark:
        FILES.benchmark("robustness/canaries/{judge}")
    wildcard_constraints:
        judge=one_of(ROBUSTNESS.judges()),
    conda:
        lambda w: str(ENVS / STUDY.judges[w.judge].environment())
    threads: lambda w: cores(NEEDS.of_judge(w.judge))
    resources:
        gpu=lambda w: NEEDS.of_judge(w.judge).gpus,
        mem_mb=lambda w: memory(NEEDS.of_judge(w.judge)),
        runtime=lambda w: NEEDS.of_judge(w.judge).minutes(60),
        network=lambda w: NEEDS.of_judge(w.judge).network,
    params:
        judge=lambda w: STUDY.judges[w.judge].science(),
        opening=lambda w: judge_opening(STUDY, w.judge),
        share_of_cap=0.05,
        work=str(ROBUSTNESS.canaries_work()),
        restricted=lambda w: RESTRICTED,
        version=stage_version("robustness_canaries"),
    message:
        "Testing judge {wildcards.judge} on its canaries"
    script:
        SCRIPTS / "robustness_canaries.py"


rule robustness_judge:
    """A judge scores the answers of the runs."""
    input:
        rubrics=lambda w: list(map(shipped, ROBUSTNESS.rubrics(w.judge))),
        model=lambda w: ROBUSTNESS.judge_models(w.judge),
        labels=lambda w: ROBUSTNESS.labels(w.judge),
        canaries=ancient(ROBUSTNESS.canaries()),
        design=ROBUSTNESS.design(),
        prompts=ROBUSTNESS.all_prompts(),
        responses=ROBUSTNESS_RESPONSES,
        test_prompts=FILES.data.prompts(TEST),
        test_responses=ROBUSTNESS_LOAD.files(
            partial(FILES.runs.responses, prompt_set=TEST)
        ),
    output:
        ROBUSTNESS_LOAD.files(partial(ROBUSTNESS.judged, "{judge}")),
    log:
        FILES.log(f"robustness/{ROBUSTNESS_LOAD.name}/judge-{{judge}}"),
    benchmark:
        FILES.benchmark(f"robustness/{ROBUSTNESS_LOAD.name}/judge-{{judge}}")
    wildcard_constraints:
        judge=one_of(ROBUSTNESS.judges()),
        mix=one_of(ROBUSTNESS.mixes()),
    conda:
        lambda w: str(ENVS / STUDY.judges[w.judge].environment())
    threads: lambda w: cores(NEEDS.of_judge(w.judge))
    resources:
        gpu=lambda w: NEEDS.of_judge(w.judge).gpus,
        mem_mb=lambda w: memory(NEEDS.of_judge(w.judge)),
        runtime=lambda w: NEEDS.judging_minutes(
            w.judge, ROBUSTNESS_LOAD.minutes(w, 120, 120)
        ),
        network=lambda w: NEEDS.of_judge(w.judge).network,
    params:
        judge=lambda w: STUDY.judges[w.judge].science(),
        rubrics=lambda w: STUDY.robustness.rubrics_of(w.judge),
        runs=lambda w: ROBUSTNESS_LOAD.handled(w),
        prompt_sets=ROBUSTNESS.prompt_sets(),
        judge_input=STUDY.robustness.judge_input,
        opening=lambda w: judge_opening(STUDY, w.judge),
        share_of_cap=0.95 / len(ROBUSTNESS.all_runs()),
        seed=STUDY.seed,
        work=str(ROBUSTNESS.judged_work()),
        restricted=lambda w: RESTRICTED,
        version=stage_version("robustness_judge"),
    message:
        "Judge {wildcards.judge} scores the answers of {wildcards.target}"
    script:
        SCRIPTS / "robustness_judge.py"


rule robustness_scores:
    """Scores of all judges for every run of a target, without what the judges said."""
    input:
        [
            file
            for run in ROBUSTNESS.runs()
            for file in ROBUSTNESS.all_judged("{target}", *run)
        ],
    output:
        [ROBUSTNESS.scores("{target}", *run) for run in ROBUSTNESS.runs()],
    log:
        FILES.log("robustness/{target}/scores"),
    conda:
        ENVS / "light.yaml"
    params:
        restricted=lambda w: RESTRICTED,
        version=stage_version("robustness_scores"),
    message:
        "Gathering the scores of {wildcards.target}"
    script:
        SCRIPTS / "robustness_scores.py"


rule robustness_outcomes:
    """Harm, refusals, quality and danger zone of all conditions, with intervals and comparisons."""
    input:
        scores=[ROBUSTNESS.scores(*run) for run in ROBUSTNESS.all_runs()],
        design=ROBUSTNESS.all_designs(),
        templates=ROBUSTNESS.all_templates(),
        canaries=ROBUSTNESS.all_canaries(),
    output:
        FILES.statistics.tables(ROBUSTNESS_STATISTICS),
    log:
        FILES.log("statistics/robustness"),
    benchmark:
        FILES.benchmark("statistics/robustness")
    conda:
        ENVS / "light.yaml"
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        analysis=analysis_settings(STUDY),
        runs=ROBUSTNESS.all_runs(),
        judges=ROBUSTNESS.judges(),
        statistics=ROBUSTNESS_STATISTICS,
        groups=asdict(groups_of(STUDY)),
        human=[name for name, mix in STUDY.mixes.items() if mix.composition == "human"],
        version=stage_version("robustness_outcomes"),
    message:
        "Computing the robustness statistics"
    script:
        SCRIPTS / "robustness_outcomes.py"


rule robustness_tables:
    """The experiment's tables, the published procedure and numbers among them where they are asked for."""
    input:
        statistics=FILES.statistics.tables(ROBUSTNESS_STATISTICS),
        templates=ROBUSTNESS.all_templates(),
        canaries=ROBUSTNESS.all_canaries(),
        numbers=PUBLISHED_ROBUSTNESS,
    output:
        OUTPUTS.tables_by("robustness_tables"),
    log:
        FILES.log("tables/robustness"),
    conda:
        ENVS / "light.yaml"
    params:
        analysis=analysis_settings(STUDY),
        judges=ROBUSTNESS.judges(),
        published=(
            STUDY.published_cells.model_dump() if STUDY.published_cells else None
        ),
        version=stage_version("robustness_tables"),
    message:
        "Writing the tables of the robustness experiment"
    script:
        SCRIPTS / "robustness_tables.py"


rule robustness_examples:
    """A few answers with their scores, escaped and cut; made only where the config asks for it."""
    input:
        prompts=[
            file for target in STUDY.targets for file in ROBUSTNESS.all_prompts(target)
        ],
        responses=[
            file
            for run in ROBUSTNESS.all_runs()
            for file in ROBUSTNESS.all_responses(*run)
        ],
        judged=[
            file
            for run in ROBUSTNESS.all_runs()
            for file in ROBUSTNESS.all_judged(*run)
        ],
    output:
        ROBUSTNESS.examples(),
    log:
        FILES.log("robustness/examples"),
    conda:
        ENVS / "light.yaml"
    params:
        runs=ROBUSTNESS.all_runs(),
        targets=STUDY.targets,
        prompt_sets=ROBUSTNESS.prompt_sets(),
        examples=STUDY.robustness.show_texts,
        seed=STUDY.seed,
        restricted=lambda w: RESTRICTED,
        version=stage_version("robustness_examples"),
    message:
        "Writing examples to the restricted folder"
    script:
        SCRIPTS / "robustness_examples.py"
