"""Files that come with the library are found from one place, in a checkout and outside of one."""

from __future__ import annotations

import ast

import pytest
from repository import LIBRARY, ROOT

from manybaskets.jobs import provenance
from manybaskets.records import resources


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """The library as it is without the workflow around it, in an empty working directory."""
    site = tmp_path / "site/manybaskets"
    site.mkdir(parents=True)
    (site / "shipped").symlink_to(ROOT / "resources")
    monkeypatch.setattr(resources, "library_folder", lambda: site)
    monkeypatch.setattr(resources, "checkout", lambda: None)
    monkeypatch.setattr(provenance, "checkout", lambda: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_checkout_names_the_files_that_rules_have_as_input():
    assert resources.checkout() == ROOT
    assert resources.resource("rubrics/quality.yaml") == ROOT / "resources/rubrics/quality.yaml"
    assert resources.project_path("resources/rubrics") == ROOT / "resources/rubrics"
    assert resources.project_path("/elsewhere/rubrics").as_posix() == "/elsewhere/rubrics"
    assert len(provenance.git_commit()) == 40


def test_without_a_checkout_resources_come_from_the_library(installed):
    shipped = resources.project_path("resources/rubrics/embedded/quality.yaml")
    assert shipped.read_text() == (ROOT / "resources/rubrics/embedded/quality.yaml").read_text()
    assert resources.project_path("rubrics").as_posix() == "rubrics"
    own = installed / "resources/rubrics"
    own.mkdir(parents=True)
    assert resources.project_path("resources/rubrics").samefile(own)


def test_without_a_checkout_the_commit_says_so(installed):
    assert provenance.git_commit().startswith("no checkout: many-baskets ")


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.git_commit() == "unknown"


def test_no_module_climbs_out_of_the_library():
    climbing = [
        f"{path.relative_to(LIBRARY)}:{node.lineno}"
        for path in sorted((LIBRARY / "manybaskets").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and node.id == "__file__"
    ]
    assert climbing == [], "manybaskets.records.resources knows where the library's files are"
