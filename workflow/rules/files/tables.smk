"""Files of the statistics, tables and figures."""


def written_tables(rule):
    """Tables that a rule writes, as CSV, Markdown and LaTeX."""
    return FILES.tables.tables(table_names(STUDY, rule))


def swap_files():
    """Results of all swap tests; none where no family compares a measure that has one."""
    models = STUDY.targets if swapped_families(STUDY) else []
    models = [*models, *(["sources"] if swapped_sources(STUDY) else [])]
    return [FILES.statistics.swaps(model) for model in models]


def table_input():
    """Statistics that `write_tables` is given: what every study has, and what its tables need."""
    needed = needed_frames(table_names(STUDY))
    names = dict.fromkeys(["summary", "comparisons", "counts", *needed])
    return FILES.statistics.tables(names)


def table_files():
    """All tables, whichever rule writes them."""
    written = [name for name, table in tables_of(STUDY).items() if table.rule != REPORT]
    return FILES.tables.tables(written)


def report_table_files():
    """Tables whose rules compute them, which the report reads as they are."""
    return [
        FILES.tables.table(name, "csv")
        for name, table in tables_of(STUDY).items()
        if table.function is None
    ]


def statistics_files():
    """Tables of `statistics/` that the report is made of."""
    names = ["summary", "comparisons", "counts", *needed_frames(tables_of(STUDY))]
    names += [name for each in STUDY_EXPERIMENTS for name in each.statistics(STUDY)]
    return FILES.statistics.tables(dict.fromkeys(names))


def figure_files():
    return [FILES.figures.svg(name) for name in FIGURES]


def experiment_inputs():
    """What the report reads for the experiments besides their statistics."""
    return {
        f"{each.name}_{name}": [
            shipped(file) if file.is_absolute() else file for file in files
        ]
        for each in STUDY_EXPERIMENTS
        for name, files in each.report_inputs(STUDY).items()
    }


def experiment_files(experiment):
    """All that an experiment gives: statistics, tables, figures and what else it names."""
    shown = {
        name: table
        for name, table in tables_of(STUDY).items()
        if table.section == experiment.name and table.rule != REPORT
    }
    drawn = [name for name, plan in FIGURES.items() if plan.section == experiment.name]
    return [
        *FILES.statistics.tables(experiment.statistics(STUDY)),
        *FILES.tables.tables(shown),
        *map(FILES.figures.svg, drawn),
        *experiment.results(STUDY),
    ]


try:
    FIGURES = planned_figures(STUDY)
    check_sections(STUDY)
except UserError as error:
    raise WorkflowError(f"\n{error}") from None
