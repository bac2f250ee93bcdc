"""MAUVE: how close the answers' distribution is to that of the human answers."""

from __future__ import annotations

import logging
import warnings

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.semantic import unit_means, unit_vectors
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.records.ids import row_seed

log = logging.getLogger(__name__)

_FEWEST = 500  # minimum answers per side; with fewer, one or two clusters decide
_PER_CLUSTER = 10  # answers of one side per cluster
_SEEDS = 5
_STARTS = 5  # of k-means for each seed
_ITERATIONS = 500
_VARIANCE = 0.9  # share of variance kept by the principal components
_SCALE = 5.0
_DRAWS = 20  # half-samples
_MIXTURES = np.linspace(1e-6, 1 - 1e-6, 25)


def divergence_area(first: np.ndarray, second: np.ndarray) -> float:
    """Area under the divergence curve of two distributions, 0 to 1; 1 for equal distributions.

    For mixtures R = w·P + (1 − w)·Q, 0 < w < 1, the curve has the points
    (exp(−c KL(Q‖R)), exp(−c KL(P‖R))), c = 5, and ends at (0, 1) and (1, 0).
    Source: Pillutla et al. 2021, arXiv 2102.01454, 25 values of w; trapezoidal rule.
    """
    points = [(1.0, 0.0)]
    for weight in _MIXTURES:
        mixture = weight * first + (1 - weight) * second
        both = (_divergence(second, mixture), _divergence(first, mixture))
        points.append((float(np.exp(-_SCALE * both[0])), float(np.exp(-_SCALE * both[1]))))
    points.append((0.0, 1.0))
    x, y = np.array(points).T
    by_x, by_y = np.lexsort((-y, x)), np.lexsort((-x, y))
    return float((np.trapezoid(y[by_x], x[by_x]) + np.trapezoid(x[by_y], y[by_y])) / 2)


def _divergence(distribution: np.ndarray, mixture: np.ndarray) -> float:
    """Kullback–Leibler divergence in nats; the mixture is positive wherever the distribution is."""
    some = distribution > 0
    return float(distribution[some] @ np.log(distribution[some] / mixture[some]))


def scores(answers: np.ndarray, human: np.ndarray) -> np.ndarray:
    """MAUVE of two equally large sets of unit vectors, once for each k-means seed.

    Both sets together are reduced to the principal components that keep 90 % of the variance and
    clustered, one cluster per 10 answers of one side; the two histograms over the clusters are
    compared by `divergence_area`. Random starts, as published: k-means++ clusters more evenly, and
    values are then higher.
    """
    reduced = principal_components(np.concatenate([answers, human]))
    clusters = round(len(answers) / _PER_CLUSTER)
    found = []
    for seed in range(_SEEDS):
        label = k_means(reduced, clusters, seed)
        shares = [
            np.bincount(side, minlength=clusters) / len(side)
            for side in (label[: len(answers)], label[len(answers) :])
        ]
        found.append(divergence_area(*shares))
    return np.array(found)


def principal_components(vectors: np.ndarray) -> np.ndarray:
    """Reduce vectors to as many principal components as keep 90 % of the variance.

    Args:
        vectors: [rows, dimensions].

    Returns:
        [rows, components]; one component if all vectors are equal.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    if not np.ptp(vectors, axis=0).any():
        return np.zeros((len(vectors), 1))
    with threadpool_limits(1):
        return PCA(_VARIANCE, svd_solver="covariance_eigh").fit_transform(vectors)


def k_means(vectors: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    """Cluster vectors, on one thread so that the same input has the same clusters.

    Args:
        vectors: float64 [rows, dimensions].
        clusters: their number, at most that of the rows.
        seed: of the random vectors at which the runs start.

    Returns:
        Numbers 0 to clusters − 1 of the best of five runs of Lloyd's algorithm: that with the least
        sum of squared distances to the clusters' centres.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(row_seed("k-means", seed, len(vectors), clusters))
    runs = []
    with threadpool_limits(1), warnings.catch_warnings():
        # Equal answers are common, and fewer distinct ones than clusters are no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(_STARTS):
            start = vectors[rng.choice(len(vectors), clusters, replace=False)]
            lloyd = KMeans(clusters, init=start, n_init=1, max_iter=_ITERATIONS, tol=0)
            runs.append(lloyd.fit(vectors))
    return min(runs, key=lambda run: run.inertia_).labels_


def _sides(inputs: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of the answers and of the human answers, and the rows with both."""

    def make() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        answers, answered = unit_vectors(inputs)
        human, known = unit_means(inputs.reference_embeddings, inputs.frame.height)
        return answers, human, answered & known

    return inputs.shared("mauve_sides", make)


def _by_seed(inputs: Inputs, subsets: Subsets) -> np.ndarray:
    """MAUVE of every set by k-means seed; NaN if a set is too small."""

    def make() -> np.ndarray:
        answers, human, both = _sides(inputs)
        found = np.full((len(subsets), _SEEDS), np.nan)
        for place, index in enumerate(subsets.indices):
            index = index[both[index]]
            if len(index) >= _FEWEST:
                found[place] = scores(answers[index], human[index])
        if not np.isnan(found[:1]).all():
            log.info("MAUVE of the whole set, by k-means seed: %s", found[0].round(4).tolist())
        return found

    return inputs.shared(("mauve", subsets), make)


@measure(
    label="MAUVE against human answers",
    unit="share",
    direction="higher",
    level="set",
    needs=("responses", "reference", "embeddings", "reference_embeddings"),
    most_draws=_DRAWS,
)
def mauve(inputs: Inputs) -> Evaluation:
    """MAUVE of the answers against the human answers to the same prompts, 0 to 1; higher is closer.

    Area under the divergence curve of both sets' histograms over k-means clusters of all texts
    together, one cluster per 10 answers; mean over 5 k-means seeds, whose spread is `mauve_spread`:
    differences within it mean nothing. A text's vector is the mean of its sentence vectors from the
    study's encoder, at length 1, and not a language model's last state, so that values can be
    compared within a study only. It falls with the number of answers: compare equal sets only. Null
    below 500 answers that have a human answer (it needs 1,000 to 5,000). Half-samples are 20
    at most, since clustering is slow; their spread holds that of k-means on fewer answers and was
    measured to be 1.6 of the sampling error (1,000 Dolly answers), so that intervals are too wide.
    Source: Pillutla et al. 2021, arXiv 2102.01454.
    """
    return Evaluation(lambda subsets: _by_seed(inputs, subsets).mean(axis=1), _sides(inputs)[2])


@measure(
    label="Spread of MAUVE over k-means seeds",
    unit="standard deviation",
    direction="none",
    level="set",
    needs=("responses", "reference", "embeddings", "reference_embeddings"),
    most_draws=0,
)
def mauve_spread(inputs: Inputs) -> Evaluation:
    """Standard deviation of `mauve` over its 5 k-means seeds; null where that is."""
    return Evaluation(
        lambda subsets: _by_seed(inputs, subsets).std(axis=1, ddof=1), _sides(inputs)[2]
    )
