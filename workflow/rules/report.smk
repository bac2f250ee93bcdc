"""Statistics, tables, figures, report: all from measured rows, without a model."""

BLENDS = comparable_blends(STUDY)


rule summarise:
    """Intervals of every condition, paired comparisons within the declared families."""
    input:
        measured=FILES.measured(),
        swaps=OUTPUTS.swaps(),
    output:
        **({"blends": FILES.statistics.table("blends")} if BLENDS else {}),
        summary=FILES.statistics.table("summary"),
        comparisons=FILES.statistics.table("comparisons"),
        seeds=FILES.statistics.table("seeds"),
        distributions=FILES.statistics.table("distributions"),
    log:
        FILES.log("statistics/summarise"),
    benchmark:
        FILES.benchmark("statistics/summarise")
    conda:
        ENVS / "light.yaml"
    params:
        statistics=STUDY.statistics.model_dump(),
        families={
            name: family.model_dump() for name, family in STUDY.comparisons.items()
        },
        blends={name: asdict(blend) for name, blend in BLENDS.items()},
        declared_measures=declared_measures(STUDY),
        directions=best_directions(STUDY),
        seed=STUDY.seed,
        version=stage_version("summarise"),
    message:
        "Computing intervals and comparisons"
    script:
        SCRIPTS / "summarise.py"


rule knowledge:
    """How well each embedded model knows its world."""
    input:
        sources=[FILES.sources.answers(name) for name in embedded_sources(STUDY)],
        truth=FILES.data.truths(),
    output:
        FILES.statistics.table("knowledge"),
    log:
        FILES.log("statistics/knowledge"),
    conda:
        ENVS / "light.yaml"
    params:
        sources=embedded_sources(STUDY),
        statistics=STUDY.statistics.model_dump(),
        seed=STUDY.seed,
        version=stage_version("summarise"),
    message:
        "Testing the embedded models' knowledge"
    script:
        SCRIPTS / "knowledge.py"


rule count_stages:
    """Rows that every stage received, dropped and passed on."""
    input:
        clean=FILES.data.clean_counts(),
        split=FILES.data.split(),
        sources=[FILES.sources.answers(name) for name in STUDY.used_sources()],
        eligible=only_if(STUDY.mixes, FILES.mixes.eligible()),
        mixes=[FILES.mixes.counts(name) for name in STUDY.mixes],
        models=[FILES.models.folder(name) for name in FILES.models.of_kind("embedded")],
        responses=FILES.runs.all_responses(),
        prompts=[FILES.data.prompts(name) for name in [TRAIN, *PROMPT_SETS]],
    output:
        FILES.statistics.table("counts"),
    log:
        FILES.log("statistics/counts"),
    conda:
        ENVS / "light.yaml"
    params:
        sources=STUDY.used_sources(),
        mixes=list(STUDY.mixes),
        models=FILES.models.of_kind("embedded"),
        responses=[
            f"{target}/{mix}/seed{seed}/{name}"
            for target, mix, seed in FILES.runs.all()
            for name in PROMPT_SETS
        ],
        version=stage_version("count_stages"),
    message:
        "Counting the rows of every stage"
    script:
        SCRIPTS / "count_stages.py"


rule curves:
    """Training and validation losses of all runs."""
    input:
        FILES.runs.all_adapters(),
    output:
        FILES.statistics.table("curves"),
    log:
        FILES.log("statistics/curves"),
    conda:
        ENVS / "light.yaml"
    params:
        runs=FILES.runs.tuned(),
        version=stage_version("curves"),
    message:
        "Gathering the training curves"
    script:
        SCRIPTS / "curves.py"


rule write_tables:
    """Tables as CSV, Markdown and LaTeX."""
    input:
        OUTPUTS.table_statistics(),
    output:
        OUTPUTS.tables_by("write_tables"),
    log:
        FILES.log("tables/tables"),
    conda:
        ENVS / "light.yaml"
    params:
        names=table_names(STUDY),
        order=asdict(Order.of(STUDY)),
        confidence=STUDY.statistics.confidence,
        version=stage_version("write_tables"),
    message:
        "Writing the tables"
    script:
        SCRIPTS / "write_tables.py"


rule figure:
    """One figure as SVG and PNG."""
    input:
        lambda w: [
            FILES.statistics.table(name)
            for name in OUTPUTS.figure_plans[w.figure].tables
        ],
    output:
        svg=FILES.figures.svg(),
        png=FILES.figures.png(),
    log:
        FILES.log("figures/{figure}"),
    wildcard_constraints:
        figure=one_of(OUTPUTS.figure_plans),
    conda:
        ENVS / "light.yaml"
    params:
        figures=STUDY.figures.model_dump(),
        kind=lambda w: OUTPUTS.figure_plans[w.figure].kind,
        options=lambda w: OUTPUTS.figure_plans[w.figure].options,
        look={
            "kinds": {name: mix.group for name, mix in STUDY.mixes.items()},
            "mix_sources": {name: STUDY.mix_sources(name) for name in STUDY.mixes},
            "targets": STUDY.targets,
            "sources": [HUMAN, *STUDY.sources],
        },
        version=stage_version("figure"),
    message:
        "Drawing the figure {wildcards.figure}"
    script:
        SCRIPTS / "figure.py"


rule write_report:
    """Everything on one page that opens offline."""
    input:
        **{
            name: [shipped(file) if file.is_absolute() else file for file in files]
            for name, files in experiment_inputs(STUDY).items()
        },
        statistics=OUTPUTS.statistics(),
        pilots=[
            pilot
            for name in FILES.sources.piloted()
            for pilot in FILES.sources.pilots_of(name)
        ],
        figures=OUTPUTS.figures(),
        tables=OUTPUTS.computed_tables(),
        written=OUTPUTS.tables_by("write_tables"),
    output:
        FILES.report,
    log:
        FILES.log("report"),
    conda:
        ENVS / "light.yaml"
    params:
        study=STUDY.model_dump(mode="json"),
        embedded_sources=embedded_sources(STUDY),
        kinds={name: mix.composition for name, mix in STUDY.mixes.items()},
        pilots=FILES.sources.piloted(),
        version=stage_version("write_report"),
    message:
        "Writing the report"
    script:
        SCRIPTS / "write_report.py"
