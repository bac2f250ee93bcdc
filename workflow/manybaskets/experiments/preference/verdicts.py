"""The verdict on a judge, from the numbers in its row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_INTERPRETABLE = "not interpretable"
NO_MASS = f"{NOT_INTERPRETABLE}: seldom answers with a marker"
POSITION_ONLY = f"{NOT_INTERPRETABLE}: position bias only"
NOT_TESTED = f"{NOT_INTERPRETABLE}: discrimination was not tested"
BLIND = f"{NOT_INTERPRETABLE}: cannot tell intact from corrupted"
BY_LENGTH = "explained by length"
BY_QUALITY = "explained by quality"
BY_BOTH = "explained by quality and length"
NO_GOLD = "self or quality: no independent judge"
NO_PREFERENCE = "no preference beyond the margin; quality unknown: no independent judge"
SELF = "self-preference"
OTHERS = "prefers others to self"
NONE = "no self-preference beyond the margin"
UNDECIDED = "undecided"
NOT_SEPARABLE = "cannot be separated"
REPLICA = "replica: see the corrected variant"
_HALF = 0.5  # an adjusted preference below this fraction of the raw one is mostly explained
_PART = 0.2  # share of a preference from which quality or length is named as an explanation


def diagnose(row: Mapping[str, Any], low_mass: float, level: float) -> str:
    """The verdict on a judge's self-preference.

    Checked in order: does the judge answer as asked (mean marker mass); can it distinguish intact
    from corrupted texts (accuracy interval above one half; if not and positions decide, it has
    position bias only). With independent judges, the bias at equal quality and length decides; a
    preference without such a bias is explained by the larger of its parts. Without them, the
    preference at equal length is all there is.

    Args:
        row: mass; accuracy_low; consistency, and position_biased (whether the interval of the
            position bias excludes 0 with any markers); spb, p_holm, p_equivalent_holm; raw, and
            adjusted with adjusted_low (self against the other models, raw and at equal length);
            modelled, the judge's line of `equal_quality`. Null if unknown.
        low_mass: mean marker mass below which a judge does not answer as asked.
        level: significance level, after Holm's correction.
    """
    if row["mass"] is not None and row["mass"] < low_mass:
        return NO_MASS
    if row["accuracy_low"] is None:
        return NOT_TESTED
    if row["accuracy_low"] <= 0.5:
        consistency = row["consistency"]
        by_place = consistency is not None and consistency < 0.5 and row["position_biased"]
        return POSITION_ONLY if by_place else BLIND
    if row["spb"] is None:
        return UNDECIDED
    if row["modelled"] is None:
        return _without_gold(row, level)
    return _against_gold(row, row["modelled"], level)


def _against_gold(row: Mapping[str, Any], line: Mapping[str, Any], level: float) -> str:
    """The verdict with independent judges."""
    preferred = _below(row["p_holm"], level)
    if line["value"] is None:
        if preferred and row["spb"] > 0 and _explained_by_length(row):
            return BY_LENGTH
        return f"{NOT_SEPARABLE}: {line['limit']}"
    if line["limit"]:
        return f"{NOT_SEPARABLE}: {line['limit']}"
    if _below(line["p_holm"], level):
        return SELF if line["value"] > 0 else OTHERS
    if _below(row["p_equivalent_holm"], level) and _below(line["p_equivalent_holm"], level):
        return NONE
    if not preferred:
        return UNDECIDED
    raw = line["raw"]
    left = line["high"] if raw > 0 else -line["low"]
    if left >= _HALF * abs(raw):
        return f"{UNDECIDED}: quality and self cannot be separated"
    shares = {BY_QUALITY: line["by_quality"] / raw, BY_LENGTH: line["by_length"] / raw}
    if min(shares.values()) >= _PART:
        return BY_BOTH
    return max(shares, key=shares.__getitem__)


def _without_gold(row: Mapping[str, Any], level: float) -> str:
    """The verdict if no independent judge read the texts: quality remains a possible explanation."""
    if _below(row["p_equivalent_holm"], level):
        return NO_PREFERENCE
    if not _below(row["p_holm"], level):
        return UNDECIDED
    if row["spb"] < 0:
        return OTHERS
    if None in (row["adjusted"], row["adjusted_low"], row["raw"]):
        return f"{UNDECIDED}: length could not be taken out"
    if row["adjusted_low"] > 0:
        return NO_GOLD
    if _explained_by_length(row):
        return BY_LENGTH
    return f"{UNDECIDED}: length and self cannot be separated"


def _explained_by_length(row: Mapping[str, Any]) -> bool:
    """Whether the preference at equal length may be 0 and is less than half of the raw one."""
    known = None not in (row["adjusted"], row["adjusted_low"], row["raw"])
    return known and row["adjusted_low"] <= 0 and row["adjusted"] < _HALF * row["raw"]


def _below(p: float | None, level: float) -> bool:
    return p is not None and p < level
