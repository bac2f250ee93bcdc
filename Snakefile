"""Many Baskets: what does the origin of fine-tuning data do to a model?

Type `snakemake` for everything, `snakemake -n` for the plan, `snakemake figures` for one target.
"""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/models.smk"
include: "workflow/rules/sources.smk"
include: "workflow/rules/pilots.smk"
include: "workflow/rules/replay.smk"
include: "workflow/rules/mixes.smk"
include: "workflow/rules/cards.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/responses.smk"
include: "workflow/rules/likelihood.smk"
include: "workflow/rules/collapse.smk"
include: "workflow/rules/published.smk"
include: "workflow/rules/source_analysis.smk"


for experiment in STUDY_EXPERIMENTS:

    include: str(rule_file(experiment))


include: "workflow/rules/report.smk"
include: "workflow/rules/browse.smk"
include: "workflow/rules/placement.smk"


localrules:
    all,
    data,
    models,
    pilots,
    sources,
    mixes,
    cards,
    adapters,
    responses,
    measures,
    tables,
    figures,
    report,
    browse,


rule all:
    # Every kind of result is asked for, so that one that was deleted is made again.
    default_target: True
    input:
        FILES.report,
        FILES.browser,
        [FILES.sources.answers(name) for name in STUDY.used_sources()],
        [FILES.mixes.train(name) for name in STUDY.mixes],
        FILES.cards(),
        FILES.card_tables(),
        FILES.runs.all_adapters(),
        FILES.runs.all_responses(),
        FILES.measured(),
        [OUTPUTS.of_experiment(each) for each in STUDY_EXPERIMENTS],
        OUTPUTS.tables(),
        OUTPUTS.figures(),
        OUTPUTS.pngs(),
        OUTPUTS.unread(),


rule data:
    input:
        only_if(STUDY.dataset, FILES.data.split()),
        FILES.data.prompt_sets() if STUDY.dataset else [],


rule models:
    input:
        [FILES.models.folder(name) for name in STUDY.models],


rule pilots:
    input:
        [
            file
            for name in FILES.sources.piloted()
            for file in FILES.sources.pilots_of(name)
        ],


rule sources:
    input:
        [FILES.sources.answers(name) for name in STUDY.used_sources()],
        [FILES.sources.quarantine(name) for name in FILES.sources.generating()],


rule mixes:
    input:
        [FILES.mixes.train(name) for name in STUDY.mixes],
        [FILES.mixes.validation(name) for name in STUDY.mixes],


rule cards:
    input:
        FILES.cards(),
        FILES.card_tables(),


rule adapters:
    input:
        FILES.runs.all_adapters(),


rule responses:
    input:
        FILES.runs.all_responses(),


rule measures:
    input:
        FILES.measured(),


rule tables:
    input:
        OUTPUTS.tables(),


rule figures:
    input:
        OUTPUTS.figures(),
        OUTPUTS.pngs(),


rule report:
    input:
        FILES.report,


rule browse:
    input:
        FILES.browser,


# Every experiment is a target under its name; it is empty where a study leaves the experiment out.
for experiment in EXPERIMENTS:

    rule:
        name:
            experiment.name
        input:
            OUTPUTS.of_experiment(experiment),
        localrule: True


check_targets()
