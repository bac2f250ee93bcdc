"""A browser for all tests of the page, and a made-up study."""

from __future__ import annotations

import pytest
from browsed_study import write_study
from chromium import open_chromium

from manybaskets.browse.browser_folder import write_folder


@pytest.fixture(scope="session")
def chromium():
    with open_chromium() as browser:
        yield browser


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
