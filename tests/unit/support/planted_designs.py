"""Studies of planted judges, with the bias that is in them and the verdicts that are right."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from planted_judges import AUTHORS, ROLES, WORDS, Corpus, Planted, Script

from manybaskets.config.evaluation import Statistics
from manybaskets.experiments.preference import verdicts
from manybaskets.experiments.preference.analysis import preference_statistics
from manybaskets.experiments.preference.equal_quality import ONE_GOLD, SHARPNESS_UNKNOWN

FAIR = Planted()
OWN_BETTER = {"llama": 1.0}
QUALITY, LENGTH, BOTH = {verdicts.BY_QUALITY}, {verdicts.BY_LENGTH}, {verdicts.BY_BOTH}
SELF, OTHERS, NONE = {verdicts.SELF}, {verdicts.OTHERS}, {verdicts.NONE}
UNCLEAR = {
    f"{verdicts.NOT_SEPARABLE}: {SHARPNESS_UNKNOWN}",
    f"{verdicts.UNDECIDED}: quality and self cannot be separated",
}
NOTHING = NONE | {verdicts.UNDECIDED}


@dataclass(frozen=True)
class Design:
    """A judge, its texts, its independent judges, and what must be found.

    Attributes:
        truth: the judge's bias in log-odds; null if the judge cannot be interpreted.
        right: verdicts that are right.
        mine: authors whose texts the gold judges like by their `self_bias`.
        seeds: training seeds of the judge; 0 for the untuned one.
    """

    judge: Planted
    truth: float | None
    right: set[str]
    corpus: Corpus = field(default_factory=Corpus)
    golds: tuple[Planted, ...] = (FAIR,)
    mine: tuple[str, ...] = ("llama",)
    seeds: tuple[int, ...] = (0,)


LONG = WORDS | {"llama": 180.0}
_ERRS = Planted(opinion=0.4, shared=0.5)
_DISLIKES = Planted(self_bias=-0.7)
DESIGNS = {
    "own better, as sharp": Design(FAIR, 0.0, QUALITY, Corpus(good=OWN_BETTER)),
    "own better, 1.5 × as sharp": Design(
        Planted(quality=1.5), 0.0, QUALITY, Corpus(good={"llama": 0.6})
    ),
    "own better, 2 × as sharp": Design(
        Planted(quality=2.0), 0.0, QUALITY, Corpus(good={"llama": 0.6})
    ),
    "own better, 3 × as sharp": Design(
        Planted(quality=3.0), 0.0, QUALITY, Corpus(good=OWN_BETTER)
    ),
    "bias .5, own better, .3 × as sharp": Design(
        Planted(quality=0.3, self_bias=0.5), 0.5, SELF, Corpus(good=OWN_BETTER)
    ),
    "bias 1, own better, .3 × as sharp": Design(
        Planted(quality=0.3, self_bias=1.0), 1.0, SELF, Corpus(good=OWN_BETTER)
    ),
    "own better and longer, likes length": Design(
        Planted(length=1.0), 0.0, BOTH, Corpus(good={"llama": 0.8}, words=LONG)
    ),
    "own better and longer, 2 × as sharp": Design(
        Planted(quality=2.0, length=1.0), 0.0, BOTH, Corpus(good={"llama": 0.8}, words=LONG)
    ),
    "gold dislikes the text": Design(
        FAIR, 0.0, {f"{verdicts.NOT_SEPARABLE}: {ONE_GOLD}"}, golds=(_DISLIKES,)
    ),
    "one of two golds dislikes it": Design(
        FAIR, 0.0, NOTHING, golds=(FAIR, _DISLIKES)
    ),
    "bias grows with the article": Design(Planted(self_bias=1.0, grows=True), 1.0, SELF),
    "bias 1, position 2.5": Design(Planted(self_bias=1.0, place=2.5), 1.0, SELF),
    "bias 1, golds err alike": Design(
        Planted(self_bias=1.0), 1.0, SELF, golds=(_ERRS, _ERRS)
    ),
    "prefers brief humans": Design(Planted(brief_human=1.0), 0.0, NOTHING),
    "bias 1, t(2.5) tails": Design(Planted(self_bias=1.0, tails=1.0), 1.0, SELF),
    "bias .5": Design(Planted(self_bias=0.5), 0.5, SELF),
    "bias 1.5": Design(Planted(self_bias=1.5), 1.5, SELF),
    "bias −1": Design(Planted(self_bias=-1.0), -1.0, OTHERS),
    "bias 1, own worse, two golds": Design(
        Planted(self_bias=1.0), 1.0, SELF, Corpus(good={"llama": -1.0}), golds=(FAIR, FAIR)
    ),
    "bias 1, three trainings": Design(
        Planted(self_bias=1.0, trainings=0.05), 1.0, SELF, seeds=(1, 2, 3)
    ),
    "fair, 300 articles": Design(FAIR, 0.0, NONE, Corpus(articles=300)),
    "fair, 60 articles": Design(FAIR, 0.0, NOTHING),
    "likes length, own longer": Design(
        Planted(length=2.0), 0.0, LENGTH, Corpus(articles=150, words=WORDS | {"llama": 200.0})
    ),
    "bias 1, likes length, own longer": Design(
        Planted(self_bias=1.0, length=1.0), 1.0, SELF,
        Corpus(articles=150, words=WORDS | {"llama": 130.0}),
    ),
    "own better, opinions of all": Design(
        Planted(opinion=0.3), 0.0, QUALITY | UNCLEAR, Corpus(good=OWN_BETTER),
        golds=(Planted(opinion=0.3),),
    ),
    "bias 1, opinions of all": Design(
        Planted(self_bias=1.0, opinion=0.3), 1.0, SELF, golds=(Planted(opinion=0.3),)
    ),
    "places only": Design(
        Planted(quality=0.0, noise=0.0, place=1.5), None, {verdicts.POSITION_ONLY}
    ),
    "dice": Design(
        Planted(quality=0.0, noise=1.0), None, {verdicts.BLIND, verdicts.POSITION_ONLY}
    ),
    "content-blind": Design(Planted(quality=0.0, noise=0.0), None, {verdicts.BLIND}),
}  # fmt: skip


def simulate(design: Design, seed: int, settings: Statistics) -> tuple[str, dict]:
    """One study: the verdict on pairs, and the line at equal quality (empty without one)."""
    script = Script(design.corpus, np.random.default_rng(seed))
    mix = "vanilla" if design.seeds == (0,) else "single"
    readings = [script.read(design.judge, mix, design.seeds)]
    for place, gold in enumerate(design.golds):
        mine = design.mine if gold.self_bias else ()
        readings.append(
            script.read(gold, "gold", target=f"gold{place}", mine=mine, authors=AUTHORS)
        )
    frames = preference_statistics(pl.concat(readings), ROLES, settings, seed)
    pairs = pl.col("protocol") == "pairwise"
    lines = frames["preference-equal-quality"].filter(pairs).rows(named=True)
    return frames["preference"].filter(pairs)["verdict"][0], lines[0] if lines else {}
