"""Elements of Markdown against rendered HTML, and proportional frequencies against published counts."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from html.parser import HTMLParser
from itertools import islice

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lexical_inputs import inputs
from markdown_it import MarkdownIt
from repository import ROOT

from manybaskets.config import parse_study
from manybaskets.config.evaluation import Statistics
from manybaskets.measures import all_measures, get
from manybaskets.measures.style import count_elements
from manybaskets.records.measured import MEASURED
from manybaskets.source_analysis.style_inheritance import (
    ALL_SOURCES,
    FACTOR,
    MEAN,
    STYLE,
    counted_elements,
    elements_of_mean,
    frequency_ratio,
    smoothed_ratio,
    source_shares,
    style_inheritance,
)

TAGS = ("strong", "em", "ul", "ol", "li", "h1", "h2", "h3", "h4", "p", "code", "table")
RICH = """# Title

Some **bold** and *italic* text, `code`.

## Section

- one
- two
  1. inner
  2. again

Second
------

| a | b |
|---|---|
| 1 | 2 |

```python
# no heading, *no emphasis*
- no list
```
"""


class Tags(HTMLParser):
    """Counts the opening tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def handle_starttag(self, tag, attrs) -> None:
        self.found[tag] += 1


def rendered(text: str) -> Counter[str]:
    reader = Tags()
    reader.feed(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
    return reader.found


def test_a_page_of_all_elements():
    expected = {"h1": 1, "h2": 2, "strong": 1, "em": 1, "code": 2, "ul": 1, "ol": 1, "li": 4,
                "p": 1, "table": 1}  # fmt: skip
    assert dict(count_elements(RICH)) == expected


def test_real_answers_count_as_in_their_html(alpacaeval):
    compared = 0
    for name in ("gpt-4o", "gemma-7b"):
        with gzip.open(alpacaeval / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in islice(lines, 120):
                text = json.loads(line)["output"]
                if any(mark in text for mark in ("$", "\\", "<")):
                    continue  # maths and raw HTML, which the two count differently on purpose
                compared += 1
                found, expected = count_elements(text), rendered(text)
                assert {tag: found[tag] for tag in TAGS} == {tag: expected[tag] for tag in TAGS}
    assert compared > 150


@pytest.mark.parametrize(
    "text",
    [
        "With $a*b*c$ and $x_1 *y* z_2$ it holds.",
        "So \\( a*b*c \\) and \\(x^*_i y^*_j\\).",
        "Thus\n\n\\[\na\n+ b *c* d\n- e\n\\]",
        "Thus\n$$\nx\n- y\n+ *z*\n$$",
        "\\begin{align*}\na *b* c\n- d\n\\end{align*}",
    ],
)
def test_maths_is_neither_emphasis_nor_list(text: str):
    found = count_elements(text)
    assert not {"em", "strong", "ul", "ol", "li"} & found.keys()
    assert found["p"] >= 1


def test_prices_and_code_are_not_maths():
    assert count_elements("It costs **$5** here and **$x** there, *maybe*.")["strong"] == 2
    assert count_elements("From $5 to $10, *cheap*, and $20.")["em"] == 1
    found = count_elements("```\necho $A\n```\n\n*and*\n\n```\necho $B\n```")
    assert (found["code"], found["em"]) == (2, 1)
    assert count_elements("`$a` *yes* `$b`")["em"] == 1


def test_measures_count_the_answer_alone():
    texts = [RICH, "", "plain", "**a** **b**\n\nc"]
    one = inputs(texts, references=["# human", "*x*", None, "- y"])
    two = inputs(texts, references=["other", None, None, None])
    for measure in all_measures():
        if measure.name.startswith("style_"):
            assert measure.function(one) == measure.function(two)
            assert all(value is not None for value in measure.function(one))
    values = {name: get(name).function(one) for name in
              ("style_strong", "style_lists", "style_headings", "style_paragraphs",
               "style_any_list", "style_any_heading", "style_any_strong")}  # fmt: skip
    assert values["style_strong"] == [1, 0, 0, 2]
    assert values["style_lists"] == [2, 0, 0, 0]
    assert values["style_headings"] == [3, 0, 0, 0]
    assert values["style_paragraphs"] == [1, 0, 1, 2]
    assert values["style_any_list"] == values["style_any_heading"] == [1, 0, 0, 0]
    assert values["style_any_strong"] == [1, 0, 0, 1]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("*_#$\\[]()`-+ \n1.ab|")), max_size=80))
def test_any_text_is_read(text: str):
    found = count_elements(text)
    assert all(count >= 0 for count in found.values())
    assert found["li"] >= found["ul"] + found["ol"]


# Published counts of four rows over whole pages, and the ratios that follow from them.
COLUMNS = ["strong", "em", "ol", "ul", "h1", "h2", "h3", "h4", "p"]
PUBLISHED = {
    "Q72:None": [741, 53, 83, 230, 24, 0, 135, 26, 1217],
    "L70:None": [406, 38, 76, 116, 30, 38, 22, 4, 1222],
    "L8B:L70": [331, 34, 75, 109, 27, 13, 32, 3, 1210],
    "L8B:Q72": [808, 60, 77, 260, 20, 0, 149, 33, 1237],
}


@pytest.mark.parametrize(
    ("first", "second", "mean", "geometric"),
    [
        ("L8B:L70", "L70:None", 0.8970, 0.8527),
        ("L8B:Q72", "Q72:None", 1.0629, 1.0487),
        ("L8B:Q72", "L8B:L70", 2.7819, 1.3295),
    ],
)
def test_ratios_of_published_counts(first, second, mean, geometric):
    a, b = PUBLISHED[first], PUBLISHED[second]
    found = [frequency_ratio(x, y) for x, y in zip(a, b, strict=True)]
    assert np.mean([each for each in found if each is not None]) == pytest.approx(mean, abs=5e-5)
    smoothed = smoothed_ratio(np.array(a) / 80, np.array(b) / 80, 80)
    assert np.exp(np.log(smoothed).mean()) == pytest.approx(geometric, abs=5e-5)
    assert found[0] == pytest.approx(a[0] / b[0])


def test_ratios_to_nothing_are_undefined():
    assert frequency_ratio(0.0, 0.0) is None
    assert frequency_ratio(3.0, 0.0) is None
    assert frequency_ratio(0.0, 3.0) == 0.0
    assert smoothed_ratio(0.0, 0.0, 80) == 1.0
    assert smoothed_ratio(0.0, 13 / 80, 80) == pytest.approx(0.5 / 13.5)


def test_the_finest_elements_enter_the_mean_and_each_once():
    coarse = ["style_strong", "style_em", "style_lists", "style_headings", "style_paragraphs"]
    assert elements_of_mean([*coarse, "style_ul", "response_words"]) == coarse
    fine = ["style_ul", "style_ol", "style_h1", "style_h2", "style_h3", "style_h4"]
    found = elements_of_mean([*coarse, *fine])
    assert "style_lists" not in found and "style_headings" not in found
    assert set(fine) < set(found)
    assert counted_elements({"response_words", "self_bleu"}) == []
    assert counted_elements({"response_words", "style_em", "style_any_list"}) == [
        "style_em",
        "response_words",
    ]


SETTINGS = Statistics(bootstrap_resamples=400)
SHARES = {"single": {"loud": 1.0}, "both": {"loud": 0.5, "quiet": 0.5}}
NAMES = ("style_strong", "style_em", "style_paragraphs", "response_words")


def rows_of(model, mix, prompt_set, rates, prompts=80, seeds=(0,), missing=0) -> list[dict]:
    """Counts that are Poisson with these rates, by measure."""
    rng = np.random.default_rng([len(mix), prompts, len(prompt_set)])
    found = []
    for name, rate in zip(NAMES, rates, strict=True):
        for seed in seeds:
            for prompt in range(prompts):
                value = float(rng.poisson(rate))
                found.append(
                    {"measure": name, "model": model, "mix": mix, "seed": seed,
                     "prompt_set": prompt_set, "prompt_id": f"{prompt:03d}-0", "draw": 0,
                     "value": None if prompt < missing else value}
                )  # fmt: skip
    return found


def measured(**changes) -> pl.DataFrame:
    return pl.DataFrame(
        [
            *rows_of("sources", "loud", "train", (9, 2, 5, 80), 120),
            *rows_of("sources", "quiet", "train", (0, 0, 2, 20), 120),
            *rows_of("llama", "single", "test", (9, 2, 5, 80), seeds=(1, 2), **changes),
            *rows_of("llama", "both", "test", (4.5, 1, 3.5, 50), seeds=(1, 2)),
            *rows_of("llama", "vanilla", "test", (1, 0, 3, 40)),
        ],
        schema=MEASURED,
    )


def test_style_is_nearer_to_the_source_than_to_the_untuned_target():
    found = style_inheritance(measured(), SHARES, SETTINGS, 7)
    assert found.schema == STYLE
    factor = {
        (row["mix"], row["against"]): row
        for row in found.filter(pl.col("measure") == FACTOR).rows(named=True)
    }
    assert set(factor) == {("single", "loud"), ("single", "vanilla"), ("both", "loud"),
                           ("both", "quiet"), ("both", ALL_SOURCES), ("both", "vanilla")}  # fmt: skip
    assert factor["single", "loud"]["high"] < factor["single", "vanilla"]["low"]
    assert factor["both", ALL_SOURCES]["high"] < factor["both", "quiet"]["low"]
    assert factor["single", "loud"]["low"] <= factor["single", "loud"]["smoothed"] < 1.1
    strong = found.filter(
        (pl.col("measure") == "style_strong") & (pl.col("mix") == "single")
    ).rows_by_key("against", named=True, unique=True)
    assert strong["vanilla"]["low"] < strong["vanilla"]["ratio"] < strong["vanilla"]["high"]
    assert 0.8 < strong["loud"]["low"] < strong["loud"]["high"] < 1.3
    assert (strong["loud"]["n_prompts"], strong["loud"]["n_against"]) == (80, 120)


def test_ratio_and_mean_are_those_of_the_counts():
    rows = measured()
    found = style_inheritance(rows, {"single": {"quiet": 1.0}}, SETTINGS, 7)
    found = found.filter(pl.col("against") == "quiet").rows_by_key(
        "measure", named=True, unique=True
    )
    means = {
        (name, mix): frame["value"].mean() for (name, mix), frame in rows.group_by("measure", "mix")
    }
    words = means["response_words", "single"] / means["response_words", "quiet"]
    assert found["response_words"]["ratio"] == pytest.approx(words)
    assert found["style_strong"]["ratio"] is None
    answers = 120  # the smaller side; the run has 80 prompts with two seeds
    strong = (means["style_strong", "single"] * answers + 0.5) / 0.5
    assert found["style_strong"]["smoothed"] == pytest.approx(strong)
    paragraphs = means["style_paragraphs", "single"] / means["style_paragraphs", "quiet"]
    assert found[MEAN]["ratio"] == pytest.approx(paragraphs)
    logs = [np.log(found[name]["smoothed"]) for name in NAMES[:3]]
    assert found[MEAN]["smoothed"] == pytest.approx(np.exp(np.mean(logs)))


def test_the_order_of_rows_changes_nothing():
    rows = measured()
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=3)
    one, two = (style_inheritance(each, SHARES, SETTINGS, 7) for each in (rows, shuffled))
    assert one.equals(two)


def test_prompts_without_a_value_are_left_out():
    found = style_inheritance(measured(missing=30), SHARES, SETTINGS, 7)
    assert set(found.filter(pl.col("mix") == "single")["n_prompts"]) == {50}


def test_without_style_on_both_sides_there_is_no_row():
    rows = measured()
    only_runs = rows.filter(pl.col("model") != "sources")
    assert style_inheritance(only_runs, SHARES, SETTINGS, 7).height == 0
    assert style_inheritance(rows.clear(), SHARES, SETTINGS, 7).schema == STYLE
    nothing = rows.with_columns(value=pl.when(pl.col("mix") != "quiet").then("value"))
    empty = style_inheritance(nothing, SHARES, SETTINGS, 7).filter(pl.col("against") == "quiet")
    assert empty["smoothed"].null_count() == empty.height > 0


def test_shares_of_the_sources_follow_the_recipes():
    shipped = ROOT / "config/config.yaml"
    config = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    config["mixes"]["heavy"] = {"kind": "weighted", "weights": {"qwen": 3, "llama": 1}}
    shares = source_shares(parse_study(config, "config.yaml"))
    assert shares["human"] == {"human": 1.0}
    assert shares["single-llama"] == {"llama": 1.0}
    assert shares["multi"] == dict.fromkeys(["llama", "qwen", "mistral", "gemma"], 0.25)
    assert shares["heavy"] == {"qwen": 0.75, "llama": 0.25}
