"""Biases of a judge as one value per article and training seed; estimates are their means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manybaskets.experiments.preference.readings import JudgeReadings
from manybaskets.experiments.preference.roles import LOG_ODDS, POINTS, PROBABILITY, Roles, Z
from manybaskets.experiments.preference.schemas import ABSOLUTE, CORRECTED, GOLD, OWN, own_of
from manybaskets.names import VANILLA

SPB, PSB, DID = "spb", "psb", "did"
DIRECT_MODELS, DIRECT_HUMAN = "self against models", "self against human"
TAUGHT, HELD_OUT = "self against taught families", "self against held-out families"
OVER_BASE = "own text against base model's"
GAP = "self above proxy"  # the judge's part of DiD
WATAOKA, DBG = "equal-opportunity gap", "score above gold's"
BASE = "base"  # the two texts that may be "self": the untuned target's, and the run's own


@dataclass(frozen=True)
class Series:
    """One value per training seed and article, NaN if the article does not count.

    Attributes:
        names: target, mix, variant, protocol, self, statistic and unit.
        seeds, articles: names along the axes of `values`.
        values: `[seed, article]`; their mean over articles, then seeds, is the estimate.
        note: remark for readers.
    """

    target: str
    mix: str
    variant: str
    protocol: str
    self_: str
    statistic: str
    unit: str
    seeds: list[int]
    articles: list[str]
    values: np.ndarray
    note: str = ""

    @property
    def valid(self) -> np.ndarray:
        """Mask of articles with a value in every seed."""
        return ~np.isnan(self.values).any(axis=0)


@dataclass(frozen=True)
class Asked:
    """ "Self" of a judge and its opponents.

    Attributes:
        label: `base`, or `own`.
        author: author name of the text in the readings.
        others: the other models.
        human: author of the references.
    """

    label: str
    author: str
    others: list[str]
    human: str

    @property
    def field(self) -> list[str]:
        """All authors that an article needs."""
        return [self.author, *self.others, self.human]


def asked_of(judge: JudgeReadings, roles: Roles) -> list[Asked]:
    """The conditions of a judge: its base model's text as self and, if read, its own texts."""
    if judge.target not in roles.selves:
        return []
    others = roles.others(judge.target, judge.variant)
    selves = [Asked(BASE, roles.selves[judge.target], others, roles.human)]
    if judge.variant == CORRECTED:
        selves.append(Asked(OWN, OWN, others, roles.human))
    return [each for each in selves if judge.has(*each.field) and each.others]


def biases_of(
    judge: JudgeReadings, golds: Sequence[JudgeReadings], roles: Roles
) -> Iterator[Series]:
    """All series of a judge.

    SPB: mean of self minus the mean of the other models' means; PSB: mean of all models' means
    minus the mean of the human reference. A text's mean is over its pairs with all others in the
    field, or its score. Direct scores: by how much self beats the other models, and the reference;
    in units of probability minus one half.

    Args:
        golds: independent judges of the same protocol.
    """
    primary = POINTS if judge.protocol == ABSOLUTE else PROBABILITY
    for asked in asked_of(judge, roles):
        series = _maker(judge, asked)
        for unit in (primary, Z) if judge.protocol == ABSOLUTE else (primary,):
            for statistic, values in self_and_synthetic(judge, asked, unit).items():
                yield series(statistic, unit, values)
        if judge.protocol != ABSOLUTE:
            yield from _direct(judge, asked, roles, series)
        if judge.variant == CORRECTED:
            yield from against_gold(judge, asked, golds, roles, series)


def _maker(judge: JudgeReadings, asked: Asked):
    def series(statistic: str, unit: str, values: np.ndarray, note: str = "") -> Series:
        return Series(judge.target, judge.mix, judge.variant, judge.protocol, asked.label, statistic,
                      unit, judge.seeds, judge.articles, values, note)  # fmt: skip

    return series


def self_and_synthetic(judge: JudgeReadings, asked: Asked, unit: str) -> dict[str, np.ndarray]:
    """SPB and PSB of every seed and article."""
    means = {name: judge.means(unit, name, asked.field) for name in asked.field}
    others = np.mean([means[name] for name in asked.others], axis=0)
    models = np.mean([means[name] for name in (asked.author, *asked.others)], axis=0)
    # An article counts only if the whole field was read, for either bias.
    whole = np.sum([means[name] * 0 for name in asked.field], axis=0)
    return {
        SPB: means[asked.author] - others + whole,
        PSB: models - means[asked.human] + whole,
    }


def _direct(judge: JudgeReadings, asked: Asked, roles: Roles, series) -> Iterator[Series]:
    taught = [name for name in asked.others if name in roles.taught.get(judge.mix, ())]
    held_out = [name for name in asked.others if name in roles.held_out]
    against = {
        DIRECT_MODELS: asked.others,
        DIRECT_HUMAN: [asked.human],
        TAUGHT: taught,
        HELD_OUT: held_out,
    }
    base = roles.selves[judge.target]
    if asked.label == OWN and judge.has(base):
        against[OVER_BASE] = [base]
    for unit in (PROBABILITY, LOG_ODDS):
        for statistic, opponents in against.items():
            if opponents:
                values = judge.against(unit, asked.author, opponents)
                note = f"against {', '.join(opponents)}" if statistic in (TAUGHT, HELD_OUT) else ""
                yield series(statistic, unit, values - (unit == PROBABILITY) / 2, note)


def against_gold(
    judge: JudgeReadings, asked: Asked, golds: Sequence[JudgeReadings], roles: Roles, series
) -> Iterator[Series]:
    """Difference-in-differences and related statistics, if independent judges read the same texts.

    DiD = [d(self, R) − d(K, R)] of the judge minus that of the gold judges (their mean), with R the
    human reference and K the proxy: the other model whose texts the gold judges rate closest to
    self's, unless one is named. Quality that gold judges also see is not bias.

    Equal-opportunity gap: share of the judge's votes for self among the pairs where gold prefers
    self, minus its votes for the other model where gold prefers that one (Wataoka et al. 2024, with
    gold judges instead of humans). Score above gold's (DBG): the judge's score of self minus
    gold's.
    """
    if asked.label == BASE:
        texts = [asked.author] * len(judge.seeds)
    else:
        texts = [own_of(judge.mix, seed) for seed in judge.seeds]
    golds = [
        gold for gold in golds
        if gold.target not in (judge.target, asked.author)
        and gold.has(*texts, *asked.others, asked.human)
    ]  # fmt: skip
    if not golds:
        return
    proxy = roles.proxies.get(judge.target) or _nearest(golds, texts, asked)
    golds = [gold for gold in golds if gold.target != proxy]
    if proxy not in asked.others or not golds:
        return
    names = ", ".join(gold.target for gold in golds)
    note = f"proxy {proxy}, gold {names}"
    units = (POINTS, Z) if judge.protocol == ABSOLUTE else (LOG_ODDS, PROBABILITY)
    for unit in units:
        of_judge = _over(judge, unit, asked.author, asked.human) - _over(
            judge, unit, proxy, asked.human
        )
        of_gold = np.mean(
            [
                _aligned(gold, judge, _by_seed(gold, unit, texts, asked.human))
                - _aligned(gold, judge, _over(gold, unit, proxy, asked.human))
                for gold in golds
            ],
            axis=0,
        )
        yield series(DID, unit, of_judge - of_gold, note)
        yield series(GAP, unit, of_judge, note)
    if judge.protocol == ABSOLUTE:
        index = judge.place(asked.author)
        score = np.mean([_aligned(gold, judge, _scores(gold, texts)) for gold in golds], axis=0)
        yield series(DBG, POINTS, judge.scores[POINTS][:, :, index] - score, f"gold {names}")
        return
    yield series(WATAOKA, PROBABILITY, _equal_opportunity(judge, asked, golds, texts),
                 f"gold {names}")  # fmt: skip


def _over(judge: JudgeReadings, unit: str, one: str, other: str) -> np.ndarray:
    return judge.values[unit][:, :, judge.place(one), judge.place(other)]


def _by_seed(gold: JudgeReadings, unit: str, texts: Sequence[str], other: str) -> np.ndarray:
    """Gold's values for the texts of each of a judge's seeds: `[seed, article]`."""
    return np.concatenate([_over(gold, unit, text, other)[:1] for text in texts])


def _scores(gold: JudgeReadings, texts: Sequence[str]) -> np.ndarray:
    return np.concatenate([gold.scores[POINTS][:1, :, gold.place(text)] for text in texts])


def _aligned(gold: JudgeReadings, judge: JudgeReadings, values: np.ndarray) -> np.ndarray:
    """Gold's values aligned with the judge's articles; NaN if gold has none."""
    at = {article: index for index, article in enumerate(gold.articles)}
    places = [at.get(article, -1) for article in judge.articles]
    padded = np.concatenate([values, np.full((len(values), 1), np.nan)], axis=1)
    return padded[:, places]


def _nearest(golds: Sequence[JudgeReadings], texts: Sequence[str], asked: Asked) -> str | None:
    """The other model that the gold judges rate closest to self; never a gold judge itself."""
    unit = LOG_ODDS if LOG_ODDS in golds[0].values else POINTS
    gaps = {}
    for name in asked.others:
        distances = [
            _by_seed(gold, unit, texts, asked.human) - _over(gold, unit, name, asked.human)
            for gold in golds
        ]
        defined = [each[~np.isnan(each)] for each in distances]
        if all(each.size for each in defined) and name not in {gold.target for gold in golds}:
            gaps[name] = abs(float(np.mean([each.mean() for each in defined])))
    return min(gaps, key=gaps.__getitem__) if gaps else None


def _equal_opportunity(
    judge: JudgeReadings, asked: Asked, golds: Sequence[JudgeReadings], texts: Sequence[str]
) -> np.ndarray:
    votes = {"self": ([], []), "other": ([], [])}
    for name in asked.others:
        of_gold = np.mean(
            [_aligned(gold, judge, _by_seed(gold, LOG_ODDS, texts, name)) for gold in golds], axis=0
        )
        of_judge = _over(judge, LOG_ODDS, asked.author, name)
        for side, sign in (("self", 1.0), ("other", -1.0)):
            chosen = (sign * of_gold > 0) & ~np.isnan(of_judge)
            agreed = np.where(sign * of_judge > 0, 1.0, np.where(of_judge == 0, 0.5, 0.0))
            votes[side][0].append(np.where(chosen, agreed, 0.0))
            votes[side][1].append(chosen.astype(float))
    sums = [(np.sum(top, axis=0), np.sum(below, axis=0)) for top, below in votes.values()]
    counts = sum(below for _, below in sums).any(axis=0)
    shares = [ratio(top, below, counts) for top, below in sums]
    return shares[0] - shares[1]


def ratio(top: np.ndarray, below: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Values per article whose mean is Σ top / Σ below of every seed, with first-order variance.

    θ + n (top − θ below) / Σ below, with θ the ratio and n the counted articles: their spread is
    that of the linearised ratio.

    Args:
        top, below: `[seed, article]`.
        counts: `[article]`; others are NaN, as are all if a seed has an empty denominator.
    """
    total = below.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        theta = top.sum(axis=1, keepdims=True) / total
        values = theta + counts.sum() * (top - theta * below) / total
    return np.where(counts, values, np.nan)


def same_text(
    judge: JudgeReadings, untuned: JudgeReadings, roles: Roles
) -> tuple[Series, Series] | None:
    """SPB on a run's own texts, by the run and by the untuned target; None if not read by the
    latter.

    Their difference is the effect of training on the judge, because the texts are the same.
    """
    own_texts = [each for each in asked_of(judge, roles) if each.label == OWN]
    texts = [own_of(judge.mix, seed) for seed in judge.seeds]
    if not own_texts or judge.mix in (VANILLA, GOLD) or not untuned.has(*texts):
        return None
    (asked,) = own_texts
    unit = POINTS if judge.protocol == ABSOLUTE else PROBABILITY
    own_bias = _maker(judge, asked)(SPB, unit, self_and_synthetic(judge, asked, unit)[SPB])
    if not untuned.has(*asked.others, asked.human):
        return None
    of_untuned = [
        self_and_synthetic(untuned, replace(asked, author=text), unit)[SPB][:1] for text in texts
    ]
    values = _aligned(untuned, judge, np.concatenate(of_untuned))
    return own_bias, replace(own_bias, mix=VANILLA, values=values)
