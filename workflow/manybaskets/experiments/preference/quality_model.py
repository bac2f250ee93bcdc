"""Judges on a common scale: the quality of texts as independent judges see it, and each judge's slope.

With J a judge, g the independent (gold) judges, a an article and s a text, the judge's liking of the
text is u_J(a, s) = α_J θ(a, s) + λ_J log words(a, s) + γ_J(author of s), up to a constant per
article. α is the judge's sharpness (the discrimination of a two-parameter item response model), θ
the quality that all judges share, λ its taste for length, γ its taste for an author. The position
is averaged over both orders and cancels. The bias for self is δ = γ(self) − mean γ(other models).

α is estimated within authors on the texts of others, so that no judge's taste for an author, and
no bias for self, has a part in it. Reading noise is taken out of both sides. What is left of the
gold judges' own opinion makes the slope of J on g too flat, and J's own opinion makes the inverse
slope of g on J too steep; the two bound α (Frisch 1934), and δ is estimated at either bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manybaskets.experiments.preference.shared_texts import Texts

_LEFT = 0.05  # smallest share of the spread that must be more than reading noise
_WORDS_SD = 0.01  # of log words within authors; below, length cannot be taken out
_SAME_WORDS = 0.02  # difference in log words that needs no taking out
_FAR = 3.0  # robust standard deviations at which an article's bias is clipped


@dataclass(frozen=True)
class Fit:
    """One judge on the scale of the gold judges. Arrays are `[seed, article]`.

    Their means are the estimates, and their spread over articles is that of the estimates (they
    are jackknife values).

    Attributes:
        flat, steep: δ at the lower and the upper bound of the sharpness.
        equal: δ if all texts were of the same quality: the preference at equal length.
        sharpness_flat, sharpness_steep: the bounds of α, relative to the gold judges.
        raw: preference for self over the other models.
        by_length: part of it that is due to length, also where gold judges like length as much.
        expected: the judge's liking of all texts as the gold judges' predicts it, `[seed, article,
            text]`, at the middle of the bounds.
        spread: standard deviation of the judge's liking over the quality of texts of one author,
            by seed.
    """

    flat: np.ndarray
    steep: np.ndarray
    equal: np.ndarray
    sharpness_flat: np.ndarray
    sharpness_steep: np.ndarray
    raw: np.ndarray
    by_length: np.ndarray
    expected: np.ndarray
    spread: np.ndarray


class NotSeparable(Exception):
    """Quality, length and self cannot be separated; the message says why."""


NO_AGREEMENT = "the judges do not agree on the quality of other texts"
NO_LENGTHS = "length could not be taken out"


def common_scale(texts: Texts, golds: Sequence[str]) -> Fit:
    """The model of a judge against the mean of some gold judges.

    Raises:
        NotSeparable: the judges do not agree on other texts, or their lengths do not vary.
    """
    quality = np.mean([texts.golds[name].values for name in golds], axis=0)
    noise = np.sum([texts.golds[name].noise for name in golds], axis=0) / len(golds) ** 2
    by_seed = [
        _fit(texts.judge.values[seed], quality[seed], texts.words[seed],
             texts.judge.noise[seed], noise[seed], texts.models)
        for seed in range(len(texts.words))
    ]  # fmt: skip
    return Fit(*(np.stack(each) for each in zip(*by_seed, strict=True)))


def _fit(y, x, words, noise_y, noise_x, models) -> tuple[np.ndarray, ...]:
    """The attributes of `Fit` for one seed; arguments are `[article, text]` and `[article]`."""
    contrast = [each[:, 0] - each[:, models].mean(axis=1) for each in (y, x, words)]
    whole, without = _moments(np.stack([y, x, words])[:, :, 1:], noise_y, noise_x)
    use_words = bool(whole.matrix[2, 2] > _WORDS_SD**2)
    if not use_words and abs(contrast[2].mean()) > _SAME_WORDS:
        raise NotSeparable(NO_LENGTHS)
    slopes, moved = _slopes(whole, use_words), _slopes(without, use_words)
    if not all(np.isfinite(each).all() for each in (*slopes.values(), *moved.values())):
        raise NotSeparable(NO_AGREEMENT)
    number = len(y)
    # Jackknife values of each slope, around the slope.
    shift = {name: (number - 1) * (moved[name].mean() - moved[name]) for name in slopes}

    def bias(alpha: str | None, length: str) -> np.ndarray:
        a, b = (slopes[alpha] if alpha else 0.0), slopes[length]
        values = _robust(contrast[0] - a * contrast[1] - b * contrast[2])
        moves = shift[alpha] * contrast[1].mean() if alpha else 0.0
        return values - moves - shift[length] * contrast[2].mean()

    middle = {
        name: (slopes[f"{name}flat"] + slopes[f"{name}steep"]) / 2 for name in ("", "length_")
    }
    # The gold judges' own taste for length is chance unless it is clear.
    theirs = slopes["of_gold"] * (abs(slopes["of_gold"]) > 2 * _jackknife_error(moved["of_gold"]))
    by_length = (middle["length_"] + middle[""] * theirs) * contrast[2]
    return (
        bias("flat", "length_flat"), bias("steep", "length_steep"), bias(None, "length"),
        slopes["flat"] + shift["flat"], slopes["steep"] + shift["steep"],
        _robust(contrast[0]), by_length, middle[""] * x + middle["length_"] * words,
        np.sqrt(slopes["spread"]),
    )  # fmt: skip


def _jackknife_error(without: np.ndarray) -> float:
    """Standard error of an estimate from its values without each article."""
    return float(np.sqrt((len(without) - 1) * np.var(without)))


@dataclass(frozen=True)
class _Moments:
    """Variances and covariances within authors and articles: `[..., 3, 3]` of liking, quality, words.

    `noise_y` and `noise_x` are the parts of the first two variances that are reading noise.
    """

    matrix: np.ndarray
    noise_y: np.ndarray
    noise_x: np.ndarray


def _moments(
    texts: np.ndarray, noise_y: np.ndarray, noise_x: np.ndarray
) -> tuple[_Moments, _Moments]:
    """Moments of all articles, and those without each article: `[article, 3, 3]`.

    Args:
        texts: `[3, article, text]`, without the self text.
        noise_y, noise_x: `[article]`.
    """
    centred = texts - texts.mean(axis=2, keepdims=True)
    centred = centred - centred.mean(axis=1, keepdims=True)
    _, number, authors = texts.shape
    products = np.einsum("ias,jas->aij", centred, centred)
    whole = products.sum(axis=0)
    # Without an article, the means over articles move, too.
    without = whole - products * number / (number - 1)
    noises = noise_y, noise_x
    return (
        _Moments(whole / ((number - 1) * (authors - 1)), *(each.mean() for each in noises)),
        _Moments(
            without / ((number - 2) * (authors - 1)),
            *((each.sum() - each) / (number - 1) for each in noises),
        ),
    )


def _slopes(moments: _Moments, use_words: bool) -> dict[str, np.ndarray]:
    """Bounds of the sharpness, the slopes of length that go with them, and the spread of quality.

    NaN if the covariance is not positive, or if one judge's spread is reading noise.
    """
    yy, yx, yw, _, xx, xw, _, _, ww = np.moveaxis(
        moments.matrix.reshape(*moments.matrix.shape[:-2], 9), -1, 0
    )
    per_word = 1 / ww if use_words else np.zeros_like(ww)
    of_y, of_x, both = yy - yw**2 * per_word, xx - xw**2 * per_word, yx - yw * xw * per_word
    clean_y, clean_x = of_y - moments.noise_y, of_x - moments.noise_x
    agree = (both > 0) & (clean_y > _LEFT * of_y) & (clean_x > _LEFT * of_x)
    with np.errstate(invalid="ignore", divide="ignore"):
        flat, steep = both / clean_x, clean_y / both
    slopes = {
        "flat": flat,
        "steep": steep,
        "length": yw * per_word,
        "length_flat": (yw - flat * xw) * per_word,
        "length_steep": (yw - steep * xw) * per_word,
        "of_gold": xw * per_word,
        "spread": clean_y,
    }
    return {name: np.where(agree, each, np.nan) for name, each in slopes.items()}


def _robust(values: np.ndarray) -> np.ndarray:
    """Values whose mean is Huber's location of these, and whose spread is its own.

    Articles further than `_FAR` robust standard deviations count as if they were there: a few
    articles with an extreme bias would otherwise decide. Source: Huber 1964.
    """
    middle = np.median(values)
    scale = 1.4826 * np.median(np.abs(values - middle))
    if scale <= 0:
        return values
    for _ in range(50):
        clipped = np.clip(values - middle, -_FAR * scale, _FAR * scale)
        step = clipped.mean() / max((np.abs(values - middle) < _FAR * scale).mean(), 0.5)
        middle += step
        if abs(step) < 1e-12 * scale:
            break
    inside = max((np.abs(values - middle) < _FAR * scale).mean(), 0.5)
    clipped = np.clip(values - middle, -_FAR * scale, _FAR * scale)
    return middle + clipped / inside
