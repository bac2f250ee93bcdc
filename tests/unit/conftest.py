"""A browser for all tests of pages: Playwright runs one per process."""

from __future__ import annotations

import pytest
from chromium import open_chromium


@pytest.fixture(scope="session")
def chromium():
    with open_chromium() as browser:
        yield browser
