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
include: "workflow/rules/robustness.smk"
include: "workflow/rules/preference.smk"
include: "workflow/rules/report.smk"
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
    robustness,
    preference,
    measures,
    tables,
    figures,
    report,


rule all:
    # Every kind of result is asked for, so that one that was deleted is made again.
    default_target: True
    input:
        path("report.html"),
        [source_file(name) for name in STUDY.used_sources()],
        [mix_file(name) for name in STUDY.mixes],
        card_files(),
        adapter_folders(),
        response_files(),
        measured_files(),
        robustness_files(),
        preference_files(),
        table_files(),
        other_table_files(),
        figure_files(),


rule data:
    input:
        path("data/split.parquet"),
        prompt_set_files(),


rule models:
    input:
        [model_input(name) for name in STUDY.models],


rule pilots:
    input:
        [file for name in piloted_sources() for file in pilot_files(name)],


rule sources:
    input:
        [source_file(name) for name in STUDY.used_sources()],


rule mixes:
    input:
        [mix_file(name) for name in STUDY.mixes],


rule cards:
    input:
        card_files(),


rule adapters:
    input:
        adapter_folders(),


rule responses:
    input:
        response_files(),


rule measures:
    input:
        measured_files(),


rule tables:
    input:
        table_files(),
        other_table_files(),
        robustness_tables(),


rule figures:
    input:
        figure_files(),


rule report:
    input:
        path("report.html"),
