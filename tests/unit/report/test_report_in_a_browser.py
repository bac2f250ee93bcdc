"""The report in a browser, opened from the disk as by double click."""

from __future__ import annotations

import re

import polars as pl
import pytest
from chromium import axe_violations, watched_page

from manybaskets.presentation.page import Figure, Report, ReportSection, Table, write_report
from manybaskets.presentation.verdict_table import (
    CANNOT,
    DECIDED,
    UNDECIDED,
    HeadlineOutcome,
    VerdictCell,
    VerdictTable,
)

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
MIXES = ("human", "single", "multi")
SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'><rect width='9' height='9'/></svg>"
# Written as readers see them: sorting must know a true minus sign, and text from numbers.
SHOWN = ["−3", "12", "0.5", "–", "<0.001", "7"]


def verdicts() -> VerdictTable:
    states = [(DECIDED, 1), (UNDECIDED, -1), (CANNOT, 1)]
    cells = {
        ("llama", mix): VerdictCell(state, way, "0.31", "0.10 to 0.52", "why it is so")
        for mix, (state, way) in zip(MIXES, states, strict=True)
    }
    outcomes = [
        HeadlineOutcome(f"Measure {i}", "human", "difference, share", 1, "runs", cells)
        for i in range(8)
    ]
    return VerdictTable.of(outcomes, [("llama", mix) for mix in MIXES])


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "a.svg").write_text(SVG)
    figures = [
        Figure(title, folder / "a.svg", "What it shows.") for title in ("A figure", "Another")
    ]
    rows = pl.DataFrame({"name": list("abcdef") * 5, "value": SHOWN * 5})
    numbers = pl.DataFrame({"name": list("abcdef"), "value": SHOWN})
    content = Report(
        "study",
        "What is asked.",
        ["A finding."],
        warnings=[f"warning {i}" for i in range(9)],
        sections=[
            ReportSection("Runs", ["A sentence."], figures,
                          [Table("numbers", numbers), Table("rows", rows)]),
            ReportSection("Counts", tables=[Table(f"many rows {i}", rows) for i in range(40)]),
        ],
        config="study: study",
        provenance={"Python": "3"},
        verdicts=verdicts(),
    )  # fmt: skip
    write_report(folder / "report.html", content)
    return f"file://{folder}/report.html"


@pytest.fixture()
def page(chromium, report):
    page = watched_page(chromium, viewport=DESK)
    page.goto(report)
    yield page
    assert page.faults == []
    page.close()


def column(page, name: str) -> list[str]:
    table = page.locator(f"figure.table:has(strong:text-is('{name}')) tbody tr:not([hidden])")
    return table.locator("td:nth-child(2)").all_inner_texts()


def test_the_first_screen_holds_the_verdicts_in_words_as_well(page):
    box = page.locator(".verdicts").bounding_box()
    assert box["y"] + box["height"] < DESK["height"]
    first = page.locator(".verdicts tbody tr").first
    assert first.locator("td").count() == 8
    assert re.sub(r"\s+", " ", first.locator("td").first.text_content()).strip() == (
        "▲ higher, decided: 0.31 (0.10 to 0.52) better"
    )
    assert "cannot decide" in page.locator(".verdicts tbody tr").nth(2).text_content()


def test_everything_else_is_closed_until_a_link_to_it_is_followed(page, report):
    assert not page.locator("#runs img").first.is_visible()
    page.locator(".verdicts thead a").first.click()
    page.wait_for_timeout(300)
    assert page.locator("#runs").get_attribute("open") is not None
    sizes = page.evaluate("[...document.querySelectorAll('#runs img')].map(i => i.naturalWidth)")
    assert sizes == [40, 40]
    page.goto("about:blank")
    page.goto(f"{report}#counts")
    assert page.locator("#counts").get_attribute("open") is not None


def test_a_column_sorts_by_its_numbers_and_back(page):
    page.locator("#runs summary").click()
    header = page.locator("figure.table:has(strong:text-is('numbers')) th").nth(1)
    header.locator("button").click()
    assert column(page, "numbers") == ["−3", "<0.001", "0.5", "7", "12", "–"]
    assert header.get_attribute("aria-sort") == "ascending"
    header.locator("button").click()
    assert column(page, "numbers") == ["12", "7", "0.5", "<0.001", "−3", "–"]


def test_rows_are_filtered_by_words(page):
    page.locator("#runs summary").click()
    page.locator("#runs input[type=search]").fill("b 12")
    assert column(page, "rows") == ["12"] * 5
    assert page.locator("#runs output").inner_text() == "5 rows"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_all_can_be_used_by_everybody(chromium, report, scheme, size):
    page = watched_page(chromium, viewport=size, color_scheme=scheme)
    page.goto(report)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.wait_for_timeout(200)
    assert axe_violations(page) == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"]
    page.close()


def test_print_shows_what_is_open(page):
    closed = page.pdf()
    page.locator("#counts summary").click()
    opened = page.pdf()
    pages = [len(re.findall(rb"/Type\s*/Page\b", made)) for made in (closed, opened)]
    assert pages[0] <= 3 < pages[1]
