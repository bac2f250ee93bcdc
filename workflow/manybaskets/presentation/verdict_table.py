"""The verdict table of the report's first screen: conditions by headline outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from manybaskets.presentation.formatting import NOTHING, detectable_text, p_value, rounded_alike
from manybaskets.statistics.verdict import DIFFERENT, NO_INTERVAL, verdict

State = Literal["decided", "undecided", "cannot decide"]
DECIDED: State = "decided"
UNDECIDED: State = "undecided"
CANNOT: State = "cannot decide"
Condition = tuple[str, str]  # target and mix

_ARROWS = {
    (DECIDED, 1): "▲", (DECIDED, -1): "▼", (DECIDED, 0): "●",
    (UNDECIDED, 1): "△", (UNDECIDED, -1): "▽", (UNDECIDED, 0): "○",
}  # fmt: skip
_CANNOT_DECIDE = "◇"
_WAYS = {1: "higher", -1: "lower", 0: "no different"}


@dataclass(frozen=True)
class VerdictCell:
    """What is known of one condition on one outcome.

    Args:
        state: decided, undecided (the data allow either), or cannot decide (the design does not).
        way: 1 above the baseline, −1 below, 0 equal within the margin.
        value, interval: the difference and its interval, as text; the interval may be empty.
        why: what the state rests on, in words.
    """

    state: State
    way: int
    value: str
    interval: str
    why: str

    @property
    def sign(self) -> str:
        """An arrow: filled if decided, hollow if not; a diamond if it cannot be decided."""
        return _ARROWS.get((self.state, self.way), _CANNOT_DECIDE)

    @property
    def spoken(self) -> str:
        """The sign in words, for those who do not see it."""
        if self.state == CANNOT:
            return CANNOT
        if self.state == DECIDED:
            return f"{_WAYS[self.way]}, {DECIDED}"
        return f"{UNDECIDED}, points to {_WAYS[self.way]}"


@dataclass(frozen=True)
class HeadlineOutcome:
    """A headline outcome: one column of the verdict table.

    Args:
        title: what was measured.
        against: what the conditions are compared with, in words.
        scale: the unit of its numbers.
        better: which way is more diverse or better, 1 or −1; 0 if neither is.
        anchor: name of the report's section that holds its details.
        cells: by target and mix; what is missing was not compared.
    """

    title: str
    against: str
    scale: str
    better: int
    anchor: str
    cells: Mapping[Condition, VerdictCell] = field(default_factory=dict)

    def judgement(self, cell: VerdictCell) -> str:
        """Whether a decided difference is better or worse; empty if neither."""
        if cell.state != DECIDED or not self.better * cell.way:
            return ""
        return "better" if self.better == cell.way else "worse"

    def sentence(self, several_targets: bool) -> str:
        """What the outcome says of all conditions, decided ones first."""
        clauses = []
        for state, words in (
            (DECIDED, ""),
            (UNDECIDED, "undecided"),
            (CANNOT, "cannot be decided"),
        ):
            for way in (1, -1, 0):
                if state != DECIDED and way:
                    continue
                names = [
                    f"{mix} ({target})" if several_targets else mix
                    for (target, mix), cell in self.cells.items()
                    if cell.state == state and (state != DECIDED or cell.way == way)
                ]
                if names:
                    clauses.append(f"{words or _WAYS[way]}: {', '.join(names)}")
        return f"{self.title}, against {self.against}: {'; '.join(clauses)}."


@dataclass(frozen=True)
class VerdictTable:
    """Conditions in reading order, by outcomes."""

    outcomes: Sequence[HeadlineOutcome]
    conditions: Sequence[Condition]

    @classmethod
    def of(cls, outcomes: Sequence[HeadlineOutcome], order: Sequence[Condition]) -> VerdictTable:
        """The table of what was compared, in a given order of the conditions."""
        shown = [outcome for outcome in outcomes if outcome.cells]
        compared = {condition for outcome in shown for condition in outcome.cells}
        return cls(shown, [condition for condition in order if condition in compared])

    @property
    def several_targets(self) -> bool:
        """Whether the conditions have more than one target."""
        return len({target for target, _ in self.conditions}) > 1

    def sentences(self) -> list[str]:
        """One sentence per outcome."""
        return [outcome.sentence(self.several_targets) for outcome in self.outcomes]


def cell_of(row: Mapping[str, Any], *, equal: float = 0.0) -> VerdictCell:
    """The cell of a tested difference.

    Args:
        row: `value`, `low`, `high` on the scale of readers and `p_holm`, null where unknown; what
            could be found (`detectable`, `scale`, `unit`) and `confirmatory` if that is known.
        equal: the value of no difference, 1 for ratios.
    """
    value, low, high = rounded_alike([row["value"], row["low"], row["high"]])
    numbers = value, "" if NOTHING in (low, high) else f"{low} to {high}"
    way = 0 if row["value"] is None else int(row["value"] > equal) - int(row["value"] < equal)
    found = verdict(row["low"], row["high"], row["p_holm"], equal=equal)
    if found == NO_INTERVAL:
        return VerdictCell(CANNOT, way, *numbers, "there is no interval")
    if row["p_holm"] is None:
        once = row.get("confirmatory") is False
        return VerdictCell(
            CANNOT, way, *numbers, "not tested" + (": a side was trained once" if once else "")
        )
    if found == DIFFERENT:
        return VerdictCell(DECIDED, way, *numbers, "interval and corrected test agree")
    found_in_most = detectable_text(row) if "detectable" in row else ""
    why = f"{found}; corrected p {p_value(row['p_holm'], decimals=3)}{found_in_most}"
    return VerdictCell(UNDECIDED, way, *numbers, why)
