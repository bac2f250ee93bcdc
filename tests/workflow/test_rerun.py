"""What runs again and what does not, on a finished study."""

from __future__ import annotations

import shutil
import subprocess
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from projects import Project, new_project

from manybaskets.config import load_study
from manybaskets.report.figures import planned_figures


def test_nothing_is_left_to_do(finished):
    assert finished.planned() == {}


def test_a_lost_source_reruns_itself_and_what_depends_on_it(copy_of_finished):
    """Gemma's answers go into two mixes; every mix shares the prompts that all sources answered."""
    shutil.rmtree(copy_of_finished.path("sources/gemma"))
    jobs = copy_of_finished.planned()
    assert jobs["generate"] == 1 and jobs["collect"] == 1
    untouched = {"world", "dataset", "clean", "split", "prompt_sets", "pretrain", "human_source"}
    assert not untouched & set(jobs)


def test_a_lost_source_comes_back_and_reruns_nothing_else_that_is_the_same(copy_of_finished):
    """Its rows are reused from the journal, its bytes are the same, so training starts nowhere."""
    file = copy_of_finished.path("sources/gemma/train.parquet")
    before = file.read_bytes()
    report = copy_of_finished.path("report.html").read_bytes()
    shutil.rmtree(file.parent)
    printed = copy_of_finished.run("--cores", "2", "sources").stdout
    assert file.read_bytes() == before
    assert "Running the pilot of source gemma" in printed
    assert "gemma answers the training prompts" in printed
    assert printed.count("answers the training prompts") == 1
    log = copy_of_finished.path("logs/sources/gemma/0-of-1.log").read_text()
    assert "reusing 800 finished rows" in log
    assert copy_of_finished.path("report.html").read_bytes() == report


def test_a_plot_setting_reruns_figures_only(copy_of_finished):
    config = copy_of_finished.folder / "config/config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["figures"] = {"width": 6.0}
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    jobs = copy_of_finished.planned()
    assert set(jobs) == {"figure", "write_report"}
    assert jobs["figure"] == len(planned_figures(load_study(config)))
    # All are planned; drawing one shows that the setting arrives, and that nothing else is made.
    figure = copy_of_finished.path("figures/habits.svg")
    before, results = figure.read_bytes(), times_of(copy_of_finished)
    printed = copy_of_finished.run(str(figure.relative_to(copy_of_finished.folder))).stdout
    assert printed.count("Drawing the figure") == 1
    assert figure.read_bytes() != before
    after = times_of(copy_of_finished)
    assert after.keys() == results.keys()
    changed = {file.name for file, time in after.items() if time != results[file]}
    assert changed == {"habits.svg", "habits.png"}


def times_of(project: Project) -> dict[Path, int]:
    """When each figure, table and statistic was written."""
    folders = [project.path(name) for name in ("figures", "tables", "statistics")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {file: file.stat().st_mtime_ns for file in files}


def test_limits_of_a_trial_rerun_the_trial_only_and_other_limits_nothing(copy_of_finished):
    config = copy_of_finished.folder / "config/config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["sources"]["gemma"]["quality"] = {"max_failed_share": 0.5}
    settings["sources"]["gemma"]["max_error_share"] = 0.5
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    assert set(copy_of_finished.planned()) == {"write_report"}  # it shows the config
    settings["sources"]["gemma"]["pilot"] = {"max_empty_share": 0.5}
    config.write_text(yaml.safe_dump(settings, sort_keys=False))
    assert set(copy_of_finished.planned()) == {"pilot", "write_report"}


def test_one_result_file_can_be_asked_for(copy_of_finished):
    file = copy_of_finished.path("tables/conditions.csv")
    before = file.read_bytes()
    file.unlink()
    relative = str(file.relative_to(copy_of_finished.folder))
    assert set(copy_of_finished.planned(relative)) == {"write_tables"}
    copy_of_finished.run("--cores", "1", relative)
    assert file.read_bytes() == before


def test_a_config_may_be_given_by_name_and_does_not_mix_with_the_default(project):
    """Only the keys of the file that was named count."""
    settings = yaml.safe_load((project.folder / "config/config.yaml").read_text())
    settings |= {
        "study": "other",
        "mixes": {"human": {"kind": "human"}},
        "sources": {},
        "source_counts": {},
        "comparisons": {},
        "preference": None,
    }
    (project.folder / "other.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    jobs = project.planned("--configfile", "other.yaml")
    assert jobs["train"] == 3 and jobs["mix"] == 1 and "generate" not in jobs


def needed(package: str, found: dict[str, Distribution]) -> dict[str, Distribution]:
    """A package and all that it asks for by itself, by name."""
    if canonicalize_name(package) not in found:
        found[canonicalize_name(package)] = distribution(package)
        for line in distribution(package).requires or []:
            asked = Requirement(line)
            if not asked.marker or asked.marker.evaluate({"extra": ""}):
                needed(asked.name, found)
    return found


@pytest.fixture
def light(tmp_path) -> Path:
    """A Python with what `pip install .` installs, without an extra."""
    folder = tmp_path / "light"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    for each in needed("many-baskets", {}).values():
        for top in {file.parts[0] for file in each.files} - {"..", "__pycache__"}:
            # This project's own code comes from where Snakemake runs.
            if not top.startswith(("__editable__", "manybaskets")):
                (packages / top).symlink_to(Path(str(each.locate_file(top))))
    return folder / "bin/python"


@pytest.fixture
def clone_with_results(finished, tmp_path) -> Project:
    """A new clone with copied results: without file times, and without what Snakemake knows."""
    clone = new_project(tmp_path / "clone")
    shutil.copytree(
        finished.path(""),
        clone.path(""),
        copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns("work"),
    )
    return clone


def test_copied_results_are_up_to_date_whatever_their_times(clone_with_results):
    assert clone_with_results.planned() == {}
    (clone_with_results.folder / "resources/published/self_preference.csv").touch()
    assert clone_with_results.planned() == {}
    for figure in clone_with_results.path("figures").iterdir():
        figure.unlink()
    assert set(clone_with_results.planned("figures", "tables")) == {"figure"}
    with open(
        clone_with_results.folder / "resources/published/self_preference.csv", "a"
    ) as changed:
        changed.write("\n")
    assert "preference_tables" in clone_with_results.planned()


def test_figures_and_tables_come_from_copied_results_with_the_light_installation(
    clone_with_results, light
):
    """What computes asks for an extra, by its name."""
    clone = clone_with_results

    def snakemake(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [light, "-m", "snakemake", "--cores", "2", *arguments],
            cwd=clone.folder,
            env=clone.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    for package in ("torch", "scipy", "pyarrow"):
        there = subprocess.run([light, "-c", f"import {package}"], capture_output=True)
        assert there.returncode, f"the light environment has {package}, so the test shows nothing"
    results = clone.path("").relative_to(clone.folder)
    study = load_study(clone.folder / "config/config.yaml")
    of_each_kind = {
        plan.kind: f"figures/{name}.png" for name, plan in planned_figures(study).items()
    }
    wanted = [clone.path(figure) for figure in of_each_kind.values()]
    for file in [*wanted, *clone.path("tables").iterdir()]:
        if not file.name.startswith("throughput"):  # the rule that times the sources computes it
            file.unlink()
    done = snakemake("tables", *(str(results / figure) for figure in of_each_kind.values()))
    assert done.returncode == 0, done.stdout[-3000:]
    assert all(figure.exists() for figure in wanted) and len(wanted) > 15
    assert clone.path("tables/comparisons.tex").exists()
    summary = results / "statistics/summary.parquet"
    (clone.folder / summary).unlink()
    failed = snakemake(str(summary))
    assert failed.returncode
    assert "an installation with the extra `analysis`" in failed.stdout, failed.stdout[-3000:]
