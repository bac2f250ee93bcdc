"""A made-up study and its browser of answers."""

from __future__ import annotations

import pytest
from browsed_study import write_study

from manybaskets.browse.browser_folder import write_folder


@pytest.fixture(scope="session")
def sets(tmp_path_factory):
    """The prompt sets of the made-up study, as files."""
    return write_study(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def folder(tmp_path_factory, sets):
    """The browser of the made-up study."""
    folder = tmp_path_factory.mktemp("browser") / "browse"
    write_folder(folder, sets, study="made-up", seed=1)
    return folder
