"""Readings of judges, arranged by judge and pair of texts.

With z the logit of a marker, s and r two authors, m a set of markers and o an order,
l(m, o) = z(marker of s) − z(marker of r); the log-odds d(s, r) of an article are the mean of l over
all m and o, and the probability that s beats r is the mean of 1 / (1 + exp(−l)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from manybaskets.errors import UserError
from manybaskets.experiments.preference.roles import LOG_ODDS, POINTS, PROBABILITY, Z
from manybaskets.experiments.preference.schemas import (
    ABSOLUTE,
    CORRECTED,
    DISCRIMINATION,
    OWN,
    PAIRWISE,
    PAPER,
    READ,
    READINGS,
    STATUSES,
    is_corrupted,
)

_KEY = ["protocol", "variant", "target", "mix", "seed", "article_id", "first", "second", "markers"]
_ANSWER = ["status", "z_first", "z_second", "expected", "pi_first"]
_JUDGE = ["variant", "target", "mix", "seed"]
NO_MARKER, IDENTICAL = "no_marker", "identical"
_WHERE = "the readings of the judges"


def checked(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings with each question once; identical duplicate rows count once.

    Raises:
        UserError: wrong columns, a row without judge, article or author, an unknown protocol,
            variant or status, a reading without its number, or two answers to one question.
    """
    if readings.schema != READINGS:
        _fail(
            f"the readings have the columns {dict(readings.schema)}",
            f"the columns {dict(READINGS)}",
        )
    named = [name for name in _KEY if name != "second"]
    nameless = readings.filter(pl.any_horizontal(pl.col(name).is_null() for name in named))
    if nameless.height:
        _fail(f"{nameless.height} rows lack a key column (first: {_shown(nameless)})",
              f"{', '.join(named)} in every row")  # fmt: skip
    for column, known in (
        ("protocol", (PAIRWISE, ABSOLUTE, DISCRIMINATION)),
        ("variant", (CORRECTED, PAPER)),
        ("status", tuple(STATUSES)),
    ):
        other = readings.filter(~pl.col(column).is_in(known) | pl.col(column).is_null())
        if other.height:
            _fail(f"{other.height} rows have the unknown {column} {other[column][0]!r}",
                  f"one of: {', '.join(known)}")  # fmt: skip
    logits = (pl.col("protocol") != ABSOLUTE) & pl.col("status").is_in([READ, NO_MARKER])
    numbers = [pl.col(name).is_finite().fill_null(False) for name in ("z_first", "z_second")]
    empty = readings.filter(
        (logits & ~pl.all_horizontal(numbers))
        | ((pl.col("status") == READ) & (pl.col("protocol") == ABSOLUTE)
           & ~pl.col("expected").is_finite().fill_null(False))
        | ((pl.col("status") == READ) & (pl.col("protocol") == PAIRWISE)
           & (pl.col("variant") == PAPER) & ~pl.col("pi_first").is_finite().fill_null(False))
    )  # fmt: skip
    if empty.height:
        _fail(f"{empty.height} rows have status 'read' but no number (first: {_shown(empty)})",
              "finite logits for every pair that was read, and a score for every text that was "
              "read")  # fmt: skip
    single = readings.unique(subset=[*_KEY, *_ANSWER], maintain_order=True)
    doubled = single.filter(single.select(_KEY).is_duplicated())
    if doubled.height:
        _fail(f"{doubled.height} rows contradict another row's answer to the same question "
        f"(first: {_shown(doubled)})", "one answer per judge and question")  # fmt: skip
    return single


def _shown(rows: pl.DataFrame) -> dict:
    return rows.select(_KEY).row(0, named=True)


def _fail(what: str, expected: str) -> None:
    raise UserError(
        what=what,
        where=_WHERE,
        expected=expected,
        remedy="delete the readings of this judge and rerun the same command",
    )


def marker_pairs(readings: pl.DataFrame, protocol: str) -> pl.DataFrame:
    """One row per judge, article, pair and marker set that was read in both orders.

    Two equal texts give the same question in both orders, so that the orders cancel out: d is 0 and
    the probability one half without any reading (`tied`). If no marker survived the published
    warping, its probability is also one half.

    Args:
        readings: result of `checked`.
        protocol: `pairwise` or `discrimination`.

    Returns:
        author, opponent (`author` sorts first), l_first and l_second (log-odds of the author when
        it is shown first, second), p_first and p_second (its probabilities), mass, tied, words,
        other_words, nll, other_nll, in addition to the judge, article and markers.
    """
    rows = readings.filter(
        pl.col("protocol") == protocol, pl.col("status").is_in([READ, NO_MARKER, IDENTICAL])
    )
    tied = pl.col("status") == IDENTICAL
    l = pl.when(tied).then(0.0).otherwise(pl.col("z_first") - pl.col("z_second"))  # noqa: E741
    warped = pl.when(pl.col("status") == READ).then(pl.col("pi_first")).otherwise(0.5)
    p = pl.when(pl.col("variant") == PAPER).then(warped).otherwise(1 / (1 + (-pl.col("l")).exp()))
    rows = rows.with_columns(l=l).with_columns(p=p, tied=tied)
    key = [*_JUDGE, "article_id", "markers", "author", "opponent"]
    ahead = rows.filter(pl.col("first") < pl.col("second")).select(
        *key[:-2],
        pl.col("first").alias("author"),
        pl.col("second").alias("opponent"),
        "tied",
        pl.col("l").alias("l_first"),
        pl.col("p").alias("p_first"),
        pl.col("words_first").alias("words"),
        pl.col("words_second").alias("other_words"),
        pl.col("nll_first").alias("nll"),
        pl.col("nll_second").alias("other_nll"),
    )
    behind = rows.filter(pl.col("first") > pl.col("second")).select(
        *key[:-2],
        pl.col("second").alias("author"),
        pl.col("first").alias("opponent"),
        (-pl.col("l")).alias("l_second"),
        (1 - pl.col("p")).alias("p_second"),
    )
    return ahead.join(behind, on=key, how="inner")


def one_order_only(readings: pl.DataFrame) -> pl.DataFrame:
    """Pairs of a judge that were read in only one order, which `marker_pairs` excludes."""
    rows = readings.filter(
        pl.col("protocol") != ABSOLUTE, pl.col("status").is_in([READ, NO_MARKER, IDENTICAL])
    )
    sides = [pl.min_horizontal("first", "second"), pl.max_horizontal("first", "second")]
    rows = rows.with_columns(sides[0].alias("author"), sides[1].alias("opponent"))
    key = ["protocol", *_JUDGE, "article_id", "markers", "author", "opponent"]
    return rows.filter(rows.select(key).is_unique())


@dataclass(frozen=True)
class JudgeReadings:
    """Readings of one judge: a target after a training mix, with all its training seeds.

    Attributes:
        target, mix, variant, protocol: the judge and the way of asking.
        seeds, articles, authors: names along the axes of the arrays.
        values: by unit, the advantage of an author over another: `[seed, article, author,
            opponent]`. Pairwise: log-odds and probability. Absolute: score difference, in points
            and in standard deviations of the judge's scores. NaN without a reading.
        scores: by unit, scores of texts `[seed, article, author]`; absolute only.
        tied: mask of pairs with equal texts.
        words, nll: of the texts, `[seed, article, author]`; NaN if unknown.
    """

    target: str
    mix: str
    variant: str
    protocol: str
    seeds: list[int]
    articles: list[str]
    authors: list[str]
    values: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    tied: np.ndarray
    words: np.ndarray
    nll: np.ndarray

    def place(self, author: str) -> int:
        """Index of an author in the arrays."""
        return self.authors.index(author)

    def has(self, *authors: str) -> bool:
        """Whether the judge was shown texts of all these authors."""
        return set(authors) <= set(self.authors)

    def means(self, unit: str, author: str, field: list[str]) -> np.ndarray:
        """Mean of an author's text against all others in a field: `[seed, article]`.

        Absolute: its score. NaN unless all pairs were read.
        """
        if self.protocol == ABSOLUTE:
            return self.scores[unit][:, :, self.place(author)]
        against = [self.place(name) for name in field if name != author]
        return self.values[unit][:, :, self.place(author), against].mean(axis=2)

    def against(self, unit: str, author: str, opponents: list[str]) -> np.ndarray:
        """Mean of an author's pairs with these opponents: `[seed, article]`."""
        places = [self.place(name) for name in opponents]
        return self.values[unit][:, :, self.place(author), places].mean(axis=2)


def judges(readings: pl.DataFrame) -> list[JudgeReadings]:
    """Every judge in each variant of the pairwise and the absolute protocol.

    Args:
        readings: result of `checked`.
    """
    return [*_pairwise(readings), *_absolute(readings)]


def _pairwise(readings: pl.DataFrame) -> Iterator[JudgeReadings]:
    pairs = (
        marker_pairs(readings, PAIRWISE)
        .with_columns(
            l=(pl.col("l_first") + pl.col("l_second")) / 2,
            p=(pl.col("p_first") + pl.col("p_second")) / 2,
        )
        .group_by(*_JUDGE, "article_id", "author", "opponent")
        .agg(
            pl.col("l", "p").mean(),
            pl.col("tied", "words", "other_words", "nll", "other_nll").first(),
        )
    )
    read = dict(_by_judge(pairs))
    for (variant, target, mix), names in _asked(readings, PAIRWISE).items():
        seeds, articles, authors = names
        rows = read.get((variant, target, mix), pairs.clear())
        seed, article = _places(rows["seed"], seeds), _places(rows["article_id"], articles)
        one, other = _places(rows["author"], authors), _places(rows["opponent"], authors)
        shape = (len(seeds), len(articles), len(authors))
        values = {unit: np.full((*shape, len(authors)), np.nan) for unit in (LOG_ODDS, PROBABILITY)}
        values[LOG_ODDS][seed, article, one, other] = rows["l"]
        values[LOG_ODDS][seed, article, other, one] = -rows["l"]
        values[PROBABILITY][seed, article, one, other] = rows["p"]
        values[PROBABILITY][seed, article, other, one] = 1 - rows["p"]
        tied = np.zeros((*shape, len(authors)), dtype=bool)
        tied[seed, article, one, other] = tied[seed, article, other, one] = rows["tied"]
        words, nll = np.full(shape, np.nan), np.full(shape, np.nan)
        for array, name in ((words, "words"), (nll, "nll")):
            array[seed, article, one] = _floats(rows[name])
            array[seed, article, other] = _floats(rows[f"other_{name}"])
        yield JudgeReadings(
            target, mix, variant, PAIRWISE, seeds, articles, authors, values, {}, tied, words, nll
        )


def _absolute(readings: pl.DataFrame) -> Iterator[JudgeReadings]:
    texts = readings.filter(
        pl.col("protocol") == ABSOLUTE,
        pl.col("status") == READ,
        ~pl.col("first").map_elements(is_corrupted, return_dtype=pl.Boolean),
    )
    scored = texts.group_by(*_JUDGE, "article_id", "first").agg(
        pl.col("expected").mean(), pl.col("words_first", "nll_first").first()
    )
    read = dict(_by_judge(scored))
    for (variant, target, mix), names in _asked(readings, ABSOLUTE).items():
        seeds, articles, authors = names
        rows = read.get((variant, target, mix), scored.clear())
        place = (
            _places(rows["seed"], seeds),
            _places(rows["article_id"], articles),
            _places(rows["first"], authors),
        )
        shape = (len(seeds), len(articles), len(authors))
        filled = {}
        for name in ("expected", "words_first", "nll_first"):
            filled[name] = np.full(shape, np.nan)
            filled[name][place] = _floats(rows[name])
        scores = {POINTS: filled["expected"], Z: _standardised(filled["expected"], authors)}
        values = {unit: each[:, :, :, None] - each[:, :, None, :] for unit, each in scores.items()}
        tied = np.zeros((*shape, len(authors)), dtype=bool)
        measured = filled["words_first"], filled["nll_first"]
        yield JudgeReadings(
            target,
            mix,
            variant,
            ABSOLUTE,
            seeds,
            articles,
            authors,
            values,
            scores,
            tied,
            *measured,
        )


def _standardised(scores: np.ndarray, authors: list[str]) -> np.ndarray:
    """Standardised scores of each seed; zeros without any spread.

    Mean and standard deviation are those of the base authors' texts, which all judges of a target
    score.
    """
    shared = [place for place, name in enumerate(authors) if not name.startswith(OWN)]
    base = scores[:, :, shared].reshape(len(scores), -1)
    known = np.where(np.isnan(base), 0.0, base)
    count = np.maximum((~np.isnan(base)).sum(axis=1), 1)
    mean = (known.sum(axis=1) / count)[:, None, None]
    square = np.where(np.isnan(base), 0.0, (base - mean[:, :, 0]) ** 2).sum(axis=1) / count
    spread = np.sqrt(square)[:, None, None]
    return np.where(
        spread > 1e-9, (scores - mean) / np.where(spread > 1e-9, spread, 1.0), scores * 0
    )


def _asked(
    readings: pl.DataFrame, protocol: str
) -> dict[tuple[str, str, str], tuple[list[int], list[str], list[str]]]:
    """Seeds, articles and authors that every judge was asked to read."""
    rows = readings.filter(pl.col("protocol") == protocol)
    found = {}
    for name, group in _by_judge(rows):
        authors = _names(pl.concat([group["first"], group["second"]]).drop_nulls())
        intact = [author for author in authors if not is_corrupted(author)]
        found[name] = (_names(group["seed"]), _names(group["article_id"]), intact)
    return found


def _by_judge(rows: pl.DataFrame) -> Iterator[tuple[tuple[str, str, str], pl.DataFrame]]:
    groups = rows.partition_by("variant", "target", "mix", as_dict=True)
    for name in sorted(groups):
        yield name, groups[name]


def _names(column: pl.Series) -> list:
    return column.unique().sort().to_list()


def _places(column: pl.Series, names: list) -> np.ndarray:
    if column.dtype == pl.String:
        return column.cast(pl.Enum(names)).to_physical().to_numpy()
    return np.searchsorted(np.array(names), column.to_numpy())


def _floats(column: pl.Series) -> np.ndarray:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
