"""Style inheritance: frequencies of Markdown elements compared with sources and untuned target.

Source of proportional frequencies: Feuer & Hegde 2025. They compare raw counts on the same prompts;
here runs answered test prompts and sources training prompts, so counts are those per answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.config.study import Study
from manybaskets.names import TEST, TRAIN, VANILLA
from manybaskets.records.ids import row_seed
from manybaskets.records.measured import SOURCES
from manybaskets.source_analysis.shared_answers import text_codes
from manybaskets.statistics import bootstrap
from manybaskets.statistics.bias import corrected
from manybaskets.statistics.clusters import cluster_sums

ALL_SOURCES = "all sources"
MEAN, FACTOR = "mean", "factor"
STYLE = pl.Schema(
    {
        "model": pl.String,
        "mix": pl.String,
        "against": pl.String,  # a source, `all sources` of the mix by their shares, or `vanilla`
        "measure": pl.String,  # or `mean` and `factor` over elements
        "count": pl.Float64,  # per answer
        "count_against": pl.Float64,
        "ratio": pl.Float64,
        "smoothed": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n_prompts": pl.Int64,
        "n_against": pl.Int64,
    }
)
_COUNTS = (
    "style_strong", "style_em", "style_lists", "style_ul", "style_ol", "style_list_items",
    "style_headings", "style_h1", "style_h2", "style_h3", "style_h4", "style_paragraphs",
    "style_code", "style_tables",
)  # fmt: skip
_LENGTH = "response_words"
_SMOOTHING = 0.5


def counted_elements(names: Collection[str]) -> list[str]:
    """The measures among these names that count elements or answer length."""
    counted = [name for name in _COUNTS if name in names]
    return [*counted, _LENGTH] if counted and _LENGTH in names else counted


def elements_of_mean(names: Collection[str]) -> list[str]:
    """The elements included in means, each occurrence once: the finest measured elements.

    Bold, italic, bullet and numbered lists, headings by level, paragraphs; length never.
    """
    lists, levels = ("style_ul", "style_ol"), ("style_h1", "style_h2", "style_h3", "style_h4")
    names_of_elements = ["style_strong", "style_em"]
    names_of_elements += lists if set(lists) <= set(names) else ["style_lists"]
    names_of_elements += levels if set(levels) <= set(names) else ["style_headings"]
    return [name for name in [*names_of_elements, "style_paragraphs"] if name in names]


def frequency_ratio(count: float, against: float) -> float | None:
    """Proportional frequency A[F] / B[F]; None for 0/0 and x/0."""
    return count / against if against > 0 else None


def smoothed_ratio(count, against, answers: float):
    """(a + ½) / (b + ½) with a, b the counts per answer times the number of answers; any arrays."""
    return (count * answers + _SMOOTHING) / (against * answers + _SMOOTHING)


def source_shares(study: Study) -> dict[str, dict[str, float]]:
    """Share of each source in the rows of each mix, in config order."""
    shares = {}
    for name, recipe in study.mixes.items():
        sources = study.mix_sources(name)
        weights = getattr(recipe, "weights", None) or dict.fromkeys(sources, 1.0)
        total = sum(weights.values())
        shares[name] = {source: weights[source] / total for source in sources}
    return shares


@dataclass(frozen=True)
class _Counts:
    """Counts per answer of one condition: `value[element]`, `resampled[element, resample]`."""

    value: np.ndarray
    resampled: np.ndarray
    answers: int
    prompts: int


def style_inheritance(
    rows: pl.DataFrame,
    shares: Mapping[str, Mapping[str, float]],
    settings: Statistics,
    seed: int,
) -> pl.DataFrame:
    """Counts in every tuned target's answers compared with its sources and the untuned target.

    `ratio` is A[F]/B[F] (null for 0/0 and x/0); `smoothed` is (a + ½)/(b + ½), both counts scaled
    to the number of answers of the smaller side, with a percentile bootstrap interval over prompts
    (and seeds). The measure `mean` has the arithmetic mean of the defined ratios and the geometric
    mean of the smoothed ones over `elements_of_mean`; `factor` is exp of the mean |ln smoothed|:
    the typical difference of an element's count in either direction, corrected for chance (`bias`);
    an element missing on both sides counts as equal.

    Args:
        rows: measured rows of runs (prompt set `test`) and of sources (`train`).
        shares: share of each source in the rows of each mix.
        settings: confidence and number of resamples.
        seed: of the resampling.

    Returns:
        Schema `STYLE`, in the order of models, mixes and their sources; no rows if no element was
        counted on both sides.
    """
    of_runs = rows.filter((pl.col("prompt_set") == TEST) & (pl.col("model") != SOURCES))
    of_sources = rows.filter((pl.col("prompt_set") == TRAIN) & (pl.col("model") == SOURCES))
    names = counted_elements(set(of_runs["measure"]) & set(of_sources["measure"]))
    if not names:
        return pl.DataFrame(schema=STYLE)
    sources = {
        name: _counts(of_sources.filter(pl.col("mix") == name), names, settings, seed)
        for name in of_sources["mix"].unique().sort()
    }
    lines: list[dict] = []
    for model in of_runs["model"].unique().sort():
        runs_of_model = of_runs.filter(pl.col("model") == model)
        runs = {
            mix: _counts(runs_of_model.filter(pl.col("mix") == mix), names, settings, seed)
            for mix in [VANILLA, *shares]
            if mix in set(runs_of_model["mix"])
        }
        for mix, given in shares.items():
            known_shares = {name: share for name, share in given.items() if name in sources}
            against = {name: sources[name] for name in known_shares}
            if len(known_shares) > 1 and len(known_shares) == len(given):
                against[ALL_SOURCES] = _pooled(
                    [sources[name] for name in known_shares], known_shares.values()
                )
            if VANILLA in runs:
                against[VANILLA] = runs[VANILLA]
            for name, other in against.items() if mix in runs else ():
                key = {"model": model, "mix": mix, "against": name}
                lines += [key | line for line in _compared(runs[mix], other, names, settings)]
    return pl.DataFrame(lines, schema=STYLE)


def _counts(rows: pl.DataFrame, names: Sequence[str], settings: Statistics, seed: int) -> _Counts:
    """Counts over prompts at which every measure has a value in every seed."""
    wide = (
        rows.filter(pl.col("measure").is_in(names))
        .pivot("measure", index=["prompt_id", "seed"], values="value")
        .sort("prompt_id", "seed")
    )
    seeds = wide["seed"].unique().sort().to_list()
    whole = wide.drop_nulls().group_by("prompt_id").len().filter(pl.col("len") == len(seeds))
    wide = wide.filter(pl.col("prompt_id").is_in(whole["prompt_id"].to_list()))
    ids = wide["prompt_id"].unique().sort().to_list()
    if not ids:
        empty = np.zeros(len(names))
        return _Counts(empty, np.zeros((len(names), settings.bootstrap_resamples)), 0, 0)
    values = wide.select(names).to_numpy().reshape(len(ids), len(seeds), len(names))
    codes = text_codes(ids)
    sizes = cluster_sums(codes, np.ones(len(ids)))
    sums = cluster_sums(codes, np.ascontiguousarray(values.transpose(2, 1, 0), dtype=np.float64))
    condition = tuple(rows.select("model", "mix").row(0))
    means = [bootstrap.mean_of(each, sizes, condition) for each in sums]
    # Test and training prompts are drawn independently, even if there are equally many.
    draws = row_seed(seed, "style", rows["prompt_set"][0])
    weights = bootstrap.weights(len(sizes), settings.bootstrap_resamples, draws)
    table = np.stack([mean.sums for mean in means], axis=1)
    blocks = [(block @ table) / (block @ sizes)[:, None] for block in weights]
    shifts = np.stack(
        [bootstrap.seed_shift(mean, settings.bootstrap_resamples, draws) for mean in means]
    )
    return _Counts(
        value=np.array([mean.value for mean in means]),
        # Widened by the seeds, a small count may become negative.
        resampled=np.maximum(np.concatenate(blocks).T + shifts, 0.0),
        answers=len(ids) * len(seeds),
        prompts=len(ids),
    )


def _pooled(counts: Sequence[_Counts], shares: Collection[float]) -> _Counts:
    """Counts per answer in a mix of sources with these shares."""
    weights = np.array(list(shares)) / sum(shares)
    return _Counts(
        value=sum(w * each.value for w, each in zip(weights, counts, strict=True)),
        resampled=sum(w * each.resampled for w, each in zip(weights, counts, strict=True)),
        answers=sum(each.answers for each in counts),
        prompts=min(each.prompts for each in counts),
    )


def _compared(
    own: _Counts, other: _Counts, names: Sequence[str], settings: Statistics
) -> list[dict]:
    sizes = {"n_prompts": own.prompts, "n_against": other.prompts}
    answers = min(own.answers, other.answers)
    if not answers:
        return [{"measure": name} | sizes for name in names]
    smoothed = smoothed_ratio(own.value, other.value, answers)
    resampled = np.log(smoothed_ratio(own.resampled, other.resampled, answers))
    ratios = [frequency_ratio(a, b) for a, b in zip(own.value, other.value, strict=True)]
    lines = [
        {
            "measure": name,
            "count": own.value[index],
            "count_against": other.value[index],
            "ratio": ratios[index],
            "smoothed": smoothed[index],
        }
        | _interval(resampled[index], settings)
        | sizes
        for index, name in enumerate(names)
    ]
    places = [names.index(name) for name in elements_of_mean(names)]
    if not places:
        return lines
    defined = [ratios[index] for index in places if ratios[index] is not None]
    logs, drawn = np.log(smoothed[places]), resampled[places]
    return [
        *lines,
        {
            "measure": MEAN,
            "ratio": float(np.mean(defined)) if defined else None,
            "smoothed": float(np.exp(logs.mean())),
        }
        | _interval(drawn.mean(axis=0), settings)
        | sizes,
        {"measure": FACTOR} | _factor(logs, drawn, settings) | sizes,
    ]


def _factor(logs: np.ndarray, drawn: np.ndarray, settings: Statistics) -> dict[str, float]:
    """exp of the mean absolute logarithm, corrected for its upward bias by chance."""
    logarithms = corrected(
        float(np.abs(logs).mean()), np.abs(drawn).mean(axis=0), settings.confidence, smallest=0.0
    )
    return dict(zip(("smoothed", "low", "high"), np.exp(logarithms).tolist(), strict=True))


def _interval(logs: np.ndarray, settings: Statistics) -> dict[str, float]:
    tail = (1 - settings.confidence) / 2
    low, high = np.exp(np.quantile(logs, [tail, 1 - tail]))
    return {"low": float(low), "high": float(high)}
