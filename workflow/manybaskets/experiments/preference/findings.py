"""Sentences on what can and cannot be concluded about self-preference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from manybaskets.config.study import Study
from manybaskets.experiments.preference.estimates import SAME_OWN
from manybaskets.experiments.preference.length_control import AGAINST_HUMAN, AT_ONE
from manybaskets.experiments.preference.published_numbers import published_findings
from manybaskets.experiments.preference.schemas import ABSOLUTE, CORRECTED, GOLD
from manybaskets.experiments.preference.tables import PUBLISHED
from manybaskets.experiments.preference.verdicts import (
    BY_BOTH,
    BY_LENGTH,
    BY_QUALITY,
    NO_GOLD,
    NO_PREFERENCE,
    NONE,
    NOT_INTERPRETABLE,
    NOT_SEPARABLE,
    OTHERS,
    SELF,
)
from manybaskets.presentation.formatting import rounded_alike
from manybaskets.presentation.page import ReportSection, Table

_ASKED = {"pairwise": "in pairs", ABSOLUTE: "by scores"}
_UNITS = {"pairwise": "of probability", ABSOLUTE: "points"}
_WHOSE = {"base": "the base model's text", "own": "its own text"}
_MEANS = {
    SELF: "prefers {whose}, even at equal length and quality, with quality as independent judges "
    "see it",
    BY_LENGTH: "{way} {whose}, which is explained by its length",
    BY_QUALITY: "{way} {whose}, as do independent judges: it may simply be {better}",
    BY_BOTH: "{way} {whose}, which is explained by its length and by its quality as independent "
    "judges see it",
    NO_GOLD: "prefers {whose}, even at equal length; without an independent judge of the same "
    "texts, this may be self-preference or good judgement",
    NO_PREFERENCE: "shows no preference for {whose} beyond the margin set before the run; without "
    "an independent judge of the same texts, their quality may hide one",
    NONE: "shows no preference for {whose} beyond the margin set before the run",
    OTHERS: "favours the other models over {whose}",
}
_KEYS = ("target", "mix", "variant", "protocol", "self")
_LONGER = 1.1  # word ratio from which a difference in length is reported
_FEW = 3


def preference_findings(
    frames: Mapping[str, pl.DataFrame], confidence: float, no_held_out_reason: str | None = None
) -> list[str]:
    """Sentences for the report, starting with those that limit all others.

    Args:
        frames: result of `results.preference_statistics`.
        confidence: confidence of the intervals.
        no_held_out_reason: why every author's family made training data for some mix.
    """
    rows = frames["preference"].filter(pl.col("variant") == CORRECTED)
    if rows.is_empty():
        return [
            "No judge read a summary in the corrected form, so self-preference is not assessed."
        ]
    sentences = list(_ability(rows, frames["preference-discrimination"], confidence))
    fit = [row for row in rows.iter_rows(named=True) if not _unfit(row)]
    sentences += _verdicts(fit, confidence)
    sentences += _for_models(fit, frames["preference-length"])
    sentences += _compared(frames["preference-comparisons"], fit, 1 - confidence)
    sentences += _lengths(rows)
    sentences += _limits(frames, rows, no_held_out_reason)
    return sentences


def preference_warnings(frames: Mapping[str, pl.DataFrame]) -> list[str]:
    """Warnings at the top of the report: judges whose lack of bias is meaningless."""
    rows = frames["preference"].filter(pl.col("variant") == CORRECTED)
    judges = rows.unique(["target", "mix"], maintain_order=True).rows(named=True)
    unfit = [_judge(row, rows["target"].n_unique() > 1) for row in judges if _unfit(row)]
    if not unfit:
        return []
    return [
        f"Self-preference: {len(unfit)} of {len(judges)} judges cannot be interpreted "
        f"({', '.join(unfit)}); a missing bias of these judges is not a finding. Conclude from "
        "the other judges only."
    ]


def section_of(
    study: Study, frames: Mapping[str, pl.DataFrame], tables: Mapping[str, Table]
) -> ReportSection:
    """The experiment's section of the report, without its tables and figures.

    Args:
        frames: the study's statistics.
        tables: those of the report by name.
    """
    sentences = preference_findings(
        frames, study.statistics.confidence, study.preference.no_held_out_reason
    )
    if PUBLISHED in tables:
        sentences += published_findings(tables[PUBLISHED].frame)
    return ReportSection("Self-preference", sentences, warnings=preference_warnings(frames))


def _unfit(row: Mapping[str, Any]) -> bool:
    return row["verdict"].startswith(NOT_INTERPRETABLE)


def _judge(row: Mapping[str, Any], several: bool) -> str:
    return f"{row['target']} ({row['mix']})" if several else row["mix"]


def _ability(rows: pl.DataFrame, told_apart: pl.DataFrame, confidence: float) -> Iterator[str]:
    several = rows["target"].n_unique() > 1
    judges = rows.unique(["target", "mix"], maintain_order=True).rows(named=True)
    reasons: dict[str, list[str]] = {}
    for row in judges:
        if _unfit(row):
            reason = row["verdict"].partition(": ")[2]
            reasons.setdefault(reason, []).append(_judge(row, several))
    unfit = sum(map(len, reasons.values()))
    if not unfit:
        yield (
            f"All {len(judges)} judges distinguish intact summaries from shuffled ones, so their "
            "preferences can be interpreted."
        )
    else:
        listed = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in reasons.items())
        rest = "none can" if unfit == len(judges) else f"{len(judges) - unfit} can"
        yield (
            f"Of {len(judges)} judges, {rest} be interpreted. The others ({listed}) may show a "
            "bias near zero because they cannot judge; no conclusion is drawn from it."
        )
    tested = told_apart.filter(pl.col("mix") != GOLD, pl.col("value").is_not_null())
    if tested.height:
        worst, best = (
            tested.sort("value").row(0, named=True),
            tested.sort("value").row(-1, named=True),
        )
        ends = " to ".join(
            _share(row, confidence if row is worst else None) for row in (worst, best)
        )
        yield f"They prefer the intact summary in {ends} of the readings; chance is .5."


def _share(row: Mapping[str, Any], confidence: float | None) -> str:
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    level = f"{confidence:.0%} interval " if confidence else ""
    return f"{value} ({level}{low} to {high})"


def _verdicts(fit: Sequence[Mapping[str, Any]], confidence: float) -> Iterator[str]:
    several = len({row["target"] for row in fit}) > 1
    level = f"{confidence:.0%} interval "
    for row in fit:
        numbers = row["spb"], row["low"], row["high"]
        if None in numbers:
            continue
        value, low, high = rounded_alike(numbers)
        meaning = _MEANS.get(row["verdict"])
        if meaning is None:
            kind, _, about = row["verdict"].partition(": ")
            undecided = "is undecided about {whose}"
            if kind == NOT_SEPARABLE:
                undecided += ", because quality and self cannot be separated"
            meaning = undecided + (f": {about}" if about else "")
        flag = f"; {row['n_seeds']} training seed(s)" if row["flag"] else ""
        ways = ("prefers", "better") if row["spb"] >= 0 else ("dislikes", "worse")
        meaning = meaning.format(
            whose=_WHOSE[row["self"]], **dict(zip(("way", "better"), ways, strict=True))
        )
        yield (
            f"{_judge(row, several)}, asked {_ASKED[row['protocol']]}, {meaning}: SPB {value} "
            f"{_UNITS[row['protocol']]} ({level}{low} to {high}{flag}){_at_equal_quality(row)}."
        )
        level = ""


def _at_equal_quality(row: Mapping[str, Any]) -> str:
    """The bias at equal quality, as an end of a sentence; empty without one."""
    numbers = [row[name] for name in ("change", "change_low", "change_high")]
    if None in numbers:
        return ""
    value, low, high = rounded_alike(numbers)
    sds, sharpness = (f"{row[name]:.2g}" for name in ("bias", "sharpness"))
    return (
        f"; at equal quality and length, being its own changes the answer by {value} "
        f"{_UNITS[row['protocol']]} ({low} to {high}), as much as {sds} standard deviations of "
        f"quality do; it is {sharpness} times as sharp as the independent judges"
    )


def _for_models(fit: Sequence[Mapping[str, Any]], lengths: pl.DataFrame) -> Iterator[str]:
    """Whether models are preferred to humans, also at equal length."""
    at_one = {
        tuple(row[key] for key in _KEYS): row
        for row in lengths.filter(
            pl.col("contrast") == AGAINST_HUMAN, pl.col("statistic") == AT_ONE
        ).iter_rows(named=True)
    }
    for target in dict.fromkeys(row["target"] for row in fit):
        rows = [row for row in fit if row["target"] == target and row["psb_low"] is not None]
        liked = [row for row in rows if row["psb_low"] > 0]
        equal = [at_one[key] for row in liked if (key := tuple(row[k] for k in _KEYS)) in at_one]
        lasting = [row for row in equal if row["low"] is not None and row["low"] > 0]
        if rows:
            yield (
                f"For judges of {target}, models are preferred to humans in {len(liked)} of "
                f"{len(rows)} interpretable rows (PSB interval above 0)"
                + (f"; at equal length in {len(lasting)} of these." if liked else ".")
            )


def _compared(
    compared: pl.DataFrame, fit: Sequence[Mapping[str, Any]], level: float
) -> Iterator[str]:
    """Differences between judges that can both judge, and how many are significant."""
    able = {(row["target"], row["mix"]) for row in fit}
    rows = [
        row
        for row in compared.filter(pl.col("variant") == CORRECTED).iter_rows(named=True)
        if {(row["target"], row["mix"]), (row["target"], row["against"])} <= able
        and row["p_holm"] is not None
    ]
    if not rows:
        yield (
            "No two interpretable judges were compared, so the effect of the training data's "
            "origin on self-preference is not assessed."
        )
        return
    several = len({row["target"] for row in rows}) > 1
    significant = [row for row in rows if row["p_holm"] < level]
    yield (
        f"{len(significant)} of {len(rows)} differences in self-preference between two judges are "
        "significant under Holm's correction over all tests."
    )
    for row in significant:
        value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
        way = "more" if row["value"] > 0 else "less"
        alone = " on the same texts" if row["texts"] == SAME_OWN else ""
        yield (
            f"{_judge(row, several)} favours {_WHOSE[row['self']]} {way} than {row['against']} does, "
            f"{_ASKED[row['protocol']]}{alone}: {value} {_UNITS[row['protocol']]} ({low} to {high})."
        )


def _lengths(rows: pl.DataFrame) -> Iterator[str]:
    for (target, whose), group in rows.filter(pl.col("words").is_not_null()).group_by(
        "target", "self", maintain_order=True
    ):
        ratios = (group["words"] / group["other_words"]).drop_nulls().drop_nans()
        if not len(ratios):
            continue
        low, high = ratios.min(), ratios.max()
        if max(high, 1 / low) < _LONGER:
            continue
        ends = rounded_alike([low, high])
        times = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
        text = "of its base model" if whose == "base" else "of its own runs"
        yield (
            f"For judges of {target}, texts {text} are {times} times as long as the other models' "
            "texts; see the length table for the bias at equal length."
        )


def _limits(
    frames: Mapping[str, pl.DataFrame], rows: pl.DataFrame, no_held_out_reason: str | None
) -> Iterator[str]:
    few = rows.filter(pl.col("flag").is_not_null())
    if few.height:
        yield (
            f"{few['mix'].n_unique()} of the conditions have fewer than {_FEW} training seeds: "
            "statements about them apply only to these trainings, not to their training data."
        )
    if frames["preference-equal-quality"].is_empty():
        gold = frames["preference-discrimination"].filter(pl.col("mix") == GOLD)
        why = (
            "the independent judges cannot distinguish an intact summary from a shuffled one"
            if gold.height
            else "no independent judge read the summaries"
        )
        yield (
            "A preference for good texts cannot be distinguished from self-preference, because "
            f"{why}."
        )
    if no_held_out_reason:
        yield f"Every author's family made training data for some mix: {no_held_out_reason}"
    lost = frames["preference-excluded"].filter(pl.col("counted") == "not at all")
    if lost.height:
        top = (
            lost.group_by("reason")
            .agg(pl.col("n").sum())
            .sort("n", "reason", descending=[True, False])
        )
        listed = ", ".join(f"{reason} ({n})" for reason, n in top.iter_rows())
        yield f"{lost['n'].sum()} readings do not count: {listed}."
