"""The seam of experiments: what is registered is all that the rest knows of them."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import Annotated, Literal

import pytest
from extension_files import extended
from pydantic import Field
from repository import ROOT

from manybaskets.config import documentation
from manybaskets.config.experiment_sections import EXPERIMENT_SECTIONS
from manybaskets.config.loading import parse_study, read_yaml
from manybaskets.config.sections import Section
from manybaskets.errors import UserError
from manybaskets.experiments import EXPERIMENTS, Experiment, experiments_of, job_profiles, register
from manybaskets.jobs.stage_versions import STAGES
from manybaskets.presentation.figures.registry import FIGURES
from manybaskets.presentation.tables import TABLES
from manybaskets.report.all_tables import tables_of
from manybaskets.report.figures import planned_figures

SETTINGS = read_yaml(ROOT / "config/config.yaml")
LIBRARY = ROOT / "workflow/manybaskets"


@contextmanager
def with_echo():
    """The experiment of `tests/extensions/echo`, registered for one test."""
    registries = {"experiments": EXPERIMENTS, "sections": EXPERIMENT_SECTIONS}
    with extended("echo/echo.py", **registries, tables=TABLES, figures=FIGURES):
        yield


def study(**changes):
    return parse_study(SETTINGS | changes, "config.yaml")


def test_its_section_is_validated_by_its_own_class():
    with with_echo():
        assert study(echo={"shortest": 5}).echo.shortest == 5
        assert study(echo={}).echo.shortest == 4
        assert study().echo is None
        with pytest.raises(UserError, match=r"echo\.shortest: .*greater than or equal to 1"):
            study(echo={"shortest": 0})
        with pytest.raises(UserError, match=r"echo\.longest: unknown key"):
            study(echo={"longest": 9})
    with pytest.raises(UserError, match="echo: unknown key"):
        study(echo={})


def test_a_mistake_in_a_union_is_told_without_its_kind():
    """Of a section whose kinds nobody but the experiment knows."""

    class FromFile(Section):
        kind: Literal["file"]
        rows: int

    class FromHub(Section):
        kind: Literal["hub"]

    class WithUnion(Section):
        tasks: dict[str, Annotated[FromFile | FromHub, Field(discriminator="kind")]]

    with with_echo():
        register(
            type("Tasks", (Experiment,), {"name": "t", "section": WithUnion, "description": ""})()
        )
        with pytest.raises(UserError, match=r"\n    t\.tasks\.file\.rows: this key is missing\n"):
            study(t={"tasks": {"file": {"kind": "file"}}})


def test_its_section_is_checked_against_the_rest_of_the_study():
    families = {
        name: family
        for name, family in SETTINGS["comparisons"].items()
        if family.get("prompt_set") != "train"
    }
    with with_echo(), pytest.raises(UserError, match="echo: no source is described"):
        study(echo={}, source_analysis=None, comparisons=families)


def test_a_study_without_it_has_the_same_plain_values():
    before = study().model_dump(mode="json")
    with with_echo():
        assert study().model_dump(mode="json") == before
        dumped = study(echo={}).model_dump(mode="json")
        assert dumped == {**before, "echo": {"shortest": 4}}
        assert parse_study(dumped, "a report's parameters").echo.shortest == 4


def test_schema_and_documentation_have_its_section():
    with with_echo():
        schema = json.loads(documentation.json_schema())
        assert schema["properties"]["echo"]["description"].startswith("How much of their question")
        text = documentation.configuration_page()
        assert "## `echo`" in text and "| `shortest` | whole number, ≥ 1 | `4` |" in text
    assert "echo" not in json.loads(documentation.json_schema())["properties"]


def test_tables_figures_and_jobs_come_with_the_section_only():
    with with_echo():
        absent, present = study(), study(echo={})
        assert [each.name for each in experiments_of(present)][-1] == "echo"
        assert "echo" not in [each.name for each in experiments_of(absent)]
        for planned in (tables_of, planned_figures, job_profiles):
            assert any(name.startswith("echo") for name in planned(present))
            assert not any(name.startswith("echo") for name in planned(absent))


@pytest.mark.parametrize("taken", ["models", "robustness"])
def test_a_name_that_is_taken_is_refused(taken):
    with with_echo():
        another = type("Another", (type(EXPERIMENTS.get("echo")),), {"name": taken})
        with pytest.raises(ValueError, match=taken):
            register(another())


def test_a_stage_that_exists_is_refused():
    with with_echo():
        stages = {"stages": {"summarise": 1}, "name": "second"}
        another = type("Another", (type(EXPERIMENTS.get("echo")),), stages)
        with pytest.raises(ValueError, match="summarise"):
            register(another())
        assert STAGES["summarise"] > 1


def test_everything_but_the_report_section_may_be_left_out():
    """Every other method of the protocol has a meaning when nothing is said."""
    plain = type("Plain", (Experiment,), {"name": "plain"})()
    assert plain.warnings(None) == plain.statistics(None) == plain.results(None) == []
    assert plain.operations(None) == plain.job_profiles(None) == plain.report_inputs(None) == {}
    assert plain.table_contexts(None, {}) == plain.stages == {}
    assert plain.check(None) is None and plain.rules is None


def test_no_module_outside_its_package_names_an_experiment():
    """Only its package, its rule file, its scripts and the config do, and one line that registers it."""
    names = "|".join(EXPERIMENTS.names())
    # Snakemake calls the time and memory of a job its benchmark, so that word alone names nothing.
    words = names.replace("benchmarks", r"study\.benchmarks|experiments[./]benchmarks")
    own = re.compile(
        rf"manybaskets/experiments/({names})/|manybaskets/experiments/__init__\.py$"
        rf"|manybaskets/config/|rules/({names})\.smk$|scripts/({names})_\w+\.py$"
    )
    files = [ROOT / "Snakefile"]
    files += [file for end in ("py", "smk", "j2") for file in (ROOT / "workflow").rglob(f"*.{end}")]
    assert len(files) > 300
    named = {
        str(file.relative_to(ROOT)): found
        for file in files
        if not own.search(file.as_posix())
        and (found := re.findall(rf"(?i)\w*(?:{words})\w*", file.read_text(encoding="utf-8")))
    }
    assert named == {}
    face = (LIBRARY / "experiments/__init__.py").read_text(encoding="utf-8")
    assert len(re.findall(rf"\b(?:{names})\b", face)) == len(EXPERIMENTS)
