"""Who is who in a study of self-preference, in the order in which tables and figures name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from manybaskets.config.study import HUMAN

PROBABILITY, LOG_ODDS, POINTS, Z = "probability", "log-odds", "points", "sd of the judge's scores"


@dataclass(frozen=True)
class Roles:
    """What the statistics must know of authors and judges.

    Attributes:
        selves: by target the author whose summaries the untuned target wrote: the judges' "self".
        models: all authors that are models, in the order of the config.
        mixes: the judges' training mixes in the order of the config, `vanilla` first.
        taught: by mix the authors whose family made its training data.
        held_out: authors of families that made the training data of no judge.
        proxies: by target the author that stands for a text as good as the judge's own; where there
            is none, the one that the gold judges place nearest to self.
        pairs: conditions whose biases are compared, each pair once.
        margins: by unit the largest bias that counts as none, set before the run.
        human: author of the references.
    """

    selves: Mapping[str, str]
    models: Sequence[str]
    mixes: Sequence[str]
    taught: Mapping[str, Sequence[str]] = field(default_factory=dict)
    held_out: Sequence[str] = ()
    proxies: Mapping[str, str] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()
    margins: Mapping[str, float] = field(default_factory=lambda: {PROBABILITY: 0.05, POINTS: 0.1})
    human: str = HUMAN

    def others(self, target: str) -> list[str]:
        """The models whose texts stand against the judge's own and its base model's."""
        return [name for name in self.models if name != self.selves[target]]
