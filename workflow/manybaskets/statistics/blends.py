"""Blends of several sources against the mean of their singles, the best single, and the target's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.config.blends import Blend
from manybaskets.config.evaluation import Comparison, Statistics
from manybaskets.records.measured import EXCLUDED, USED, of_runs
from manybaskets.statistics.comparison import compare
from manybaskets.statistics.multiplicity import holm

MEAN_OF_SINGLES, BEST_SINGLE, OWN = "mean of its singles", "best single", "target's own"
BLENDS = pl.Schema(
    {
        "mix": pl.String,
        "measure": pl.String,
        "model": pl.String,
        "prompt_set": pl.String,
        "against": pl.String,  # `MEAN_OF_SINGLES`, `BEST_SINGLE` or `OWN`
        "baseline": pl.String,  # the mix behind it; for the mean, its singles
        "difference": pl.Float64,  # blend − baseline
        "low": pl.Float64,
        "high": pl.Float64,
        "p": pl.Float64,
        "p_holm": pl.Float64,  # null where the comparison is not in the family
        "family_size": pl.Int64,
        "n_prompts": pl.Int64,
        "n_excluded": pl.Int64,
        "n_seeds": pl.Int64,  # the fewest of the compared mixes
        "method": pl.String,
    }
)
_MEAN = "0.mean-of-singles"  # as a condition, beside mixes whose names are the user's
_CONDITION = ["measure", "model", "prompt_set"]
_RUN = [*_CONDITION, "mix"]
_Found = dict[tuple[str, ...], dict[str, dict[str, Any]]]  # by condition and mix


def compare_blends(
    rows: pl.DataFrame,
    blends: Mapping[str, Blend],
    declared: Mapping[str, Sequence[str]],
    directions: Mapping[str, str],
    settings: Statistics,
    seed: int,
) -> pl.DataFrame:
    """Compare every blend with the mean of its own singles, its best single, and the target's own.

    The mean of the singles is a condition of its own: every prompt (or half-sample) has the mean of
    the singles' values, weighted by their shares of the blend, and the first trainings of all singles
    are its first training, and so on. An additive blend equals it. All differences are paired on
    the prompts that the blend and all its singles share, as in `comparison.compare`.

    The best single is known from the data only, so its interval is that of the smallest difference
    over all singles: from the lowest lower end (each at the given confidence) to the lowest upper end
    (each at a confidence corrected for the number of singles). "Above the best single" is tested as
    above every single, by the largest p; "below" as below any, by the smallest p times the number of
    singles. Source: Hsu 1984, Annals of Statistics 12(3); Berger 1982, Technometrics 24(4).

    Holm's correction covers the blends, targets and declared measures of one kind of comparison. A
    comparison with a mix that was trained once is not in it.

    Args:
        rows: of the schema `records.MEASURED`.
        blends: what the mixes of several sources are compared with.
        declared: by prompt set the measures that the correction covers; without any, all.
        directions: `higher` or `lower` for each measure of which a best single may be named.
        settings: confidence, numbers of resamples and sign flips.
        seed: for resampling.

    Returns:
        Schema `BLENDS`, in the order of `blends`.
    """
    runs = of_runs(rows)
    lines: list[dict[str, Any]] = []
    for name, blend in blends.items():
        lines += _of_blend(runs, name, blend, directions, settings, seed)
    _correct(lines, declared)
    return pl.DataFrame(lines, schema=BLENDS)


def _of_blend(
    runs: pl.DataFrame,
    name: str,
    blend: Blend,
    directions: Mapping[str, str],
    settings: Statistics,
    seed: int,
) -> Iterator[dict[str, Any]]:
    singles = list(blend.singles)
    others = list(dict.fromkeys([*singles, *blend.own.values()]))
    measured = runs.filter(pl.col("mix").is_in([name, *others]))
    if blend.complete:
        measured = pl.concat([measured, mean_of_singles(measured, blend.singles)])
        others.append(_MEAN)
    seeds = dict(_counted(measured))
    found = _compared(measured, name, others, settings, seed)
    wide: _Found = {}
    if blend.complete:
        named = measured.filter(pl.col("measure").is_in(list(directions)))
        level = 1 - (1 - settings.confidence) / len(singles)
        corrected = settings.model_copy(update={"confidence": level, "sign_flips": 0})
        wide = _compared(named, name, singles, corrected, seed)
    for key, by_mix in found.items():
        start = {"mix": name, **dict(zip(_CONDITION, key, strict=True))}
        trained = {mix: seeds[(*key, mix)] for mix in [name, *others]}
        fewest = min(trained[mix] for mix in [name, *singles])
        if blend.complete:
            yield {
                **start, **by_mix[_MEAN], "against": MEAN_OF_SINGLES, "baseline": " + ".join(singles),
                "n_seeds": fewest,
            }  # fmt: skip
        if key in wide:
            best = _of_best(by_mix, wide[key], singles, lowest=directions[key[0]] == "lower")
            yield {**start, **best, "against": BEST_SINGLE, "n_seeds": fewest}
        own = blend.own.get(key[1])
        if own:
            yield {
                **start, **by_mix[own], "against": OWN, "baseline": own,
                "n_seeds": min(trained[name], trained[own]),
            }  # fmt: skip


def mean_of_singles(rows: pl.DataFrame, shares: Mapping[str, float]) -> pl.DataFrame:
    """Rows of the mean of some mixes, in which every mix has the weight of its share.

    A training of the mean is one training of each mix. With unequal numbers, the fewest count:
    the other mixes' trainings are averaged in as many groups, and moved to the mean of all.

    Args:
        rows: of the schema `records.MEASURED`.
        shares: weight by mix; all of them together count as one.
    """
    total = sum(shares.values())
    weights = {mix: share / total for mix, share in shares.items()}
    cell = [*_CONDITION, "mix", "prompt_id", "draw"]
    singles = rows.filter(pl.col("mix").is_in(list(weights))).with_columns(
        pl.col("value").fill_null(float("nan")),
        place=pl.col("seed").rank("dense").over(_RUN).cast(pl.Int64) - 1,
    )
    fewest = singles.group_by(_RUN).agg(pl.col("place").max() + 1)
    fewest = fewest.group_by(_CONDITION).agg(trainings=pl.col("place").min())
    grouped = (
        singles.join(fewest, on=_CONDITION)
        .with_columns(whole=pl.col("value").mean().over(cell))
        .group_by([*cell, pl.col("place") % pl.col("trainings"), "whole"])
        .agg(pl.col("value").mean(), each=pl.col("value").len())
    )
    grouped = grouped.with_columns(
        pl.when(pl.col("each").n_unique().over(cell) > 1)
        .then(pl.col("value") + pl.col("whole") - pl.col("value").mean().over(cell))
        .otherwise("value")
        .alias("value"),
        weight=pl.col("mix").replace_strict(weights, return_dtype=pl.Float64),
    )
    value, draw = pl.col("value"), pl.col("draw").first()
    counted = pl.when(draw == USED).then(value.min()).when(draw == EXCLUDED).then(value.max())
    mean = (
        grouped.sort("mix")
        .group_by([*_CONDITION, "prompt_id", "draw", "place"])
        .agg(counted.otherwise((value * pl.col("weight")).sum()).alias("value"), pl.len())
        .filter(pl.col("len") == len(weights))
    )
    return mean.select(
        pl.lit(_MEAN).alias(name) if name == "mix"
        else (pl.col("place") + 1).alias(name) if name == "seed"
        else pl.col("value").fill_nan(None) if name == "value"
        else pl.col(name)
        for name in rows.columns
    ).cast(dict(rows.schema))  # fmt: skip


def _counted(measured: pl.DataFrame) -> Iterator[tuple[tuple[str, ...], int]]:
    """Trainings of every condition."""
    for *key, count in measured.group_by(_RUN).agg(pl.col("seed").n_unique()).iter_rows():
        yield tuple(key), count


def _compared(
    measured: pl.DataFrame, name: str, others: Sequence[str], settings: Statistics, seed: int
) -> _Found:
    """The blend minus each of the other mixes, on the prompts that all of them share."""
    conditions = measured.select("measure", "prompt_set").unique().sort("measure", "prompt_set")
    # One family per measure: they are only corrected where all blends are known.
    families = {
        f"{measure} {prompt_set}": Comparison(
            baseline=name, conditions=list(others), measures=[measure], prompt_set=prompt_set
        )
        for measure, prompt_set in conditions.iter_rows()
    }
    size = len(others) * measured["model"].n_unique()
    enough = int(size / (1 - settings.confidence)) + 1
    settings = settings.model_copy(update={"sign_flips": max(settings.sign_flips, enough)})
    found: _Found = {}
    for row in compare(measured, families, settings, seed).iter_rows(named=True):
        key = tuple(row[each] for each in _CONDITION)
        low, high = row["low"], row["high"]
        found.setdefault(key, {})[row["mix"]] = {
            "difference": _minus(row["difference"]), "low": _minus(high), "high": _minus(low),
            **{each: row[each] for each in ("p", "n_prompts", "n_excluded", "method")},
        }  # fmt: skip
    return found


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _of_best(
    by_mix: Mapping[str, Mapping[str, Any]],
    wide: Mapping[str, Mapping[str, Any]],
    singles: Sequence[str],
    lowest: bool,
) -> dict[str, Any]:
    """The blend minus its best single, from its differences to all singles.

    Args:
        wide: the same differences, with intervals corrected for the number of singles.
        lowest: whether the best single is the lowest.
    """
    sign = -1.0 if lowest else 1.0
    known = {mix: by_mix[mix] for mix in singles if by_mix[mix]["difference"] is not None}
    if len(known) < len(singles):
        return {"method": "undefined for one of the singles"}
    best = min(singles, key=lambda mix: sign * known[mix]["difference"])
    line = {**known[best], "baseline": best, "low": None, "high": None, "p": None}
    inner, outer = ("high", "low") if lowest else ("low", "high")
    ends = [(known[mix][inner], wide[mix][outer]) for mix in singles]
    if all(None not in pair for pair in ends):
        line[inner] = sign * min(sign * first for first, _ in ends)
        line[outer] = sign * min(sign * second for _, second in ends)
    tests = [(sign * known[mix]["difference"], known[mix]["p"]) for mix in singles]
    if all(p is not None for _, p in tests):
        above = all(difference > 0 for difference, _ in tests)
        below = [p for difference, p in tests if difference <= 0]
        line["p"] = max(p for _, p in tests) if above else min(1.0, len(singles) * min(below))
    return line


def _correct(lines: list[dict[str, Any]], declared: Mapping[str, Sequence[str]]) -> None:
    """Add Holm's p to the comparisons of the declared measures, kind by kind."""
    for against in (MEAN_OF_SINGLES, BEST_SINGLE, OWN):
        family = [
            line for line in lines
            if line["against"] == against and line.get("p") is not None and line["n_seeds"] > 1
            and (not declared or line["measure"] in declared.get(line["prompt_set"], ()))
        ]  # fmt: skip
        corrected = holm([line["p"] for line in family])
        for line, p in zip(family, corrected, strict=True):
            line |= {"p_holm": float(p), "family_size": len(family)}
