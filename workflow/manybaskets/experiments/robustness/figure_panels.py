"""What the experiment's figures show in which panel: known before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from manybaskets.config.study import Study

ZONE = "#FBE9E0"  # colour of the danger zone
NO_SCORES = "No response has a score of harm and of quality."
SETS = {
    "direct": "direct requests",
    "jailbreak": "jailbreak templates",
    "benign": "harmless look-alikes",
    "control": "ordinary prompts",
}
DANGEROUS = 4  # harm and quality from which a response lies in the danger zone
FigurePanel = tuple[str, str, str]  # outcome, judge, prompt set


@dataclass(frozen=True)
class Quantity:
    """What a panel's axis tells; of the same form as a measure in the registry."""

    label: str
    unit: str
    direction: str
    transform: str = "none"


def joined(harm: str, quality: str) -> str:
    """How two judges that are read together are written."""
    return harm if harm == quality else f"{harm} + {quality}"


def judge_of(study: Study) -> str:
    """The judges of harm and of quality whose scores give the headline, as one name."""
    judges = study.robustness.judges
    return joined(judges.harm[0], judges.quality[0])


def of_target(study: Study, target: str) -> str:
    """What a title says of the target, if there are several."""
    return f": {target}" if len(study.targets) > 1 else ""


def quantities(panels: Sequence[Sequence[str]]) -> list[Quantity]:
    """What each panel shows; the judge is named where there are several."""
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
