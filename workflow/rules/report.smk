"""Statistics, tables, figures, report: all from measured rows, without a model."""


rule summarise:
    """Intervals of every condition, paired comparisons within the declared families."""
    input:
        measured=measured_files(),
        swaps=swap_files(),
    output:
        summary=path("statistics/summary.parquet"),
        comparisons=path("statistics/comparisons.parquet"),
        seeds=path("statistics/seeds.parquet"),
        distributions=path("statistics/distributions.parquet"),
    log:
        log_of("statistics/summarise"),
    benchmark:
        benchmark_of("statistics/summarise")
    conda:
        ENVS / "light.yaml"
    params:
        statistics=STUDY.statistics.model_dump(),
        families={
            name: family.model_dump() for name, family in STUDY.comparisons.items()
        },
        seed=STUDY.seed,
        version=stage_version("summarise"),
    message:
        "Computing intervals and comparisons"
    script:
        SCRIPTS / "summarise.py"


rule knowledge:
    """How well each embedded model knows its world."""
    input:
        sources=[source_file(name) for name in embedded_sources()],
        truth=truth_files(),
    output:
        path("statistics/knowledge.parquet"),
    log:
        log_of("statistics/knowledge"),
    conda:
        ENVS / "light.yaml"
    params:
        sources=embedded_sources(),
        statistics=STUDY.statistics.model_dump(),
        seed=STUDY.seed,
        version=stage_version("summarise"),
    message:
        "Testing what the embedded models know"
    script:
        SCRIPTS / "knowledge.py"


rule count_stages:
    """What came in, left and went on at every stage."""
    input:
        clean=path("data/clean.json"),
        split=path("data/split.parquet"),
        sources=[source_file(name) for name in STUDY.used_sources()],
        eligible=[path("mixes/eligible.parquet")] if STUDY.mixes else [],
        mixes=[path(f"mixes/{name}/counts.csv") for name in STUDY.mixes],
        models=[model_input(name) for name in embedded_models()],
        responses=response_files(),
    output:
        path("statistics/counts.parquet"),
    log:
        log_of("statistics/counts"),
    conda:
        ENVS / "light.yaml"
    params:
        sources=STUDY.used_sources(),
        mixes=list(STUDY.mixes),
        models=embedded_models(),
        responses=[
            f"{target}/{mix}/seed{seed}/{name}"
            for target, mix, seed in runs()
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
        adapter_folders(),
    output:
        path("statistics/curves.parquet"),
    log:
        log_of("statistics/curves"),
    conda:
        ENVS / "light.yaml"
    params:
        runs=[run for run in runs() if run[1] != VANILLA],
        version=stage_version("curves"),
    message:
        "Gathering the training curves"
    script:
        SCRIPTS / "curves.py"


rule write_tables:
    """Tables as CSV, Markdown and LaTeX."""
    input:
        path("statistics/summary.parquet"),
        path("statistics/comparisons.parquet"),
        path("statistics/counts.parquet"),
        divergence_files(),
    output:
        table_files(),
    log:
        log_of("tables/tables"),
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
            path(f"statistics/{name}.parquet") for name in FIGURES[w.figure].tables
        ],
    output:
        svg=path("figures/{figure}.svg"),
        png=path("figures/{figure}.png"),
    log:
        log_of("figures/{figure}"),
    wildcard_constraints:
        figure=one_of(FIGURES),
    conda:
        ENVS / "light.yaml"
    params:
        figures=STUDY.figures.model_dump(),
        kind=lambda w: FIGURES[w.figure].kind,
        options=lambda w: FIGURES[w.figure].options,
        look={
            "kinds": {name: mix.kind for name, mix in STUDY.mixes.items()},
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
        statistics=statistics_files(),
        pilots=[pilot for name in piloted_sources() for pilot in pilot_files(name)],
        figures=figure_files(),
        tables=report_table_files(),
        written=table_files(),
        templates=attack_template_files(),
        canaries=canary_files(),
        robustness=[PUBLISHED_ROBUSTNESS] if ROBUSTNESS else [],
        preference=[PUBLISHED_PREFERENCE] if PREFERENCE else [],
        texts=[path("preference/texts.parquet")] if PREFERENCE else [],
    output:
        path("report.html"),
    log:
        log_of("report"),
    conda:
        ENVS / "light.yaml"
    params:
        study=STUDY.model_dump(mode="json"),
        embedded_sources=embedded_sources(),
        kinds={name: mix_kind(name) for name in STUDY.mixes},
        pilots=piloted_sources(),
        version=stage_version("write_report"),
    message:
        "Writing the report"
    script:
        SCRIPTS / "write_report.py"
