"""The page in a browser, opened from the disk as by double click."""

from __future__ import annotations

import shutil
import time

import pytest
from browsed_study import HOSTILE, PROMPT_COUNT, prompt_id
from chromium import axe_violations, watched_page

from manybaskets.browse import sampling
from manybaskets.browse.browser_folder import write_folder
from manybaskets.records.resources import library_folder

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}


@pytest.fixture()
def page(chromium, folder):
    page = watched_page(chromium, viewport=DESK)
    show(page, folder)
    yield page
    page.close()


def show(page, folder, address: str = "") -> None:
    page.goto("about:blank")
    page.goto(f"file://{folder}/index.html{address}")
    until(page, "document.documentElement.dataset.shown")


def until(page, condition: str) -> None:
    """Wait until an expression is true; the page's policy does not let Playwright's own wait in."""
    ends = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < ends, condition
        page.wait_for_timeout(20)


def listed(page, count: int = 3) -> list[str]:
    """The first prompts of the list, by their texts."""
    page.wait_for_timeout(100)
    return page.locator(".row span:first-child").all_inner_texts()[:count]


def shown(page) -> str:
    return page.inner_text("#prompt-title").removeprefix("Prompt ")


def cards(page) -> list[str]:
    return page.locator("article h3").all_inner_texts()


def sort(page, measure: str, of: str, minus: str = "nothing") -> None:
    page.select_option("#sort-measure", label=measure)
    page.select_option("#sort-of", label=of)
    page.select_option("#sort-minus", label=minus)


def test_the_first_prompt_is_shown_with_all_answers(page):
    assert shown(page) == prompt_id(0)
    assert cards(page) == ["Reference", "vanilla", "human, seed 1", "human, seed 2", "multi"]
    assert page.inner_text("#count") == f"{PROMPT_COUNT} of {PROMPT_COUNT} prompts"
    table = page.inner_text("#scores")
    assert "Words per answer" in table and "Perplexity of own answers" in table
    assert page.faults == []


def test_texts_are_shown_and_never_run(page, folder):
    for number, text in enumerate(HOSTILE):
        show(page, folder, f"#{prompt_id(number)}")
        assert page.inner_text("#question") == text
        assert page.locator("article .text").nth(1).inner_text() == text
    assert page.evaluate("window.ran") is None
    assert page.locator("#prompt script, #prompt img, #list script").count() == 0
    assert page.faults == []


def test_the_policy_runs_no_script_but_the_pages_own(page):
    page.evaluate("""() => {
        try { document.body.insertAdjacentHTML("beforeend", "<b id=hole></b>"); } catch (error) {}
        const inline = document.createElement("script");
        try { inline.textContent = "window.ran = 1"; document.body.append(inline); } catch (error) {}
        try { setTimeout("window.ran = 2"); } catch (error) {}
        const button = document.createElement("button");
        try { button.setAttribute("onclick", "window.ran = 3"); } catch (error) {}
        document.body.append(button);
        button.click();
        const image = document.createElement("img");
        image.src = "http://192.0.2.1/seen.png"; // an address that no machine has
        document.body.append(image);
    }""")
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    assert page.locator("#hole").count() == 0
    blocked = " ".join(page.faults)
    assert "Loading the image 'http://192.0.2.1/seen.png' violates" in blocked


def test_prompts_are_sorted_by_a_difference_of_conditions(page):
    sort(page, "Words per answer", "multi", "human, mean of seeds")
    assert listed(page) == [f"What is river {number}?" for number in (39, 38, 37)]
    # 5 + 39 words less the mean of 21 and 22
    assert page.locator(".row span:last-child").first.inner_text() == "open · +22.5"
    page.select_option("#sort-order", label="smallest first")
    assert "−16.5" in page.locator(".row span:last-child").first.inner_text()


def test_a_link_sorts_by_a_difference(page, folder):
    show(page, folder, "#test?sort=response_words&of=multi&minus=human")
    assert listed(page, 1) == ["What is river 39?"]
    assert shown(page) == prompt_id(39)
    assert page.locator(".row span:last-child").first.inner_text() == "open · +22.5"
    show(page, folder, "#test?sort=none_of_these")
    assert "no measure none_of_these" in page.inner_text("#message")


def test_differences_of_perplexities_are_ratios(page):
    sort(page, "Perplexity of own answers", "human, mean of seeds", "multi")
    assert listed(page)
    assert page.locator(".row span:last-child").first.inner_text().endswith("×1")


def test_prompts_are_sorted_by_disagreement_of_judges(page):
    sort(page, "quality: range of the judges' scores (points)", "all conditions, mean")
    assert listed(page, 1) == ["What is river 7?"]


def test_filters_and_categories(page):
    page.click("#add-filter")
    page.select_option("[data-role=measure]", label="Words per answer")
    page.select_option("[data-role=of]", label="multi")
    page.fill("[data-role=bound]", "40")
    until(page, "document.getElementById('count').textContent.startsWith('5 ')")
    assert listed(page, 1) == ["What is river 35?"]
    page.select_option("#category", label="closed")
    until(page, "document.getElementById('count').textContent.startsWith('2 ')")
    page.fill("#search", "river 38")
    until(page, "document.getElementById('count').textContent.startsWith('1 ')")
    page.fill("#search", "nothing of the kind")
    until(page, "document.getElementById('count').textContent === 'No prompt matches.'")
    page.fill("#search", "")
    page.click("text=Remove this filter")
    until(page, "document.getElementById('count').textContent.startsWith('20 ')")


def test_word_differences(page, folder):
    show(page, folder, f"#{prompt_id(9)}")
    page.select_option("#baseline", label="vanilla")
    multi = page.locator("article", has_text="multi").locator(".text")
    assert multi.evaluate("box => box.innerHTML") == (
        "The river<del> is</del><ins> was</ins> long and cold today."
    )
    human = page.locator("article", has_text="human, seed 1").locator(".text")
    assert human.locator("del").all_inner_texts() == [" and cold today"]
    assert human.locator("ins").all_inner_texts() == [" very"]
    assert page.locator("article", has_text="vanilla").locator("ins, del").count() == 0


def test_word_differences_give_both_texts_back(page):
    """Random texts: what is not added is the one, what is not gone the other."""
    source = (library_folder() / "browse/page/word_diff.js").read_text(encoding="utf-8")
    assert page.evaluate(
        "() => {"
        + source
        + """
        const random = (seed) => () => (seed = (seed * 48271) % 2147483647) / 2147483647;
        return [...Array(300).keys()].every((seed) => {
            const next = random(seed + 1);
            const text = () => Array.from({ length: Math.floor(next() * 12) }, () => "abc"[Math.floor(next() * 3)]).join(" ");
            const before = text(), after = text(), pieces = wordDiff(before, after);
            const without = (kind) => pieces.filter((each) => each[0] !== kind).map((each) => each[1]).join("");
            const bare = (words) => words.replace(/\\s/g, "");
            return bare(without("added")) === bare(before) && without("gone") === after;
        });
    }"""
    )


def test_a_link_opens_its_prompt(page, folder):
    show(page, folder, f"#{prompt_id(30)}")
    assert shown(page) == prompt_id(30)
    assert page.locator(".row[aria-selected=true] span").first.inner_text() == "What is river 30?"
    show(page, folder, f"#{prompt_id(1, 'b')}")
    assert page.locator("#set option:checked").inner_text() == "Training prompts (3)"
    assert "cut at the token limit" in page.inner_text("article")
    # Its prompt is a test prompt first; with its set it is the other one.
    show(page, folder, f"#{prompt_id(0)}")
    assert page.locator("#set option:checked").inner_text() == f"Test prompts ({PROMPT_COUNT})"
    show(page, folder, f"#robustness-direct/{prompt_id(0)}")
    assert "restricted" in page.inner_text("#question")
    page.click("#next")
    until(page, f"location.hash === '#{prompt_id(0, 'c')}'")
    show(page, folder, "#no-such-prompt")
    assert "No prompt of this page has the id no-such-prompt." in page.inner_text("#message")


def test_samples_and_failures_are_named(page, folder):
    show(page, folder, f"#{prompt_id(0, 'b')}")
    assert page.locator("article .soft").all_inner_texts() == ["sample 1", "sample 2"]
    assert page.locator("article .text").all_inner_texts() == ["Kelby.", "Marwick."]
    show(page, folder, f"#{prompt_id(2, 'b')}")
    assert "failed: no server" in page.inner_text("article")


def test_keys(page):
    page.keyboard.press("j")
    until(page, f"document.documentElement.dataset.shown === '{prompt_id(1)}'")
    page.keyboard.press("k")
    until(page, f"document.documentElement.dataset.shown === '{prompt_id(0)}'")
    page.keyboard.press("d")
    assert page.locator("#baseline").input_value() == "reference"
    page.keyboard.press("/")
    page.keyboard.type("jk river")  # letters, where one writes
    assert page.locator("#search").input_value() == "jk river"
    page.fill("#search", "")
    page.focus("#list")
    page.keyboard.press("End")
    until(page, f"document.documentElement.dataset.shown === '{prompt_id(39)}'")
    chosen = page.get_attribute("#list", "aria-activedescendant")
    assert page.get_attribute(f"#{chosen}", "aria-selected") == "true"


def test_conditions_can_be_hidden(page):
    page.click("#shown summary")
    page.locator("#shown-list label", has_text="multi").locator("input").uncheck()
    assert cards(page) == ["Reference", "vanilla", "human, seed 1", "human, seed 2"]
    page.check("#first-seeds")
    assert cards(page) == ["Reference", "vanilla", "human, seed 1"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(page, folder, scheme, size):
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    show(page, folder, f"#{prompt_id(5)}")
    assert axe_violations(page) == []
    page.locator("#choices").evaluate("box => box.open = true")
    page.click("#add-filter")
    page.select_option("#baseline", label="vanilla")
    page.click("#shown summary")
    page.click(".keys summary")
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_printed_page_is_the_prompt(page):
    page.emulate_media(media="print")
    assert not page.is_visible("#list-side") and page.is_visible("#cards")


def test_a_sample_is_named(chromium, sets, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "MOST_PROMPTS", 12)
    monkeypatch.setattr(sampling.allotted, "__defaults__", (12,))
    write_folder(tmp_path / "browse", sets[:1], study="made-up", seed=1)
    page = watched_page(chromium)
    show(page, tmp_path / "browse")
    assert "random sample of 12 of 40 prompts" in page.inner_text("#message")
    show(page, tmp_path / "browse", "#no-such-prompt")
    assert "shows a sample" in page.inner_text("#message")
    page.close()


def test_a_missing_file_is_named(chromium, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "browse")
    shutil.rmtree(tmp_path / "browse/data/0")
    page = watched_page(chromium)
    page.goto(f"file://{tmp_path}/browse/index.html")
    page.wait_for_selector("#message:not([hidden])")
    assert "data/0/index.js cannot be read. Copy the whole folder" in page.inner_text("#message")
    page.close()
