"""Checks of the instrument: position bias, marker mass, discrimination, author matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference.estimates import Clusters, kept
from manybaskets.experiments.preference.readings import (
    IDENTICAL,
    NO_MARKER,
    JudgeReadings,
    marker_pairs,
    one_order_only,
)
from manybaskets.experiments.preference.roles import POINTS, PROBABILITY, Roles
from manybaskets.experiments.preference.schemas import (
    ABSOLUTE,
    DISCRIMINATION,
    GOLD,
    OWN,
    PAIRWISE,
    READ,
    STATUSES,
)
from manybaskets.statistics.bootstrap import Mean, bca
from manybaskets.statistics.rates import wilson_of

_JUDGE = ["target", "mix", "variant"]
_NUMBERS = dict.fromkeys(("value", "low", "high"), pl.Float64)
_N = dict.fromkeys(("n_articles", "n_seeds"), pl.Int64)
POSITION = pl.Schema(
    {
        **dict.fromkeys((*_JUDGE, "markers"), pl.String),
        **_NUMBERS,  # position bias in log-odds; above 0 the first position is favoured
        **dict.fromkeys(("consistency", "consistency_low", "consistency_high"), pl.Float64),
        "flip_rate": pl.Float64,
        "first_share": pl.Float64,  # share of all readings that favour the first position
        "n_pairs": pl.Int64,
        **_N,
    }
)
MASS = pl.Schema(
    {
        **dict.fromkeys((*_JUDGE, "protocol", "markers"), pl.String),
        **dict.fromkeys(("value", "p5", "low_share", "spaced"), pl.Float64),
        "n_readings": pl.Int64,
        "n_none": pl.Int64,  # readings in which the markers have no mass, or did not survive
    }
)
DISCRIMINATED = pl.Schema(
    {
        **dict.fromkeys(_JUDGE, pl.String),
        **_NUMBERS,  # share of readings that favour the intact text; a tie counts half
        **dict.fromkeys(("averaged", "margin", "margin_low", "margin_high"), pl.Float64),
        "n_pairs": pl.Int64,
        **_N,
    }
)
MATRIX = pl.Schema(
    {
        **dict.fromkeys((*_JUDGE, "protocol", "unit"), pl.String),
        "panel": pl.String,  # target with this panel of authors; gold judges see all panels
        "author": pl.String,
        "opponent": pl.String,  # null: the mean over all others, or the score
        **_NUMBERS,
        "words": pl.Float64,  # mean of the author's texts; only for means
        **_N,
    }
)
EXCLUDED = pl.Schema(
    {
        **dict.fromkeys(
            (*_JUDGE, "protocol", "author", "opponent", "reason", "counted"), pl.String
        ),
        "n": pl.Int64,
    }
)
_COUNTED = {
    IDENTICAL: "as a tie: both orders ask the same question",
    NO_MARKER: "as a half: no preference was expressed",
}
_NOT_AT_ALL = "not at all"
_ONE_ORDER = "one order only was read"


@dataclass(frozen=True)
class _Waiting:
    """A line without its interval."""

    line: dict[str, Any]
    keys: tuple[str, str, str]  # where value, low and high go
    mean: Mean
    share: bool


def _filled(waiting: Sequence[_Waiting], settings: Statistics, seed: int) -> None:
    """Add value and interval to every line; a constant share has Wilson's interval."""
    found = bca(
        [each.mean for each in waiting], settings.bootstrap_resamples, settings.confidence, seed
    )
    for each, interval in zip(waiting, found, strict=True):
        if each.share and each.mean.value in (0.0, 1.0):
            interval = wilson_of(each.mean, len(each.mean.sizes), settings.confidence)
        low, high = interval or (None, None)
        if each.share and low is not None:
            low, high = max(0.0, low), min(1.0, high)
        each.line.update(zip(each.keys, (each.mean.value, low, high), strict=True))


def _per_article(rows: pl.DataFrame, column: str) -> tuple[np.ndarray, list[str], list[int]]:
    """Means of a column by seed and article, on articles that all seeds have."""
    table = rows.group_by("seed", "article_id").agg(pl.col(column).mean())
    wide = table.pivot(on="article_id", index="seed", values=column).sort("seed")
    articles = sorted(name for name in wide.columns if name != "seed")
    values = wide.select(articles).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    valid = ~np.isnan(values).any(axis=0)
    return values[:, valid], list(np.array(articles)[valid]), wide["seed"].to_list()


def _waiting(
    line: dict[str, Any], rows: pl.DataFrame, column: str, keys: tuple[str, str, str], share: bool
) -> Iterator[_Waiting]:
    values, articles, seeds = _per_article(rows, column)
    line |= {"n_articles": len(articles), "n_seeds": len(seeds)}
    if articles:
        mean = Clusters(articles).mean(values, (line["target"], line["mix"]))
        yield _Waiting(line, keys, mean, share)


def position_rows(readings: pl.DataFrame, settings: Statistics, seed: int) -> pl.DataFrame:
    """Position bias and swap consistency of every judge and set of markers (schema `POSITION`).

    Bias: half of l with a text first minus l with the same text second. Consistency: share of
    articles, pairs and markers whose l has the same nonzero sign in both orders; the flip rate is
    the rest. Equal texts are uninformative and left out.
    """
    pairs = marker_pairs(readings, PAIRWISE).filter(~pl.col("tied")).with_columns(
        bias=(pl.col("l_first") - pl.col("l_second")) / 2,
        consistent=(pl.col("l_first").sign() * pl.col("l_second").sign() > 0).cast(pl.Float64),
        ahead=((pl.col("l_first") > 0).cast(pl.Float64) + (pl.col("l_second") < 0)) / 2,
    )  # fmt: skip
    lines, waiting = [], []
    for key, rows in _groups(pairs, [*_JUDGE, "markers"]):
        line = dict(zip([*_JUDGE, "markers"], key, strict=True))
        line |= {"n_pairs": rows.height, "first_share": rows["ahead"].mean()}
        lines.append(line)
        waiting += _waiting(line, rows, "bias", ("value", "low", "high"), False)
        names = ("consistency", "consistency_low", "consistency_high")
        waiting += _waiting(line, rows, "consistent", names, True)
    _filled(waiting, settings, seed)
    for line in lines:
        line["flip_rate"] = 1 - line["consistency"]
    return pl.DataFrame(lines, schema=POSITION)


def mass(readings: pl.DataFrame, low: float) -> pl.DataFrame:
    """Total probability of the markers, for every judge, protocol and marker set.

    Args:
        low: probability below which a reading counts in `low_share`.
    """
    rows = readings.filter(pl.col("status").is_in([READ, NO_MARKER]))
    no_mass = (pl.col("status") == NO_MARKER) | (pl.col("mass") == 0)
    return (
        rows.group_by(*_JUDGE, "protocol", "markers")
        .agg(
            pl.col("mass").mean().alias("value"),
            pl.col("mass").quantile(0.05, "linear").alias("p5"),
            (pl.col("mass") < low).mean().alias("low_share"),
            pl.col("mass_spaced").mean().alias("spaced"),
            pl.len().cast(pl.Int64).alias("n_readings"),
            no_mass.sum().cast(pl.Int64).alias("n_none"),
        )
        .select(pl.col(name).cast(kind) for name, kind in MASS.items())
        .sort(*_JUDGE, "protocol", "markers")
    )


def discrimination_rows(readings: pl.DataFrame, settings: Statistics, seed: int) -> pl.DataFrame:
    """Whether judges distinguish intact from corrupted texts (schema `DISCRIMINATED`).

    Accuracy over articles, authors, markers and both orders; `averaged` is that of the mean of both
    orders, and `margin` its mean log-odds.
    """
    pairs = marker_pairs(readings, DISCRIMINATION).with_columns(
        right=(_won("l_first") + _won("l_second")) / 2,
        margin=(pl.col("l_first") + pl.col("l_second")) / 2,
    )
    lines, waiting = [], []
    for key, rows in _groups(pairs, _JUDGE):
        line = dict(zip(_JUDGE, key, strict=True)) | {"n_pairs": rows.height}
        whole = rows.group_by("seed", "article_id", "author").agg(pl.col("margin").mean())
        line["averaged"] = whole.select(_won("margin").mean()).item()
        lines.append(line)
        waiting += _waiting(line, rows, "right", ("value", "low", "high"), True)
        waiting += _waiting(line, rows, "margin", ("margin", "margin_low", "margin_high"), False)
    _filled(waiting, settings, seed)
    return pl.DataFrame(lines, schema=DISCRIMINATED)


def _won(column: str) -> pl.Expr:
    return (pl.col(column) > 0).cast(pl.Float64) + (pl.col(column) == 0).cast(pl.Float64) / 2


def matrix_rows(
    found: Sequence[JudgeReadings], roles: Roles, settings: Statistics, seed: int
) -> pl.DataFrame:
    """Pairwise results and mean of each author by every judge (schema `MATRIX`).

    A mean is over the pairs used for SPB: a run's own text and its base model's are never in the
    same field. A gold judge has rows for the panel of every target. Other runs' own texts, which
    the untuned target also reads, are left out.
    """
    lines, waiting = [], []
    for judge in found:
        for panel in roles.selves if judge.mix == GOLD else [judge.target]:
            for line, values, articles in _cells(judge, panel, roles):
                lines.append(line)
                if articles:
                    mean = Clusters(articles).mean(values, (judge.target, judge.mix))
                    waiting.append(_Waiting(line, ("value", "low", "high"), mean, False))
    _filled(waiting, settings, seed)
    return pl.DataFrame(lines, schema=MATRIX)


def _cells(
    judge: JudgeReadings, panel: str, roles: Roles
) -> Iterator[tuple[dict[str, Any], np.ndarray, list[str]]]:
    """Lines of the matrix of a judge and a panel, each with its values and their articles."""
    unit = POINTS if judge.protocol == ABSOLUTE else PROBABILITY
    base = roles.selves.get(panel)
    wanted = [base, *roles.others(panel, judge.variant), OWN, roles.human]
    shown = [name for name in wanted if judge.has(name)]
    for author in shown:
        others = [name for name in shown if name != author]
        kin = OWN if author != OWN else base
        field = [name for name in shown if name != kin]
        cells = [(None, judge.means(unit, author, field))] if len(field) > 1 else []
        if judge.protocol == PAIRWISE:
            cells += [(other, judge.against(unit, author, [other])) for other in others]
        for opponent, values in cells:
            valid = ~np.isnan(values).any(axis=0)
            line = {
                "target": judge.target,
                "mix": judge.mix,
                "variant": judge.variant,
                "protocol": judge.protocol,
                "unit": unit,
                "panel": panel,
                "author": author,
                "opponent": opponent,
                "n_seeds": len(judge.seeds),
                "n_articles": int(valid.sum()),
            }
            if opponent is None:
                words = judge.words[:, :, judge.place(author)]
                known = words[~np.isnan(words)]
                line["words"] = float(known.mean()) if known.size else None
            yield line, values[:, valid], kept(judge.articles, valid)


def excluded(readings: pl.DataFrame) -> pl.DataFrame:
    """Missing readings by judge, pair and reason (schema `EXCLUDED`).

    Markers and orders are counted separately, like questions.
    """
    missing = readings.filter(pl.col("status") != READ).with_columns(
        reason=pl.col("status").replace_strict(STATUSES),
        counted=pl.when(pl.col("protocol") == ABSOLUTE)
        .then(pl.lit(_NOT_AT_ALL))
        .otherwise(pl.col("status").replace_strict(_COUNTED, default=_NOT_AT_ALL)),
        author=pl.min_horizontal("first", "second"),
        opponent=pl.when(pl.col("second").is_not_null()).then(pl.max_horizontal("first", "second")),
    )
    alone = one_order_only(readings).with_columns(
        reason=pl.lit(_ONE_ORDER), counted=pl.lit(_NOT_AT_ALL)
    )
    keys = [*_JUDGE, "protocol", "author", "opponent", "reason", "counted"]
    frames = [
        each.group_by(keys).agg(pl.len().cast(pl.Int64).alias("n")).select(list(EXCLUDED))
        for each in (missing, alone)
    ]
    return pl.concat(frames).cast(EXCLUDED).sort(keys)


def _groups(rows: pl.DataFrame, keys: Sequence[str]) -> Iterator[tuple[tuple, pl.DataFrame]]:
    groups = rows.partition_by(keys, as_dict=True)
    for key in sorted(groups):
        yield key, groups[key]
