"""The workflow as a module of another one, as docs/runs.md shows it."""

from __future__ import annotations

import re

import pytest
from projects import REPOSITORY, Project, new_project

SHOWN = re.search(
    r"```python\n(configfile.*?)```", (REPOSITORY / "docs/runs.md").read_text(), re.DOTALL
)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Project:
    """Another workflow, with a clone of this one in it."""
    folder = tmp_path_factory.mktemp("other")
    new_project(folder / "many-baskets")
    (folder / "config").symlink_to(folder / "many-baskets/config")
    (folder / "Snakefile").write_text(
        SHOWN.group(1).replace("rules.cards.input", "rules.data.input")
    )
    return Project(folder)


def test_a_rule_of_the_other_workflow_goes_on_from_the_results(other):
    other.run("--cores", "2")
    assert other.path("data/split.parquet").exists()
    assert "total" in (other.folder / "longest.txt").read_text()
    assert "Nothing to be done" in other.run("--cores", "2").stdout
    planned = other.run("plan", "--cores", "2").stdout
    assert "Plan of the study embedded" in planned


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("exclude all", "as other_*", "the rules of Many Baskets have a prefix"),
        (
            '"many-baskets/Snakefile"',
            '"elsewhere/Snakefile"',
            "the files next to the Snakefile are not",
        ),
    ],
    ids=["a prefix", "rules without their files"],
)
def test_what_cannot_work_is_said(other, written, instead, said):
    elsewhere = other.folder / "elsewhere/workflow"
    if not elsewhere.exists():
        (elsewhere / "rules").mkdir(parents=True)
        (elsewhere.parent / "Snakefile").write_bytes(
            (other.folder / "many-baskets/Snakefile").read_bytes()
        )
        for rules in (other.folder / "many-baskets/workflow/rules").glob("*.smk"):
            (elsewhere / "rules" / rules.name).write_bytes(rules.read_bytes())
    file = other.folder / "Wrong"
    file.write_text((other.folder / "Snakefile").read_text().replace(written, instead))
    refused = other.run("-n", "--snakefile", file.name, check=False)
    assert refused.returncode and said in refused.stdout


def test_the_catalog_finds_what_it_looks_for(other):
    """`workflow/Snakefile`, which the catalog and `snakedeploy` name, has the same rules."""
    own = Project(other.folder / "many-baskets")
    listed = [
        own.run("--list-rules", *file).stdout
        for file in ([], ["--snakefile", "workflow/Snakefile"])
    ]
    assert listed[0] == listed[1] and "train" in listed[0].split()
    assert all(
        (REPOSITORY / name).exists()
        for name in (".snakemake-workflow-catalog.yml", "config/README.md")
    )
