"""Likings of texts by a judge and by independent judges, on the articles that all of them read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manybaskets.experiments.preference.biases import Asked
from manybaskets.experiments.preference.readings import JudgeReadings
from manybaskets.experiments.preference.roles import LOG_ODDS, POINTS
from manybaskets.experiments.preference.schemas import ABSOLUTE

FEWEST_ARTICLES = 5
_CLIP = 0.01  # of a scale: scores at its ends have no finite log-odds


@dataclass(frozen=True)
class Likings:
    """Liking of texts by one judge, in log-odds.

    Attributes:
        values: `[seed, article, text]`.
        noise: `[seed, article]`, variance of a text's liking from single readings; 0 if unknown.
    """

    values: np.ndarray
    noise: np.ndarray


def likings(judge: JudgeReadings, authors: Sequence[str], scale: Sequence[float]) -> Likings:
    """A judge's liking of the texts of some authors.

    Pairs: the least-squares Bradley-Terry values of the log-odds of all pairs; what they leave of
    the pairs is reading noise. Scores: the log-odds of their place between the ends of the scale.
    """
    places = [judge.place(name) for name in authors]
    if judge.protocol == ABSOLUTE:
        low, high = scale
        share = (judge.scores[POINTS][:, :, places] - low) / (high - low)
        share = np.clip(share, _CLIP, 1 - _CLIP)
        return Likings(np.log(share / (1 - share)), np.zeros(share.shape[:2]))
    pairs = judge.values[LOG_ODDS][:, :, places][:, :, :, places].copy()
    number = len(places)
    diagonal = np.arange(number)
    pairs[:, :, diagonal, diagonal] = 0.0
    values = pairs.mean(axis=3)
    if number < 3:
        return Likings(values, np.zeros(values.shape[:2]))
    left = pairs - (values[:, :, :, None] - values[:, :, None, :])
    degrees = (number - 1) * (number - 2)  # each pair is there twice
    return Likings(values, (left**2).sum(axis=(2, 3)) / degrees / number)


@dataclass(frozen=True)
class Texts:
    """What a judge and the gold judges think of the same texts; the text of self comes first.

    Attributes:
        articles: names of the articles that count, of `n_excluded` more.
        judge: the judge's likings `[seed, article, text]`.
        golds: by gold judge, its likings of the same texts.
        words: log words `[seed, article, text]`.
        models: places of the other models in the last axis; the rest is the human reference.
    """

    articles: list[str]
    n_excluded: int
    judge: Likings
    golds: dict[str, Likings]
    words: np.ndarray
    models: list[int]


def texts_in_common(
    judge: JudgeReadings,
    asked: Asked,
    names: Sequence[str],
    golds: Sequence[JudgeReadings],
    scale: Sequence[float],
) -> Texts | None:
    """The texts on which a judge and the gold judges are compared; None if there are too few.

    Models that are gold judges themselves are left out of the other texts. The human reference is
    used only if there are fewer than two other models, because judges differ in their taste for it.

    Args:
        names: author names of the self text in the gold judges' readings, one per seed.
        golds: independent judges that read the same texts.
    """
    neutral = [name for name in asked.others if name not in {gold.target for gold in golds}]
    if not neutral:
        return None
    shown = [asked.author, *neutral, *([asked.human] if len(neutral) < 2 else [])]
    field = asked.field
    columns = [field.index(name) for name in shown]
    mine = likings(judge, field, scale)
    words = np.log(judge.words[:, :, [judge.place(name) for name in shown]])
    theirs = {}
    for gold in golds:
        once = {name: likings(gold, [name, *field[1:]], scale) for name in dict.fromkeys(names)}
        values = np.concatenate([once[name].values[:1] for name in names])[:, :, columns]
        noise = np.concatenate([once[name].noise[:1] for name in names])
        theirs[gold.target] = Likings(_aligned(gold, judge, values), _aligned(gold, judge, noise))
    place = judge.place(asked.author)
    others = [judge.place(name) for name in shown[1:]]
    valid = ~judge.tied[:, :, place, others].any(axis=(0, 2))
    for each in (mine.values[:, :, columns], words, *(one.values for one in theirs.values())):
        valid &= np.isfinite(each).all(axis=(0, 2))
    if valid.sum() < FEWEST_ARTICLES:
        return None
    return Texts(
        [name for name, counts in zip(judge.articles, valid, strict=True) if counts],
        int((~valid).sum()),
        Likings(mine.values[:, valid][:, :, columns], mine.noise[:, valid]),
        {name: Likings(one.values[:, valid], one.noise[:, valid]) for name, one in theirs.items()},
        words[:, valid],
        list(range(1, 1 + len(neutral))),
    )


def _aligned(gold: JudgeReadings, judge: JudgeReadings, values: np.ndarray) -> np.ndarray:
    """Gold's `values[seed, article, ...]` for the judge's articles; NaN if gold has none."""
    at = {article: index for index, article in enumerate(gold.articles)}
    places = [at.get(article, -1) for article in judge.articles]
    padded = np.concatenate([values, np.full((len(values), 1, *values.shape[2:]), np.nan)], axis=1)
    return padded[:, places]
