"""The examples of CONTRIBUTING.md run as they are written, from a folder that holds nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from documents import text_of
from repository import LIBRARY, ROOT

sys.path.insert(0, str(ROOT / "docs"))
from copy_examples import BLOCK, EXTENSIONS, with_examples


def blocks() -> list[tuple[str, str, str]]:
    """Language, file name and text of every example: `yaml` is keys of a config, `yml` a rubric."""
    return [found.groups() for found in BLOCK.finditer(text_of("CONTRIBUTING.md"))]


def snippets() -> list[dict]:
    """The examples of config keys."""
    return [yaml.safe_load(text) for language, _, text in blocks() if language == "yaml"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the examples, and the embedded study's config with all their keys in study.yaml."""
    folder = tmp_path_factory.mktemp("contributing")
    for language, name, text in blocks():
        if language != "yaml":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    for snippet in snippets():
        study = joined(study, snippet)
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    shutil.copytree(ROOT / "resources", folder / "resources")
    return folder


def joined(settings, changes):
    """Both together: sections key by key, lists one after the other."""
    if isinstance(settings, dict) and isinstance(changes, dict):
        both = dict(settings)
        for key, value in changes.items():
            both[key] = joined(both[key], value) if key in both else value
        return both
    return [*settings, *changes] if isinstance(settings, list) else changes


def python(folder, *arguments):
    path = os.pathsep.join([str(LIBRARY), str(folder)])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def test_every_example_is_the_file_that_the_tests_of_its_seam_use():
    page = text_of("CONTRIBUTING.md")
    assert page == with_examples(page), "run `make docs`"
    named = {name for _, name, _ in blocks()}
    # Other tests run the files, which may leave compiled ones next to them.
    kept = {
        file.relative_to(EXTENSIONS).as_posix()
        for file in EXTENSIONS.rglob("*.*")
        if file.suffix != ".pyc"
    }
    assert kept - named == set(), "CONTRIBUTING.md shows every file of tests/extensions"


def test_every_extension_of_an_example_is_written_down():
    listed = [name for snippet in snippets() for name in snippet.get("extensions", [])]
    assert listed and len(listed) == len(set(listed))
    assert set(listed) <= {name for _, name, _ in blocks()}


def test_the_tests_of_the_examples_pass(folder):
    done = python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".")
    assert done.returncode == 0, done.stdout
    assert f"{text_of('CONTRIBUTING.md').count('def test_')} passed" in done.stdout


def test_a_study_with_all_examples_is_planned(folder):
    snakemake = ["-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile")]
    done = python(folder, *snakemake, "--configfile", "study.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    made = ["sources/phrases/train.parquet", "mixes/coin/train.jsonl", "statistics/echo.parquet",
            "tables/echo.csv", "tables/words.csv", "figures/words.svg"]  # fmt: skip
    for file in made:
        assert f"results/embedded/{file}" in done.stdout
