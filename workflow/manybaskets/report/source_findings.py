"""Tables and sentences about the sources themselves, and about the style that runs took from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.names import VANILLA
from manybaskets.presentation.formatting import measure_lookup, number, rounded_alike
from manybaskets.presentation.tables import table
from manybaskets.report import study_tables  # noqa: F401  its tables come first, whoever imports this
from manybaskets.source_analysis.pairs import PAIRS
from manybaskets.source_analysis.similarity.pair_summary import SIMILARITY
from manybaskets.source_analysis.style_inheritance import (
    ALL_SOURCES,
    FACTOR,
    MEAN,
    STYLE,
    counted_elements,
    elements_of_mean,
)
from manybaskets.source_analysis.topics import TOPICS
from manybaskets.statistics.multiplicity import benjamini_hochberg

KINDS = {
    "embedding": "sentence vectors",
    "topics": "topics",
    "rouge_1": "ROUGE-1",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR",
}
_OF_ELEMENTS = {MEAN: "mean over elements", FACTOR: "typical factor over elements"}
_FALSE_DISCOVERIES = 0.05
RULE = "source_tables"


def _several(study: Study) -> bool:
    return bool(study.source_analysis) and len(study.analysed_sources()) > 1


@table(
    name="similarity",
    title="Similarity of the sources",
    caption="Similarity of a source's answers to those of all other sources to the same prompts: "
    "mean and standard deviation over prompts, and the same for answers to other prompts "
    "(shuffled). ROUGE is the F1 of stems (Han and kana: of single characters); METEOR is without "
    "synonyms and weighs recall nine times (α = 0.9), so longer answers score higher; the paper on "
    "WILDCHAT-50M names precision there, but its α weighs recall.",
    needs=("similarity",),
    section="sources",
    rule=RULE,
    when=lambda study: _several(study) and bool(study.source_analysis.similarity.metrics),
)
def _similarity_shown(similarity: pl.DataFrame, context: Any = None) -> pl.DataFrame:
    return similarity.select(
        _named("metric", KINDS).alias("compared by"),
        "source", "value", "low", "high", "sd", "shuffled", "n_prompts", "n_excluded",
    )  # fmt: skip


@table(
    name="source-distances",
    title="Pairs of sources",
    caption="Similarities (ROUGE, METEOR: the first source's answer as hypothesis) and "
    "distances: energy coefficient of the answers' sentence vectors (0 for equal distributions, 1 "
    "for two points) and Jensen–Shannon divergence of topics in bits. The floor of a similarity is "
    "that of answers to other prompts; that of a distance is what 95 % of random swaps of the two "
    "sources' answers stay below, and p is how often swaps reach the distance.",
    needs=("source-distances",),
    section="sources",
    rule=RULE,
    when=_several,
)
def _pairs_shown(pairs: pl.DataFrame, context: Any = None) -> pl.DataFrame:
    """One row for both orders of a pair, but for METEOR, which tells hypothesis from reference."""
    unordered = pl.concat_str(
        "kind", pl.min_horizontal("first", "second"), pl.max_horizontal("first", "second"),
        separator="\n",
    )  # fmt: skip
    return pairs.filter((pl.col("kind") == "meteor") | unordered.is_first_distinct()).select(
        _named("kind", KINDS).alias("compared by"),
        "scale", "first", "second", "value", "low", "high", "floor", "p", "n_prompts", "n_excluded",
    )  # fmt: skip


def _named(column: str, names: dict[str, str]) -> pl.Expr:
    return pl.col(column).replace(names)


@table(
    name="topics",
    title="Topics of the sources",
    caption="Shares of the topics of one model (LDA) of all sources' answers, by their most "
    "likely words, and the entropy of the shares in bits.",
    needs=("topics",),
    section="sources",
    rule=RULE,
    when=lambda study: bool(study.source_analysis and study.source_analysis.topics),
)
def topic_shares(topics: pl.DataFrame, context: Any = None) -> pl.DataFrame:
    """One row per topic and one for the entropy, one column per source."""
    sources = topics["source"].unique(maintain_order=True).to_list()
    wide = topics.with_columns(pl.col("words").fill_null("entropy, bits")).pivot(
        "source", index=["topic", "words"], values="value", maintain_order=True
    )
    return wide.sort("topic", nulls_last=True, maintain_order=True).select(
        pl.col("topic").cast(pl.String), "words", *sources
    )


def _counts_elements(study: Study) -> bool:
    described = study.source_analysis
    return bool(
        described and counted_elements(study.measures) and counted_elements(described.measures)
    )


@table(
    name="style-inheritance",
    title="Style inherited",
    caption="Elements of Markdown per answer of the runs (test prompts) against those "
    "of their sources (training prompts) and of the untuned target (test prompts). Ratio is empty "
    "where the other side has none; the smoothed one adds ½ to both counts and carries the "
    "interval. The mean over elements is arithmetic for ratios and geometric for smoothed ones; the "
    "typical factor is by how much a count differs either way. `one side only` counts the elements "
    "that one of the two never has: their smoothed ratios, and means with them, grow with the number "
    "of answers and measure no difference.",
    needs=("style-inheritance",),
    rule=RULE,
    when=_counts_elements,
)
def style_shown(style: pl.DataFrame, context: Any = None) -> pl.DataFrame:
    """The table of style with labels in place of the names of measures."""
    find = measure_lookup()
    names = {
        name: _OF_ELEMENTS[name] if name in _OF_ELEMENTS else find(name).label
        for name in style["measure"].unique()
    }
    zeros = one_sided(style)
    keys = ["model", "mix", "against"]
    counted = [
        int(row["measure"] in zeros.get(tuple(row[key] for key in keys), ()))
        if row["measure"] not in _OF_ELEMENTS
        else len(zeros.get(tuple(row[key] for key in keys), ()))
        for row in style.iter_rows(named=True)
    ]
    return style.with_columns(pl.Series("one_sided", counted, dtype=pl.Int64)).select(
        "model", "mix", "against", _named("measure", names).alias("element"), "count",
        "count_against", "ratio", "smoothed", "low", "high", "one_sided", "n_prompts", "n_against",
    )  # fmt: skip


def one_sided(style: pl.DataFrame) -> dict[tuple[str, str, str], list[str]]:
    """Elements of the means that only one of two compared conditions has: no ratio exists for them.

    Args:
        style: of the schema `style_inheritance.STYLE`.

    Returns:
        Measures by target, mix and what it is compared with.
    """
    elements = elements_of_mean(style["measure"].unique().to_list())
    zero = (pl.col("count") == 0) != (pl.col("count_against") == 0)
    found: dict[tuple[str, str, str], list[str]] = {}
    rows = style.filter(pl.col("measure").is_in(elements), zero)
    for *key, measure in rows.select("model", "mix", "against", "measure").iter_rows():
        found.setdefault(tuple(key), []).append(measure)
    return found


def source_findings(
    frames: Mapping[str, pl.DataFrame], *, confidence: float = 0.95, limit: int = 20
) -> list[str]:
    """At most `limit` plain sentences: who is alike, who is apart, and whose style runs took on.

    Args:
        frames: any of `similarity` (schema `pair_summary.SIMILARITY`), `source-distances`
            (`pairs.PAIRS`), `topics` (`topics.TOPICS`) and `style-inheritance` (`style.STYLE`).
        confidence: of the intervals.
        limit: most sentences.
    """
    empty = pl.DataFrame
    similarity = frames.get("similarity", empty(schema=SIMILARITY))
    pairs = frames.get("source-distances", empty(schema=PAIRS))
    topics = frames.get("topics", empty(schema=TOPICS))
    style = frames.get("style-inheritance", empty(schema=STYLE))
    level = f"{confidence * 100:g} % interval"
    sentences: list[str] = []
    for kind in KINDS:
        once = (pl.col("first") < pl.col("second")) | (kind == "meteor")
        distances = pairs.filter((pl.col("kind") == kind) & pl.col("value").is_not_null() & once)
        if distances.height:
            order = distances.sort("value", "first", "second", maintain_order=True)
            say = _similar if distances["scale"][0] == "similarity" else _apart
            sentences += say(KINDS[kind], order.rows(named=True), level)
    sentences += _least_alike(similarity, level)
    sentences += _entropies(topics, level)
    sentences += _inherited(style, level)
    return sentences[:limit]


def _range(row: dict[str, Any], level: str = "") -> str:
    """A value with its interval in words."""
    if row["low"] is None:
        return number(row["value"])
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    return f"{value} ({level} {low} to {high})" if level else f"{value} ({low} to {high})"


def _similar(name: str, rows: Sequence[dict[str, Any]], level: str) -> list[str]:
    """The most and the least similar pair, beside answers to other prompts."""
    best, worst = rows[-1], rows[0]
    floor = f"answers to different prompts reach {number(best['floor'])}"
    sentence = (
        f"By {name}, {best['first']} and {best['second']} answer most alike: {_range(best, level)} "
        f"on {best['n_prompts']} prompts, where {floor}"
    )
    if {best["first"], best["second"]} == {worst["first"], worst["second"]}:
        return [f"{sentence}."]
    return [f"{sentence}; least alike are {worst['first']} and {worst['second']}: {_range(worst)}."]


def _apart(name: str, rows: Sequence[dict[str, Any]], level: str) -> list[str]:
    """The nearest and the farthest pair, and how many pairs chance may explain."""
    near, far = rows[0], rows[-1]
    tested = [row["p"] for row in rows if row["p"] is not None]
    beyond = "farther apart than random swaps of their answers explain"
    rate = f"(false discovery rate {_FALSE_DISCOVERIES * 100:g} %)"
    discoveries = benjamini_hochberg(tested) <= _FALSE_DISCOVERIES
    if tested and not any(discoveries):
        widest = f"the largest distance is {_range(far, level)}"
        return [f"By {name}, none of {len(tested)} pairs is {beyond} {rate}; {widest}."]
    sentence = (
        f"By {name}, {far['first']} and {far['second']} are farthest apart: {_range(far, level)}"
    )
    if len(rows) > 1:
        sentence += f"; nearest are {near['first']} and {near['second']}: {_range(near)}"
    if tested:
        sentence += f". {int(sum(discoveries))} of {len(tested)} pairs are {beyond} {rate}"
    return [f"{sentence}."]


def _least_alike(similarity: pl.DataFrame, level: str) -> list[str]:
    """Which source stands out from the others, where three or more were compared."""
    if similarity["source"].n_unique() < 3:
        return []
    sentences = []
    for (metric,), group in similarity.drop_nulls("value").group_by("metric", maintain_order=True):
        rows = group.sort("value", "source").rows(named=True)
        last, next_to_last = rows[0], rows[1]
        if last["high"] is not None and last["high"] < next_to_last["low"]:
            sentences.append(
                f"By {KINDS[metric]}, {last['source']} is least like the other sources: "
                f"{_range(last, level)}, against {_range(next_to_last)} of {next_to_last['source']}."
            )
    return sentences


def _entropies(topics: pl.DataFrame, level: str) -> list[str]:
    rows = topics.filter(pl.col("statistic") == "entropy").sort("value", "source")
    if rows.height < 2:
        return []
    low, high = rows.row(0, named=True), rows.row(-1, named=True)
    if low["high"] >= high["low"]:
        ends = " to ".join(rounded_alike([low["value"], high["value"]]))
        return [f"How widely topics spread tells no source from another: {ends} bits."]
    return [
        f"The topics of {low['source']} are the least spread, {_range(low, level)} bits, those of "
        f"{high['source']} the most, {_range(high)} bits."
    ]


def _inherited(style: pl.DataFrame, level: str) -> list[str]:
    """Whether each run's style is nearer to its sources or to the untuned target."""
    factors = style.filter((pl.col("measure") == FACTOR) & pl.col("smoothed").is_not_null())
    zeros = one_sided(style)
    sentences = []
    for (model, mix), group in factors.group_by("model", "mix", maintain_order=True):
        rows = {
            row["against"]: row
            | {"value": row["smoothed"], "zeros": zeros.get((model, mix, row["against"]), [])}
            for row in group.rows(named=True)
        }
        untuned = rows.pop(VANILLA, None)
        if untuned is None or not rows:
            continue
        name = ALL_SOURCES if ALL_SOURCES in rows else next(iter(rows))
        source = rows[name]
        whose = "its sources together" if name == ALL_SOURCES else f"its source {name}"
        verdict = _nearer(source, untuned, whose, model)
        sentences.append(
            f"Style of {model} tuned on {mix}: the count of an element typically differs "
            f"{_by_factor(source, whose, level)} and {_by_factor(untuned, f'the untuned {model}')}; "
            f"{verdict}."
        )
    return sentences


def _by_factor(row: Mapping[str, Any], whose: str, level: str = "") -> str:
    """A typical factor, or that counts of 0 leave none."""
    if not row["zeros"]:
        return f"by a factor of {_range(row, level)} from {whose}"
    find = measure_lookup()
    labels = ", ".join(find(name).label.lower() for name in row["zeros"])
    return f"by no defined factor (a count of 0 on one side: {labels}) from {whose}"


def _nearer(source: dict[str, Any], untuned: dict[str, Any], whose: str, model: str) -> str:
    """Which side is nearer; counts of 0 on the nearer side leave that open."""
    if source["high"] < untuned["low"] and not source["zeros"]:
        return f"it is nearer to {whose}"
    if untuned["high"] < source["low"] and not untuned["zeros"]:
        return f"it is nearer to the untuned {model}"
    if source["zeros"] or untuned["zeros"]:
        return "counts of 0 leave open to which it is nearer"
    return "the intervals overlap"
