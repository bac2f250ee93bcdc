"""Checks of the config section `benchmarks`."""

from __future__ import annotations

from collections.abc import Iterable

from manybaskets.config.study import Study
from manybaskets.config.study_checks import require_names
from manybaskets.experiments.benchmarks.own_runs import with_runs
from manybaskets.experiments.benchmarks.settings import RUNS, Benchmarks


def check_benchmarks(study: Study) -> None:
    """Check that every used name is defined, and that grids and curves have what they need.

    Raises:
        ValueError: an invalid value; the message starts with the key.
    """
    section = with_runs(study)
    _check_harness(study, section)
    labels = [section.label(name) for name in (*section.models, *section.tasks)]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"benchmarks: two models or tasks have the label '{label}'")
    for name in section.averages.keys() & section.tasks.keys():
        raise ValueError(f"benchmarks.averages.{name}: is a benchmark, too; use another name")
    for name, members in section.averages.items():
        key = f"benchmarks.averages.{name}"
        require_names(key, members, section.tasks, "benchmarks.tasks")
        if len(set(members)) != len(members):
            raise ValueError(f"{key}: remove the duplicate; each benchmark counts once")
    for name, files in section.results.items():
        for number, file in enumerate(files):
            key = f"benchmarks.results.{name}.{number}"
            if file.kind == "csv":
                columns = {"columns": file.columns, "se_columns": file.se_columns}
                for component, given in columns.items():
                    require_names(f"{key}.{component}", given, section.tasks, "benchmarks.tasks")
                require_names(f"{key}.se_columns", file.se_columns, file.columns, "columns")
                require_names(f"{key}.models", file.models, section.models, "benchmarks.models")
            elif file.kind == "item_csv":
                require_names(f"{key}.columns", file.columns, section.models, "benchmarks.models")
                require_names(
                    f"{key}.benchmark", [file.benchmark], section.tasks, "benchmarks.tasks"
                )
            else:
                require_names(f"{key}.model", [file.model], section.models, "benchmarks.models")
                for component, given in {
                    "benchmarks": file.benchmarks or [],
                    "samples": file.samples,
                }.items():
                    require_names(f"{key}.{component}", given, section.tasks, "benchmarks.tasks")
    for kind in ("selections", "agreement", "preferences", "grids", "scaling", "blends"):
        for name, each in getattr(section, kind).items():
            _check_component(section, f"benchmarks.{kind}.{name}", each)
    for name, each in section.selections.items():
        if each.baseline:
            key = f"benchmarks.selections.{name}.baseline"
            require_names(key, [each.baseline], each.models, "its `models`")
    for name, grid in section.grids.items():
        _need(section, f"benchmarks.grids.{name}.models", grid.models, ("base", "source"))
    for name, curves in section.scaling.items():
        key = f"benchmarks.scaling.{name}"
        _need(section, f"{key}.models", curves.models, ("source", "rows"))
        require_names(f"{key}.benchmarks", curves.benchmarks, section.tasks, "benchmarks.tasks")
        if not curves.averages and not curves.benchmarks:
            raise ValueError(f"{key}: list `averages` or `benchmarks` to show")
    if section.published:
        key = "benchmarks.published"
        _check_results(section, key, section.published.results)
        for name, table in section.published.tables.items():
            where = f"{key}.tables.{name}"
            require_names(f"{where}.rows", table.rows.values(), section.models, "benchmarks.models")
            columns = {**section.tasks, **section.averages}
            require_names(f"{where}.columns", table.columns.values(), columns, "tasks and averages")


def _check_harness(study: Study, section: Benchmarks) -> None:
    if RUNS in section.results:
        raise ValueError(f"benchmarks.results.{RUNS}: reserved for the harness; use another name")
    if not section.harness:
        if not section.results:
            raise ValueError("benchmarks: add `results`, or `harness` to evaluate the runs")
        return
    key = "benchmarks.harness"
    require_names(f"{key}.tasks", section.harness.tasks, section.tasks, "benchmarks.tasks")
    require_names(f"{key}.models", section.harness.models, study.models, "models")
    facts = section.harness.world_facts
    require_names(
        f"{key}.world_facts", [facts] if facts else [], section.harness.tasks, f"{key}.tasks"
    )
    if facts and not study.embedded_world:
        raise ValueError(f"{key}.world_facts: belongs to the embedded world; remove it")
    if not study.targets and not section.harness.models:
        raise ValueError(f"{key}.models: name models to evaluate, because there are no `targets`")


def _check_component(section: Benchmarks, key: str, component) -> None:
    _check_results(section, key, component.results)
    for names in ("models", "students", "teachers", "components"):
        given = list(getattr(component, names, None) or ())
        require_names(f"{key}.{names}", given, section.models, "benchmarks.models")
        if len(set(given)) != len(given):
            raise ValueError(f"{key}.{names}: remove the duplicate")
    if hasattr(component, "blend"):
        require_names(f"{key}.blend", [component.blend], section.models, "benchmarks.models")
    if hasattr(component, "benchmark"):
        require_names(f"{key}.benchmark", [component.benchmark], section.tasks, "benchmarks.tasks")
    require_names(
        f"{key}.averages",
        getattr(component, "averages", ()),
        section.averages,
        "benchmarks.averages",
    )
    other = getattr(component, "teacher_results", None)
    require_names(
        f"{key}.teacher_results",
        [other] if other else [],
        section.result_sets(),
        "benchmarks.results",
    )


def _check_results(section: Benchmarks, key: str, chosen: str | None) -> None:
    if chosen is None and len(section.result_sets()) > 1:
        listed = ", ".join(section.result_sets())
        raise ValueError(f"{key}.results: name one of several result sets ({listed})")
    sets = section.result_sets()
    require_names(f"{key}.results", [chosen] if chosen else [], sets, "benchmarks.results")


def _need(section: Benchmarks, key: str, models: Iterable[str], fields: Iterable[str]) -> None:
    for name in models:
        for field in fields:
            if getattr(section.models[name], field) is None:
                raise ValueError(f"{key}: '{name}' needs `benchmarks.models.{name}.{field}`")
