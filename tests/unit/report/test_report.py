"""The report: sentences that say what the numbers say, and a page that runs nothing."""

import base64
import gzip
import hashlib
import re

import polars as pl
from fabricated_results import compared, condition, difference, lookup, summary

from manybaskets.presentation.page import Figure, Report, ReportSection, Table, write_report
from manybaskets.report import measured_tables as tables
from manybaskets.report.findings import findings, study_warnings

SCRIPT = "<script>alert('x')</script>"


def sentences(*rows, **other):
    return findings(compared(*rows), lookup=lookup, **other)


def test_a_difference_is_stated_with_its_uncertainty():
    (sentence,) = sentences(difference(value=-0.31, low=-0.40, high=-0.22))
    assert sentence == (
        "Entropy on `test` (family `against-human`): multi is lower than human (difference "
        "−0.310 bits, 95 % interval −0.400 to −0.220, Holm p < 0.001); n = 200 prompts, "
        "trainings 3 and 3."
    )


def test_an_interval_with_zero_cannot_be_told_apart():
    (sentence,) = sentences(difference(value=0.02, p_holm=0.6))
    assert "multi could not be distinguished from human" in sentence
    assert "−0.080 to 0.120, Holm p = 0.600" in sentence
    assert "lower" not in sentence and "higher" not in sentence


def test_without_holm_a_difference_is_undecided():
    for p_holm in (0.2, None):
        (sentence,) = sentences(difference(p_holm=p_holm))
        assert "whether multi differs from human is undecided" in sentence
    assert "not tested" in sentence


def test_a_significant_test_whose_interval_reaches_equality_is_neither_alike_nor_different():
    """Holm p .031, interval −3.45 to +.05: neither word fits."""
    (sentence,) = sentences(difference(value=-1.7, low=-3.45, high=0.05, p_holm=0.031))
    assert sentence.startswith(
        "Entropy on `test` (family `against-human`): whether multi differs from human is undecided: "
        "Holm's p is below 0.05, but the interval reaches equality"
    )
    assert "distinguished" not in sentence and "lower" not in sentence
    (short,) = sentences(difference(value=-1.7, low=-3.45, high=0.05, p_holm=0.031), limit=0)
    assert short.startswith("Undecided (Holm's p is below 0.05, the interval reaches equality)")


def test_words_and_the_tables_verdict_agree():
    planted = {"different": difference(), "interval only": difference(p_holm=0.2),
               "test only": difference(value=0.0, p_holm=0.01),
               "not distinguished": difference(value=0.0, p_holm=0.9)}  # fmt: skip
    words = {"different": "lower", "interval only": "undecided", "test only": "undecided",
             "not distinguished": "could not be distinguished"}  # fmt: skip
    for verdict, row in planted.items():
        assert tables.comparison_rows(compared(row), lookup)["verdict"].to_list() == [verdict]
        assert words[verdict] in sentences(row)[0]


def test_single_trainings_are_called_so_whatever_the_interval():
    (sentence,) = sentences(
        difference(p_holm=None, n_seeds=1, trainings="3 and 1", confirmatory=False)
    )
    assert "multi and human are compared as these trainings alone, not as mixes" in sentence
    assert sentence.endswith("not tested); n = 200 prompts, trainings 3 and 1.")
    assert "undecided" not in sentence and "lower" not in sentence


def test_another_correction_is_called_by_its_name():
    (sentence,) = sentences(difference(correction="Benjamini–Yekutieli"))
    assert "Benjamini–Yekutieli p < 0.001" in sentence and "Holm" not in sentence
    (sentence,) = sentences(difference(p_holm=0.2, correction="Benjamini–Yekutieli"), limit=0)
    assert "Benjamini–Yekutieli's p does not" in sentence and "Holm" not in sentence
    table = tables.comparison_rows(compared(difference(correction="Benjamini–Yekutieli")), lookup)
    assert "p (corrected)" in tables.display(table)[0]
    assert "against-human 1 (Benjamini–Yekutieli)" in tables.note(table)


def test_perplexities_are_compared_with_one():
    higher, alike = sentences(
        difference("own_nll", "uneven", 0.3), difference("own_nll", "multi", 0.05, p_holm=0.5)
    )
    assert "uneven is higher than human (ratio 1.35, 95 % interval 1.22 to 1.49" in higher
    assert "multi could not be distinguished" in alike and "0.95 to 1.16" in alike


def test_what_was_told_apart_comes_first():
    first, second = sentences(difference("words", value=0.01, p_holm=0.9), difference("entropy"))
    assert first.startswith("Entropy") and second.startswith("Words")


def test_many_comparisons_stay_within_the_limit():
    rows = [
        difference("entropy", value=value, family=f"family-{index}", p_holm=0.01 if value else 0.9)
        for index, value in enumerate([-0.3, -0.3, -0.3, 0.0])
    ]
    few = sentences(*rows, limit=3)
    assert len(few) == 3
    assert few[1].startswith("2 more")
    assert few[2].startswith("Could not be distinguished from human on `test`")


def test_warnings_name_few_seeds_and_exclusions():
    found = study_warnings(
        summary(
            condition(n_seeds=1, n_excluded=7),
            condition(mix="vanilla", n_seeds=1),
            condition("words", "human", None),
        ),
        compared(difference(p=None)),
    )
    assert "Fewer than 3 training seeds (1) for multi:" in found[0]
    assert "List 3 or more in `training.seeds`" in found[0]
    assert found[1].startswith(
        "Prompts on `test` that are excluded from `entropy`: llama multi 7 of 207. Read these"
    )
    assert found[2].startswith("No value of `words` on `test` for llama human")
    assert found[3].startswith("1 of 1 comparisons have no p-value: read their intervals")
    assert study_warnings(summary(condition()), compared(difference())) == []


def page(tmp_path, **other):
    """A report in which every text tries to run a script."""
    svg = tmp_path / "a.svg"
    svg.write_text(f"<svg xmlns='http://www.w3.org/2000/svg' id='x'>{SCRIPT}</svg>")
    table = Table(SCRIPT, pl.DataFrame({SCRIPT: [SCRIPT, None], "n": [1, 2]}), SCRIPT)
    shown = tables.comparison_rows(compared(difference()), lookup)
    content = {
        "title": SCRIPT,
        "about": SCRIPT,
        "findings": [f"`{SCRIPT}`"],
        "warnings": [SCRIPT],
        "sections": [
            ReportSection(
                SCRIPT, [SCRIPT], [Figure(SCRIPT, svg, SCRIPT), Figure("again", svg, "")]
            ),
            ReportSection("Tables", tables=[table, Table("comparisons", shown)]),
            ReportSection("Nothing"),
        ],
        "config": f"study: {SCRIPT}",
        "provenance": {SCRIPT: SCRIPT},
        "embedded": True,
    }
    write_report(tmp_path / "report.html", Report(**(content | other)))
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_every_text_is_escaped(tmp_path):
    text = page(tmp_path)
    own = text.rindex("<script>")
    assert "<script" not in text[:own] + text[own + 1 :] and "<svg" not in text
    assert text.count("&lt;script&gt;") >= 15
    assert 'id="script-alert-x-script"' in text and 'href="#tables"' in text
    assert "Nothing" not in text
    assert "<code>&lt;script&gt;" in text


def test_the_page_needs_no_network_and_no_other_file(tmp_path):
    text = page(tmp_path)
    sources = re.findall(r"""(?:src|href)=["']?([^"'>]*)""", text)
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert "default-src 'none'" in text


def test_the_page_links_to_the_browser_of_answers(tmp_path):
    assert 'href="browse/index.html">All answers' in page(tmp_path, browser="browse/index.html")
    assert "All answers" not in page(tmp_path)


def test_the_security_policy_runs_the_pages_own_script_alone(tmp_path):
    text = page(tmp_path)
    (script,) = re.findall("<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text


def test_figures_of_closed_sections_are_compressed_and_whole(tmp_path):
    packed = re.findall('data-svg="([^"]+)"', page(tmp_path))
    assert len(packed) == 2
    assert gzip.decompress(base64.b64decode(packed[0])) == (tmp_path / "a.svg").read_bytes()


def test_toy_models_are_called_so(tmp_path):
    assert "toy models" in page(tmp_path)
    assert "toy models" not in page(tmp_path, embedded=False)


def test_the_first_screen_has_three_warnings_and_leads_to_the_rest(tmp_path):
    text = page(tmp_path, warnings=["first", "second", "third", "fourth"])
    first, rest = text.index('class="note"'), text.index('id="warnings"')
    assert first < text.index("second") < text.index("2 more") < rest < text.index("third")
    assert 'id="warnings"' not in page(tmp_path, warnings=["first", "second"])


def test_a_report_without_anything_is_still_a_page(tmp_path):
    write_report(tmp_path / "empty.html", Report("study", "", []))
    assert "No comparison was declared" in (tmp_path / "empty.html").read_text(encoding="utf-8")


def test_the_same_report_gives_the_same_bytes(tmp_path):
    assert page(tmp_path) == page(tmp_path)
