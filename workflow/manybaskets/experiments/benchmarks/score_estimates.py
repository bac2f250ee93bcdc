"""Scores and averages with standard errors and intervals, and differences between models."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.benchmarks.score_book import Score, ScoreBook
from manybaskets.experiments.benchmarks.settings import Benchmarks
from manybaskets.statistics.bootstrap import Mean, bca, difference_of
from manybaskets.statistics.multiplicity import holm
from manybaskets.statistics.rates import wilson
from manybaskets.statistics.signs import sign_flip_p

SCORES = pl.Schema(
    {
        "results": pl.String,
        "model": pl.String,
        "benchmark": pl.String,
        "score": pl.Float64,
        "se": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int64,  # items
        "maximum": pl.Float64,  # of the scale
        "method": pl.String,  # of the interval
    }
)
AVERAGES = pl.Schema(
    {
        "results": pl.String,
        "model": pl.String,
        "average": pl.String,
        "value": pl.Float64,  # 0 to 1
        "se": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n_benchmarks": pl.Int64,  # with a score
        "missing": pl.String,  # benchmarks without one
    }
)
DIFFERENCES = pl.Schema(
    {
        "selection": pl.String,
        "model": pl.String,
        "baseline": pl.String,
        "benchmark": pl.String,  # or an average
        "difference": pl.Float64,
        "se": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "p": pl.Float64,
        "p_holm": pl.Float64,
        "n": pl.Int64,  # items that both have
        "method": pl.String,
    }
)
BINARY, RESAMPLED = "Wilson's interval", "bootstrap over items"
NORMAL = "normal interval from the standard error"
PAIRED, UNPAIRED = "paired by item", "independent items"


@dataclass(frozen=True)
class ScoreEstimate:
    """A number with its standard error; None if unknown."""

    value: float
    se: float | None

    def interval(self, confidence: float) -> tuple[float | None, float | None]:
        """Normal interval; None twice without a standard error."""
        if self.se is None:
            return None, None
        half = normal_quantile(confidence) * self.se
        return self.value - half, self.value + half

    def minus(self, other: ScoreEstimate) -> ScoreEstimate:
        """The difference to an independent estimate."""
        known = self.se is not None and other.se is not None
        se = math.hypot(self.se, other.se) if known else None
        return ScoreEstimate(self.value - other.value, se)


def normal_quantile(confidence: float) -> float:
    """Quantile of the normal distribution of a two-sided interval: 1.96 for .95."""
    from scipy.stats import norm

    return float(norm.ppf((1 + confidence) / 2))


def score_table(books: Mapping[str, ScoreBook], settings: Statistics, seed: int) -> pl.DataFrame:
    """Every score with its interval (schema `SCORES`)."""
    rows, resampled = [], []
    for name, book in books.items():
        for model in book.models():
            for benchmark in book.benchmarks([model]):
                score, maximum = book.get(model, benchmark), book.section.tasks[benchmark].maximum
                row = {"results": name, "model": model, "benchmark": benchmark, "score": score.value,
                       "se": score.se, "n": score.n, "maximum": maximum}  # fmt: skip
                rows.append(row | _interval(score, maximum, settings.confidence))
                if row_needs_items(score, maximum):
                    resampled.append((rows[-1], score.mean(list(score.items), model)))
    means = [mean for _, mean in resampled]
    intervals = bca(means, settings.bootstrap_resamples, settings.confidence, seed)
    for (row, mean), interval in zip(resampled, intervals, strict=True):
        row["low"], row["high"] = interval or (None, None)
        row["se"] = _standard_error(mean)
    return pl.DataFrame(rows, schema=SCORES)


def row_needs_items(score: Score, maximum: float) -> bool:
    """Whether the interval of a score is resampled: several seeds, or items that may half pass."""
    several = len(score.seeds) > 1
    return bool(score.items) and (several or not set(score.items.values()) <= {0.0, maximum})


def _standard_error(mean: Mean) -> float | None:
    """Of a mean over items, and over training seeds if there are several."""
    if len(mean.sums) < 2:
        return None
    added = mean.seeds.variance if mean.seeds else 0.0
    return math.sqrt(float(mean.sums.var(ddof=1)) / len(mean.sums) + added)


def _interval(score: Score, maximum: float, confidence: float) -> dict[str, Any]:
    share = score.value / maximum
    if score.items:
        if row_needs_items(score, maximum):
            return {"low": None, "high": None, "method": RESAMPLED}
        low, high = wilson(share, len(score.items), normal_quantile(confidence))
        return {"low": low * maximum, "high": high * maximum, "method": BINARY}
    low, high = ScoreEstimate(score.value, score.se).interval(confidence)
    if low is None:
        return {"low": None, "high": None, "method": None}
    return {"low": max(0.0, low), "high": min(maximum, high), "method": NORMAL}


def average(book: ScoreBook, model: str, members: Sequence[str]) -> ScoreEstimate | None:
    """Mean of a model's scores on named benchmarks, each divided by its maximum.

    The standard error treats benchmarks as independent: √Σ se² / k.

    Returns:
        None if a score is missing: an average over fewer benchmarks is another average.
    """
    scores = [book.get(model, name) for name in members]
    if any(score is None for score in scores):
        return None
    maxima = [book.section.tasks[name].maximum for name in members]
    value = sum(s.value / m for s, m in zip(scores, maxima, strict=True)) / len(members)
    errors = [s.se / m if s.se is not None else None for s, m in zip(scores, maxima, strict=True)]
    return ScoreEstimate(value, _combined(errors))


def _combined(errors: Sequence[float | None]) -> float | None:
    if any(error is None for error in errors):
        return None
    return math.sqrt(sum(error**2 for error in errors)) / len(errors)


def average_table(books: Mapping[str, ScoreBook], confidence: float) -> pl.DataFrame:
    """Every average of every model (schema `AVERAGES`)."""
    rows = []
    for name, book in books.items():
        for model in book.models():
            for key, members in book.section.averages.items():
                missing = [each for each in members if book.get(model, each) is None]
                mean = average(book, model, members)
                low, high = mean.interval(confidence) if mean else (None, None)
                rows.append(
                    {
                        "results": name,
                        "model": model,
                        "average": key,
                        "value": mean and mean.value,
                        "se": mean and mean.se,
                        "low": low,
                        "high": high,
                        "n_benchmarks": len(members) - len(missing),
                        "missing": ", ".join(missing) or None,
                    }
                )
    return pl.DataFrame(rows, schema=AVERAGES)


def difference_table(
    books: Mapping[str, ScoreBook], settings: Statistics, seed: int
) -> pl.DataFrame:
    """Differences to the baseline of every selection, by benchmark and average (`DIFFERENCES`).

    Models whose items are known are compared on the items that both have: bootstrap interval and
    sign-flip test. Otherwise the two are independent: normal interval and test from both standard
    errors. Holm's correction covers a selection.
    """
    rows: list[dict[str, Any]] = []
    section = next(iter(books.values())).section
    for name, selection in section.selections.items():
        if not selection.baseline:
            continue
        book = books[section.results_of(selection.results)]
        own = [
            row
            for model in selection.models
            if model != selection.baseline
            for row in _differences(book, model, selection.baseline, settings, seed)
        ]
        tested = [row for row in own if row["p"] is not None]
        for row, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
            row["p_holm"] = float(adjusted)
        rows += [{"selection": name, **row} for row in own]
    return pl.DataFrame(rows, schema=DIFFERENCES)


def _differences(
    book: ScoreBook, model: str, baseline: str, settings: Statistics, seed: int
) -> Iterable[dict[str, Any]]:
    found: dict[str, ScoreEstimate] = {}
    for benchmark in book.benchmarks([model]):
        score, base = book.get(model, benchmark), book.get(baseline, benchmark)
        if base is None:
            continue
        row = {"model": model, "baseline": baseline, "benchmark": benchmark}
        row |= _difference(score, base, (model, baseline), settings, seed)
        found[benchmark] = ScoreEstimate(row["difference"], row["se"])
        yield row
    for name, members in book.section.averages.items():
        if all(member in found for member in members):
            maxima = [book.section.tasks[member].maximum for member in members]
            components = [found[member] for member in members]
            value = sum(p.value / m for p, m in zip(components, maxima, strict=True)) / len(members)
            errors = [
                None if p.se is None else p.se / m for p, m in zip(components, maxima, strict=True)
            ]
            yield {
                "model": model,
                "baseline": baseline,
                "benchmark": name,
                **_normal(ScoreEstimate(value, _combined(errors)), settings.confidence),
            }


def _difference(
    score: Score, base: Score, models: tuple[str, str], settings: Statistics, seed: int
) -> dict[str, Any]:
    shared = sorted(score.items.keys() & base.items.keys())
    if len(shared) > 1:
        mean = difference_of(score.mean(shared, models[0]), base.mean(shared, models[1]))
        (interval,) = bca([mean], settings.bootstrap_resamples, settings.confidence, seed)
        (p,) = sign_flip_p([mean], settings.sign_flips, seed)
        return {
            "difference": mean.value,
            "se": _standard_error(mean),
            "low": interval[0],
            "high": interval[1],
            "p": p,
            "n": len(shared),
            "method": PAIRED,
        }
    difference = ScoreEstimate(score.value, score.se).minus(ScoreEstimate(base.value, base.se))
    return _normal(difference, settings.confidence)


def _normal(estimate: ScoreEstimate, confidence: float) -> dict[str, Any]:
    from scipy.stats import norm

    low, high = estimate.interval(confidence)
    p = None
    if estimate.se:
        p = float(2 * norm.sf(abs(estimate.value) / estimate.se))
    return {
        "difference": estimate.value,
        "se": estimate.se,
        "low": low,
        "high": high,
        "p": p,
        "n": None,
        "method": UNPAIRED if estimate.se is not None else None,
    }


def value_of(book: ScoreBook, section: Benchmarks, model: str, name: str) -> ScoreEstimate | None:
    """A model's score on a benchmark, or its average of this name."""
    if name in section.averages:
        return average(book, model, section.averages[name])
    score = book.get(model, name)
    return None if score is None else ScoreEstimate(score.value, score.se)
