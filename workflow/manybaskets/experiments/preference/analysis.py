"""From readings to results: all statistics of the experiment, and a verdict on every judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference.biases import (
    DID,
    DIRECT_HUMAN,
    DIRECT_MODELS,
    PSB,
    SPB,
    biases_of,
    same_text,
)
from manybaskets.experiments.preference.equal_quality import EQUAL_QUALITY, equal_quality
from manybaskets.experiments.preference.estimates import (
    ESTIMATES,
    PREFERENCE_COMPARISONS_SCHEMA,
    compare_judges,
    estimates,
    mean_of_series,
    primary_unit,
    test_all,
)
from manybaskets.experiments.preference.instrument_checks import (
    discrimination_rows,
    excluded,
    mass,
    matrix_rows,
    position_rows,
)
from manybaskets.experiments.preference.length_control import AGAINST_MODELS, AT_ONE, RAW, lengths
from manybaskets.experiments.preference.readings import JudgeReadings, checked, judges
from manybaskets.experiments.preference.roles import LOG_ODDS, Roles, Z
from manybaskets.experiments.preference.schemas import ABSOLUTE, CORRECTED, GOLD, PAPER
from manybaskets.experiments.preference.verdicts import REPLICA, diagnose
from manybaskets.names import VANILLA
from manybaskets.records.measured import in_order


def _triples(*names: str) -> dict[str, pl.DataType]:
    return {f"{name}{end}": pl.Float64 for name in names for end in ("", "_low", "_high")}


JUDGED = pl.Schema(
    {
        **dict.fromkeys(("target", "mix"), pl.String),
        "n_seeds": pl.Int64,
        **dict.fromkeys(("variant", "protocol", "self", "unit"), pl.String),
        **dict.fromkeys(("spb", "low", "high"), pl.Float64),
        "by_seed": pl.String,
        **dict.fromkeys(("p", "p_holm", "p_equivalent_holm"), pl.Float64),
        **_triples("psb", "direct_models", "direct_human", "did"),
        # At equal quality and length: in the judge's sds of quality, and as a change of `unit`.
        **_triples("bias", "change"),
        **dict.fromkeys(("bias_p_holm", "bias_p_equivalent_holm"), pl.Float64),
        **_triples("sharpness", "accuracy"),
        **dict.fromkeys(("consistency", "mass", "words", "other_words"), pl.Float64),
        **dict.fromkeys(("n_articles", "n_excluded"), pl.Int64),
        "verdict": pl.String,
        "flag": pl.String,
        "method": pl.String,
    }
)
NAMES = ("preference", "preference-estimates", "preference-comparisons", "preference-position",
         "preference-mass", "preference-discrimination", "preference-equal-quality",
         "preference-length", "preference-matrix", "preference-excluded")  # fmt: skip
_JUDGE = ("target", "mix", "variant")
_DIRECT = {"direct_models": DIRECT_MODELS, "direct_human": DIRECT_HUMAN}


def read_all(files: Iterable[Path]) -> pl.DataFrame:
    """The readings of all judges."""
    return pl.concat([pl.read_parquet(file) for file in files])


def preference_statistics(
    readings: pl.DataFrame, roles: Roles, settings: Statistics, seed: int
) -> dict[str, pl.DataFrame]:
    """All statistics of the readings of a study, by the name of their file.

    Results of one target do not depend on the readings of another, except for Holm's correction and
    the number of sign flips, which cover all tests.

    Args:
        readings: of the schema `READINGS`, all judges together, rows in any order.
        settings: confidence, resamples and permutations.
        seed: for resampling.

    Returns:
        `NAMES`; `preference` has one row per judge, variant, protocol and self (schema `JUDGED`).

    Raises:
        UserError: invalid readings (`readings.checked`).
    """
    readings = checked(readings)
    judge_readings = judges(readings)
    told_apart = discrimination_rows(readings, settings, seed)
    golds = _fit_golds(judge_readings, told_apart)
    series = [
        each
        for judge in judge_readings
        if judge.mix != GOLD
        for each in biases_of(judge, golds[judge.protocol], roles)
    ]
    lines = estimates(series, settings, seed)
    compared, differences = compare_judges(
        series, _same_texts(judge_readings, roles), roles, settings, seed
    )
    means = [mean_of_series(each) for each in series]
    positions = position_rows(readings, settings, seed)
    modelled = equal_quality(judge_readings, golds, _places(positions), roles, settings.confidence)
    test_all(lines, means, compared, differences, modelled, roles, settings, seed)
    frames = {
        "preference-estimates": pl.DataFrame(lines, schema=ESTIMATES),
        "preference-comparisons": pl.DataFrame(compared, schema=PREFERENCE_COMPARISONS_SCHEMA),
        "preference-position": positions,
        "preference-mass": mass(readings, roles.low_mass),
        "preference-discrimination": told_apart,
        "preference-equal-quality": pl.DataFrame(modelled, schema=EQUAL_QUALITY),
        "preference-length": lengths(judge_readings, roles, settings, seed),
        "preference-matrix": matrix_rows(judge_readings, roles, settings, seed),
        "preference-excluded": excluded(readings),
    }
    frames["preference"] = judged(frames, roles.low_mass, 1 - settings.confidence)
    return {name: ordered(frames[name], roles) for name in NAMES}


def _fit_golds(
    judge_readings: Sequence[JudgeReadings], told_apart: pl.DataFrame
) -> dict[str, list[JudgeReadings]]:
    """Gold judges by protocol, without those that cannot distinguish intact from corrupted texts."""
    fit = told_apart.filter(pl.col("mix") == GOLD, pl.col("low") > 0.5)["target"].to_list()
    golds = [each for each in judge_readings if each.mix == GOLD and each.variant == CORRECTED]
    protocols = {each.protocol for each in judge_readings}
    return {
        name: [each for each in golds if each.protocol == name and each.target in fit]
        for name in protocols
    }


def _places(positions: pl.DataFrame) -> dict[tuple[str, str], list[float]]:
    """By target and mix, the position bias with each set of markers."""
    rows = positions.filter(pl.col("variant") == CORRECTED, pl.col("value").is_not_null())
    places: dict[tuple[str, str], list[float]] = {}
    for row in rows.iter_rows(named=True):
        places.setdefault((row["target"], row["mix"]), []).append(row["value"])
    return places


def _same_texts(judge_readings: Sequence[JudgeReadings], roles: Roles):
    corrected = [each for each in judge_readings if each.variant == CORRECTED]
    untuned = {(each.target, each.protocol): each for each in corrected if each.mix == VANILLA}
    pairs = [
        same_text(judge, untuned[judge.target, judge.protocol], roles)
        for judge in corrected
        if (judge.target, judge.protocol) in untuned
    ]
    return [pair for pair in pairs if pair]


def judged(frames: Mapping[str, pl.DataFrame], low_mass: float, level: float) -> pl.DataFrame:
    """One row per judge, variant, protocol and self, with the verdict (schema `JUDGED`).

    All rows of a judge have the accuracy on the corrected protocol's pairs of intact and corrupted
    texts.
    """
    told_apart = frames["preference-discrimination"].filter(pl.col("variant") == CORRECTED)
    accuracy = {(row["target"], row["mix"]): row for row in told_apart.iter_rows(named=True)}
    masses = _by(frames["preference-mass"], (*_JUDGE, "protocol"))
    places = _by(frames["preference-position"], _JUDGE)
    keys = (*_JUDGE, "protocol", "self")
    by_length = _by(frames["preference-length"], keys)
    modelled = _by(frames["preference-equal-quality"], keys)
    rows = []
    for key, lines in _by(frames["preference-estimates"], keys).items():
        names = dict(zip(keys, key, strict=True))
        line_of = {(line["statistic"], line["unit"]): line for line in lines}
        ability = accuracy.get(key[:2])
        position_lines = [] if names["protocol"] == ABSOLUTE else places.get(key[:3], [])
        rows.append(
            _row(
                names,
                line_of,
                ability,
                position_lines,
                masses.get(key[:4], []),
                by_length.get(key, []),
                next(iter(modelled.get(key, [])), None),
                low_mass,
                level,
            )
        )
    return pl.DataFrame(rows, schema=JUDGED)


def _row(
    names: Mapping[str, Any],
    line_of: Mapping[tuple[str, str], Mapping[str, Any]],
    ability: Mapping[str, Any] | None,
    places: Sequence[Mapping[str, Any]],
    masses: Sequence[Mapping[str, Any]],
    by_length: Sequence[Mapping[str, Any]],
    modelled: Mapping[str, Any] | None,
    low_mass: float,
    level: float,
) -> dict[str, Any]:
    absolute = names["protocol"] == ABSOLUTE
    unit = primary_unit(names["protocol"])
    nothing: dict[str, Any] = {}
    spb, psb = line_of[SPB, unit], line_of[PSB, unit]
    did = line_of.get((DID, Z if absolute else LOG_ODDS), nothing)
    length = {row["statistic"]: row for row in by_length if row["contrast"] == AGAINST_MODELS}
    raw, at_one = (length.get(name, nothing) for name in (RAW, AT_ONE))
    row = dict(names) | {
        "unit": unit,
        "spb": spb["value"],
        "low": spb["low"],
        "high": spb["high"],
        **{key: spb[key] for key in ("p", "p_holm", "p_equivalent_holm")},
        **{key: spb[key] for key in ("n_seeds", "n_articles", "n_excluded", "flag", "method")},
        "by_seed": ", ".join(f"{value:.4f}" for value in spb["by_seed"] or []),
        **_triple("psb", psb),
        **{
            key: value
            for name, statistic in _DIRECT.items()
            for key, value in _triple(name, line_of.get((statistic, unit), nothing)).items()
        },
        **_triple("did", did),
        **_equal_quality_cells(modelled or nothing),
        **_triple("accuracy", ability or nothing),
        "consistency": _mean([each["consistency"] for each in places]),
        "mass": _mean([each["value"] for each in masses]),
        "words": raw.get("words"),
        "other_words": raw.get("other_words"),
    }
    if names["variant"] == PAPER:
        return row | {"verdict": REPLICA}
    evidence = row | {
        "position_biased": any(
            each["low"] is not None and (each["low"] > 0 or each["high"] < 0) for each in places
        ),
        "raw": raw.get("value"),
        "adjusted": at_one.get("value"),
        "adjusted_low": at_one.get("low"),
        "modelled": modelled,
    }
    return row | {"verdict": diagnose(evidence, low_mass, level)}


def _triple(name: str, line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: line.get("value"),
        f"{name}_low": line.get("low"),
        f"{name}_high": line.get("high"),
    }


def _equal_quality_cells(line: Mapping[str, Any]) -> dict[str, Any]:
    ends = ("", "_low", "_high")
    return {
        **{f"bias{end}": line.get(f"in_sds{end}") for end in ends},
        **{
            f"{name}{end}": line.get(f"{name}{end}")
            for name in ("change", "sharpness")
            for end in ends
        },
        "bias_p_holm": line.get("p_holm"),
        "bias_p_equivalent_holm": line.get("p_equivalent_holm"),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _by(frame: pl.DataFrame, keys: Sequence[str]) -> dict[tuple, list[dict[str, Any]]]:
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True):
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def ordered(frame: pl.DataFrame, roles: Roles) -> pl.DataFrame:
    """Rows by target and judge in config order; gold judges last."""
    orders = {
        "target": list(roles.selves),
        "panel": list(roles.selves),
        "mix": [*roles.mixes, GOLD],
        "variant": [CORRECTED, PAPER],
        "protocol": ["pairwise", ABSOLUTE],
        "author": [*roles.models, "own", roles.human],
        "opponent": [*roles.models, "own", roles.human],
    }
    places = [
        pl.col(name)
        .replace_strict(
            {value: rank for rank, value in enumerate(in_order(frame[name].drop_nulls(), order))},
            default=-1,
            return_dtype=pl.Int64,
        )
        .alias(f"_{name}")
        for name, order in orders.items()
        if name in frame.columns
    ]
    keys = [column.meta.output_name() for column in places]
    first = [key for key in ("_target", "_mix", "_panel", "_variant", "_protocol") if key in keys]
    rest = [key for key in keys if key not in first]
    gold_last = (pl.col("mix") == GOLD).alias("_gold")
    listed = frame.with_columns(*places, gold_last)
    return listed.sort("_gold", *first, *rest, maintain_order=True).drop(*keys, "_gold")
