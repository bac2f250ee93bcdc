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
NO_GOLD = "self or quality: no independent judge"
SELF = "self-preference"
OTHERS = "prefers others to self"
NONE = "no self-preference beyond the margin"
UNDECIDED = "undecided"
REPLICA = "replica: see the corrected variant"
_HALF = 0.5  # an adjusted preference below this fraction of the raw one is mostly explained


def diagnose(row: Mapping[str, Any], low_mass: float, level: float) -> str:
    """The verdict on a judge's self-preference.

    Checked in order: does the judge answer as asked (mean marker mass); can it distinguish intact
    from corrupted texts (accuracy interval above one half; if not and positions decide, it has
    position bias only); is there a bias (Holm's p), or none beyond the margin (equivalence, Holm's
    p); does it remain at equal length; do independent judges also see it
    (difference-in-differences).

    Args:
        row: mass; accuracy_low; consistency, and position_biased (whether the interval of the
            position bias excludes 0 with any markers); spb, p_holm, p_equivalent_holm; raw, and
            adjusted with adjusted_low (self against the other models, raw and at equal length); did
            with did_p_holm, and gap, the judge's part of it. Null if unknown.
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
    if row["p_equivalent_holm"] is not None and row["p_equivalent_holm"] < level:
        return NONE
    if row["p_holm"] is None or row["p_holm"] >= level:
        return UNDECIDED
    if row["spb"] < 0:
        return OTHERS
    return _kind(row, level)


def _kind(row: Mapping[str, Any], level: float) -> str:
    """The explanation of a preference for self."""
    if row["adjusted"] is not None and row["adjusted_low"] is not None and row["raw"] is not None:
        if row["adjusted_low"] <= 0:
            explained = row["adjusted"] < _HALF * row["raw"]
            return BY_LENGTH if explained else f"{UNDECIDED}: length and self cannot be separated"
    else:
        return f"{UNDECIDED}: length could not be taken out"
    if row["did"] is None:
        return NO_GOLD
    if row["did"] > 0 and row["did_p_holm"] is not None and row["did_p_holm"] < level:
        return SELF
    explained = row["gap"] > 0 and row["did"] < _HALF * row["gap"]
    return BY_QUALITY if explained else f"{UNDECIDED}: quality and self cannot be separated"
