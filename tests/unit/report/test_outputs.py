"""Which statistics, tables and figures a study has, as files."""

from __future__ import annotations

import subprocess
import sys

import pytest
from planned_jobs import study

from manybaskets.experiments import EXPERIMENTS
from manybaskets.layout import Files
from manybaskets.report.outputs import ALWAYS, StudyOutputs


def outputs(**changes) -> StudyOutputs:
    return StudyOutputs(Files(study(**changes)))


@pytest.fixture(scope="module")
def embedded() -> StudyOutputs:
    return outputs()


def stems(files) -> set[str]:
    return {file.stem for file in files}


def test_every_table_comes_as_csv_markdown_and_latex(embedded):
    written = embedded.tables_by("write_tables")
    assert [file.suffix for file in written[:3]] == [".csv", ".md", ".tex"]
    assert {"conditions", "comparisons", "exclusions", "counts"} <= stems(written)
    assert set(written) < set(embedded.tables())


def test_tables_are_given_the_statistics_that_they_need(embedded):
    assert [file.stem for file in embedded.table_statistics()][: len(ALWAYS)] == list(ALWAYS)
    assert "divergence" in stems(embedded.table_statistics())
    without = outputs(divergence={"prompts": 0})
    assert "divergence" not in stems(without.table_statistics() + without.statistics())


def test_computed_tables_are_read_as_csv(embedded):
    computed = embedded.computed_tables()
    assert {"throughput", "throughput-correlation"} <= stems(computed)
    assert {file.suffix for file in computed} == {".csv"}


def test_swap_tests_are_there_for_targets_and_sources(embedded):
    assert stems(embedded.swaps()) == {"llama", "sources"}
    assert outputs(statistics={"answer_swaps": 0}).swaps() == []


def test_an_experiment_has_its_statistics_tables_and_figures(embedded):
    robustness, preference = EXPERIMENTS.get("robustness"), EXPERIMENTS.get("preference")
    files = embedded.of_experiment(robustness)
    assert {file.parent.name for file in files} >= {"statistics", "tables", "figures"}
    assert not any(file.stem.startswith("preference") for file in files)
    assert not set(files) & set(embedded.of_experiment(preference))
    left_out = outputs(robustness=None)
    assert left_out.of_experiment(robustness) == []
    assert not stems(left_out.statistics()) & {"robustness", "robustness-comparisons"}
    assert not any("robustness" in file.stem for file in left_out.figures())


def test_planning_tables_and_figures_draws_nothing():
    """Every job reads the rules, and with them which tables and figures there are."""
    code = "import sys, manybaskets.report.outputs as _; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
