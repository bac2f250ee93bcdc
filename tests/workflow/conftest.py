"""Projects for the tests; the embedded study runs once for all of them."""

from __future__ import annotations

import shutil

import pytest
from projects import Project, new_project


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads the finished study, so that one group of `make test` has it all."""
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker("finished")


@pytest.fixture()
def project(tmp_path) -> Project:
    """A fresh copy without results."""
    return new_project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """The embedded study, run once by the plain command. Tests only read it."""
    made = new_project(tmp_path_factory.mktemp("finished") / "project")
    made.run("--cores", "2")
    return made


@pytest.fixture()
def copy_of_finished(finished, tmp_path) -> Project:
    """A copy of the finished study, which a test may spoil; file times are kept."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Project(tmp_path / "copy")
