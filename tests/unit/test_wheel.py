"""An installation without a checkout: the wheel holds all that the library reads, and works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from repository import LIBRARY, ROOT, SUPPORT

# Tests that read rubrics, templates and captions, and make tables, figures, cards and the report.
READING = (
    "cards",
    "config/test_config.py",
    "judging/test_judging_rubrics.py",
    "plan/test_plan_robustness.py",
    "presentation",
    "report/test_measured_tables.py",
    "report/test_planned_figures.py",
    "report/test_report.py",
)
# By setuptools itself, the source distribution first: no index is asked for anything.
BUILD = """
import os, sys, tarfile
from setuptools import build_meta

os.chdir(sys.argv[1])
source = build_meta.build_sdist("..")
with tarfile.open(f"../{source}") as archive:
    archive.extractall("../from-source", filter="data")
os.chdir("../from-source/" + source.removesuffix(".tar.gz"))
print(build_meta.build_wheel("../.."))
"""
PLUGIN = """
from pathlib import Path

def pytest_sessionstart(session):
    import manybaskets
    assert Path(manybaskets.__path__[0]) == Path(__file__).parent / "site/manybaskets"
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    finished = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
    return finished.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the source distribution, of a copy that holds nothing that was built before."""
    folder = tmp_path_factory.mktemp("build")
    copy = folder / "copy"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "external")
    for part in ("workflow", "resources"):
        shutil.copytree(ROOT / part, copy / part, symlinks=True, ignore=ignored)
    # Whatever a user keeps there is not packed.
    (copy / "resources/external/data").mkdir(parents=True)
    (copy / "resources/external/data/rows.jsonl").touch()
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, copy)
    printed = run(sys.executable, "-W", "ignore", "-c", BUILD, copy, cwd=folder)
    return folder / printed.split()[-1]


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder outside of any checkout, with the installed library in `site`."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--disable-pip-version-check", "--target", "site", wheel, cwd=folder)
    return folder


def test_the_wheel_holds_every_file_of_the_library(wheel):
    files = {
        str(Path(folder, name).relative_to(LIBRARY))
        for package in ("manybaskets", "snakemake_logger_plugin_manybaskets")
        for folder, _, names in os.walk(LIBRARY / package, followlinks=True)
        for name in names
        if not {"__pycache__", "external"} & set(Path(folder).parts)
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == files
    assert {"manybaskets/shipped/rubrics/quality.yaml", "manybaskets/cards/mix_card.md.j2"} < packed


def test_the_library_works_outside_of_a_checkout(installed):
    script = SUPPORT / "outside_a_checkout.py"
    site = installed / "site"
    found = json.loads(run(sys.executable, script, site, cwd=installed, PYTHONPATH=str(site)))
    assert found["commit"] == "no checkout: many-baskets 0.1.0"
    assert found["rubric"] == found["embedded"] == "quality"
    assert found["schema"] == "Many Baskets study"
    assert found["published"] > 100 and min(found["stages"]) > 0 and found["modules"] > 250


def test_what_reads_the_librarys_files_reads_those_of_the_wheel(installed):
    (installed / "outside.py").write_text(PLUGIN)
    tests = [ROOT / "tests/unit" / test for test in READING]
    run(
        *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "outside", "-p", "no:cacheprovider"),
        *("--basetemp", installed / "tmp"),
        *("-c", ROOT / "pyproject.toml", "-o", f"pythonpath={SUPPORT}", *tests),
        cwd=installed,
        PYTHONPATH=os.pathsep.join(map(str, (installed / "site", installed))),
    )
