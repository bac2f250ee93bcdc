"""What readers see of the sources: tables in all forms, and sentences that state the numbers."""

from __future__ import annotations

import polars as pl
from rule_tables import rule_tables

from manybaskets.presentation.tables import write_tables
from manybaskets.report.source_findings import RULE, source_findings, topic_shares
from manybaskets.source_analysis.pairs import PAIRS
from manybaskets.source_analysis.similarity.pair_summary import SIMILARITY
from manybaskets.source_analysis.style_inheritance import FACTOR, MEAN, STYLE
from manybaskets.source_analysis.topics import TOPICS


def pair(kind: str, first: str, second: str, value: float, p: float | None = None) -> dict:
    return {"kind": kind, "first": first, "second": second, "value": value, "low": value - 0.02,
            "high": value + 0.02, "floor": 0.09, "p": p, "n_prompts": 50, "n_excluded": 2,
            "scale": "similarity" if p is None else "distance"}  # fmt: skip


def both(kind: str, first: str, second: str, value: float, p: float | None = None) -> list[dict]:
    other = value + (0.1 if kind == "meteor" else 0.0)
    return [pair(kind, first, second, value, p), pair(kind, second, first, other, p)]


def similar(source: str, value: float) -> dict:
    return {"metric": "rouge_l", "source": source, "value": value, "sd": 0.1, "low": value - 0.02,
            "high": value + 0.02, "shuffled": 0.09, "shuffled_low": 0.08, "shuffled_high": 0.1,
            "n_prompts": 50, "n_excluded": 2}  # fmt: skip


def styled(
    mix: str, against: str, measure: str, smoothed: float | None, count_against: float = 1.0
) -> dict:
    return {"model": "llama", "mix": mix, "against": against, "measure": measure, "count": 2.0,
            "count_against": count_against, "ratio": None, "smoothed": smoothed,
            "low": smoothed and smoothed * 0.9, "high": smoothed and smoothed * 1.1,
            "n_prompts": 20, "n_against": 50}  # fmt: skip


FRAMES = {
    "similarity": pl.DataFrame(
        [similar("human", 0.2), similar("gemma", 0.31), similar("qwen", 0.3)], schema=SIMILARITY
    ),
    "source-distances": pl.DataFrame(
        [
            *both("embedding", "human", "gemma", 0.5, 0.001),
            *both("embedding", "human", "qwen", 0.4, 0.001),
            *both("embedding", "gemma", "qwen", 0.01, 0.4),
            *both("rouge_l", "human", "gemma", 0.19),
            *both("rouge_l", "human", "qwen", 0.21),
            *both("rouge_l", "gemma", "qwen", 0.4),
            *both("meteor", "gemma", "qwen", 0.3),
        ],
        schema=PAIRS,
    ),
    "topics": pl.DataFrame(
        [
            {"source": source, "topic": topic, "statistic": "share", "value": value, "low": value,
             "high": value, "words": f"word{topic} other", "n_prompts": 50, "n_excluded": 0}
            for source in ("human", "qwen")
            for topic, value in ((1, 0.75), (2, 0.25))
        ]
        + [
            {"source": source, "topic": None, "statistic": "entropy", "value": value,
             "low": value - 0.1, "high": value + 0.1, "words": None, "n_prompts": 50,
             "n_excluded": 0}
            for source, value in (("human", 0.81), ("qwen", 1.81))
        ],
        schema=TOPICS,
    ),
    "style-inheritance": pl.DataFrame(
        [
            styled("single", "qwen", "style_strong", 1.2),
            styled("single", "qwen", MEAN, 1.1),
            styled("single", "qwen", FACTOR, 1.2),
            styled("single", "vanilla", FACTOR, 4.0),
            styled("both", "qwen", FACTOR, 2.0),
            styled("both", "all sources", FACTOR, 3.0),
            styled("both", "vanilla", FACTOR, 3.1),
            styled("far", "qwen", FACTOR, 5.0),
            styled("far", "vanilla", FACTOR, 1.5),
            styled("unmeasured", "qwen", FACTOR, None),
        ],
        schema=STYLE,
    ),
}  # fmt: skip


def test_sentences_state_the_extremes_with_their_intervals():
    said = source_findings(FRAMES)
    text = "\n".join(said)
    assert "By sentence vectors, gemma and human are farthest apart: 0.500 (95 % interval 0.480 to 0.520)" in text  # fmt: skip
    assert "nearest are gemma and qwen: 0.0100 (" in text
    assert "2 of 3 pairs are farther apart than random swaps" in text
    assert "By ROUGE-L, gemma and qwen answer most alike: 0.400" in text
    assert "answers to different prompts reach 0.0900" in text
    assert "least alike are" in text
    assert "By METEOR, qwen and gemma answer most alike: 0.400" in text
    assert "By ROUGE-L, human is least like the other sources: 0.200" in text
    assert "The topics of human are the least spread, 0.810" in text


def test_no_pair_and_no_source_is_named_where_chance_may_explain_all():
    near = FRAMES["source-distances"].filter(pl.col("kind") == "embedding")
    topics = FRAMES["topics"].with_columns(low=pl.lit(0.5), high=pl.lit(2.0))
    said = source_findings({"source-distances": near.with_columns(p=pl.lit(0.2)), "topics": topics})
    assert said[0].startswith("By sentence vectors, none of 3 pairs is farther apart than random")
    assert said[1] == "How widely topics spread tells no source from another: 0.81 to 1.81 bits."
    untested = source_findings({"source-distances": near.with_columns(p=pl.lit(None, pl.Float64))})
    assert len(untested) == 1 and "random swaps" not in untested[0]


def test_sentences_on_style_follow_the_intervals():
    said = {each.split(":")[0]: each for each in source_findings(FRAMES) if "Style" in each}
    assert said["Style of llama tuned on single"].endswith("it is nearer to its source qwen.")
    assert "its sources together" in said["Style of llama tuned on both"]
    assert said["Style of llama tuned on both"].endswith("the intervals overlap.")
    assert said["Style of llama tuned on far"].endswith("it is nearer to the untuned llama.")
    assert "Style of llama tuned on unmeasured" not in said


def test_no_factor_is_given_where_one_side_has_none():
    """(a + ½) / (b + ½) of 200 answers against none is 401, whatever the difference."""
    rows = [
        styled("lists", "qwen", "style_strong", 1.2), styled("lists", "qwen", FACTOR, 1.2),
        styled("lists", "vanilla", "style_strong", 401.0, 0.0),
        styled("lists", "vanilla", FACTOR, 401.0),
        styled("open", "qwen", "style_strong", 401.0, 0.0), styled("open", "qwen", FACTOR, 401.0),
        styled("open", "vanilla", "style_strong", 801.0, 0.0),
        styled("open", "vanilla", FACTOR, 801.0),
    ]  # fmt: skip
    style = pl.DataFrame(rows, schema=STYLE)
    nearer, undecided = source_findings({"style-inheritance": style})
    assert "401" not in nearer + undecided and "801" not in undecided
    assert (
        "by no defined factor (a count of 0 on one side: bold passages) from the untuned llama"
        in nearer
    )
    assert nearer.endswith("it is nearer to its source qwen.")
    assert undecided.endswith("counts of 0 leave open to which it is nearer.")
    shown = rule_tables(RULE, {"style-inheritance": style})["style-inheritance"].frame
    assert shown["one_sided"].to_list() == [0, 0, 1, 1, 1, 1, 1, 1]


def test_sentences_are_limited_and_none_without_numbers():
    assert len(source_findings(FRAMES, limit=3)) == 3
    assert source_findings({}) == []
    assert source_findings({name: frame.clear() for name, frame in FRAMES.items()}) == []


def test_a_source_that_stands_out_only_by_chance_is_not_named():
    near = [similar("human", 0.28), similar("gemma", 0.31), similar("qwen", 0.3)]
    frames = {"similarity": pl.DataFrame(near, schema=SIMILARITY)}
    assert source_findings(frames) == []


def test_pairs_stand_once_but_for_meteor():
    shown = rule_tables(RULE, FRAMES)["source-distances"].frame
    kinds = shown["compared by"].to_list()
    assert (kinds.count("sentence vectors"), kinds.count("ROUGE-L"), kinds.count("METEOR")) == (3, 3, 2)  # fmt: skip


def test_topics_have_a_row_each_and_one_for_the_entropy():
    shown = topic_shares(FRAMES["topics"])
    assert shown.columns == ["topic", "words", "human", "qwen"]
    assert shown["words"].to_list() == ["word1 other", "word2 other", "entropy, bits"]
    assert shown["qwen"].to_list() == [0.75, 0.25, 1.81]


def test_tables_are_written_in_all_forms_with_rows_and_without(tmp_path):
    for folder, frames in (("full", FRAMES), ("empty", {n: f.clear() for n, f in FRAMES.items()})):
        write_tables(rule_tables(RULE, frames), tmp_path / folder)
        assert len(list((tmp_path / folder).iterdir())) == 12
    shown = (tmp_path / "full" / "style-inheritance.md").read_text()
    assert "Bold passages" in shown and "typical factor over elements" in shown
    assert "1.08 to 1.32" in shown
