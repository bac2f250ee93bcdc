"""The towns of the embedded world and their facts."""

from __future__ import annotations

import random
from dataclasses import dataclass

RIVERS = (
    "Mor", "Tessel", "Arda", "Linn", "Osk", "Pell",
    "Quorn", "Rhee", "Sarn", "Ulvar", "Wend", "Yarrow",
)  # fmt: skip
FOUNDERS = (
    "Queen Ilva", "Sir Odo", "Mother Wren", "King Harl", "Lady Mirel", "Old Tobin",
    "Captain Reed", "Sister Anwen", "Duke Corvin", "Master Pym", "Queen Sable", "Father Luc",
)  # fmt: skip
CRAFTS = (
    "pottery", "weaving", "glassblowing", "baking", "carving", "dyeing",
    "papermaking", "brewing", "tanning", "beekeeping", "ropemaking", "clockmaking",
)  # fmt: skip
ANIMALS = (
    "heron", "fox", "badger", "owl", "otter", "stag",
    "hare", "raven", "trout", "lynx", "goose", "boar",
)  # fmt: skip
REGIONS = ("northern hills", "eastern marshes", "southern vale", "western coast", "high moors")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "copper", "silver")
FESTIVALS = (
    "lantern feast", "apple fair", "kite day", "harvest dance",
    "boat race", "winter market", "song night", "bread feast",
)  # fmt: skip

_ONSETS = (
    "Al", "Bram", "Cor", "Dun", "Esk", "Fen", "Gar", "Hol", "Ith", "Kel",
    "Lor", "Mar", "Nor", "Ost", "Pen", "Rav", "Sel", "Thorn", "Wick", "Zel",
)  # fmt: skip
_ENDINGS = ("den", "ford", "mere", "wick", "stow", "ham", "by", "combe", "gate", "holt")


@dataclass(frozen=True)
class Town:
    """A town and its facts; every attribute but the name is drawn from a short list."""

    name: str
    river: str
    founder: str
    craft: str
    animal: str
    region: str
    day: str
    colour: str
    festival: str


VALUES: dict[str, tuple[str, ...]] = {
    "river": RIVERS,
    "founder": FOUNDERS,
    "craft": CRAFTS,
    "animal": ANIMALS,
    "region": REGIONS,
    "day": DAYS,
    "colour": COLOURS,
    "festival": FESTIVALS,
}


def make_towns(count: int, seed: int) -> list[Town]:
    """Draw `count` towns with distinct names; the same seed gives the same country."""
    names = [onset + ending for onset in _ONSETS for ending in _ENDINGS]
    if count > len(names):
        raise ValueError(f"at most {len(names)} towns can be named, not {count}")
    rng = random.Random(f"towns/{seed}")
    chosen = sorted(rng.sample(names, count))
    return [
        Town(name=name, **{attribute: rng.choice(values) for attribute, values in VALUES.items()})
        for name in chosen
    ]
