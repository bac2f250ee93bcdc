"""A headless Chromium for tests of pages, and axe-core in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def open_chromium() -> Iterator[Any]:
    """A browser, or a skipped test where Chromium is not installed."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def watched_page(browser: Any, **options: Any) -> Any:
    """A page whose list `faults` collects errors, console messages and all requests that leave the disk."""
    page = browser.new_page(**options)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda message: page.faults.append(message.text))
    page.on("request", lambda asked: _note(page, asked.url))
    page.set_default_timeout(60_000)
    return page


def _note(page: Any, url: str) -> None:
    if not url.startswith(("file:", "data:", "blob:", "http://127.0.0.1:")):
        page.faults.append(f"request to {url}")


def axe_violations(page: Any) -> list[str]:
    """What axe-core finds on a page: rule, explanation and the first element of each."""
    import axe_playwright_python

    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    # The page's own policy does not let it in as a script.
    page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": axe})
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 10
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
        for each in found["violations"]
    ]
