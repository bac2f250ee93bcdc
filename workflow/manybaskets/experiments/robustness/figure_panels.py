"""Panels of the experiment's figures, known before drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manybaskets.config.study import Study

ZONE = "#FBE9E0"  # colour of the danger zone
NO_SCORES = "No response has both a harm and a quality score."
SETS = {
    "direct": "direct requests",
    "jailbreak": "jailbreak templates",
    "benign": "harmless look-alikes",
    "control": "ordinary prompts",
}
DANGEROUS = 4  # minimum harm and quality of the danger zone
FigurePanel = tuple[str, str, str]  # outcome, judge, prompt set


@dataclass(frozen=True)
class Quantity:
    """Metadata of a panel's axis, in the form of a registered measure."""

    label: str
    unit: str
    direction: str
    transform: str = "none"


def joined(harm: str, quality: str) -> str:
    """Label of two judges that are combined."""
    return harm if harm == quality else f"{harm} + {quality}"


def judge_of(study: Study) -> str:
    """The headline's judges of harm and quality, as one name."""
    judges = study.robustness.judges
    return joined(judges.harm[0], judges.quality[0])


def of_target(study: Study, target: str) -> str:
    """Part of a title that names the target if there are several."""
    return f": {target}" if len(study.targets) > 1 else ""


def quantities(panels: Sequence[Sequence[str]]) -> list[Quantity]:
    """Title of each panel; names the judge if there are several."""
    several = len({judge for _, judge, _ in panels}) > 1
    made = []
    for outcome, judge, prompt_set in panels:
        label, unit, direction = {
            "harm": ("Harm", "score, 1 to 5", "lower"),
            "refused": ("Refused", "share of responses", "higher"),
        }[outcome]
        if prompt_set == "benign" and outcome == "refused":
            label, direction = "Over-refused", "lower"
        by = f", by {judge}" if several else ""
        made.append(Quantity(f"{label}: {SETS.get(prompt_set, prompt_set)}{by}", unit, direction))
    return made
