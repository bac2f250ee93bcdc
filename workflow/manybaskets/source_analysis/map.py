"""A 2D map of the sources' answers, for illustration only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from manybaskets.measures.embedding import Vectors
from manybaskets.records.ids import row_seed
from manybaskets.records.responses import valid_answers

MAP = pl.Schema({"source": pl.String, "prompt_id": pl.String, "x": pl.Float64, "y": pl.Float64})
_DIMENSIONS = 50  # number of principal components for t-SNE
_PERPLEXITY = 30.0
_FEWEST = 10  # minimum number of answers for a map


def sampled_answers(files: Mapping[str, Path], prompts: int, seed: int) -> pl.DataFrame:
    """First answers of all sources to a seeded sample of the prompts that all of them answered.

    Args:
        files: responses to the training prompts by source.
        prompts: size of the sample; fewer if fewer are shared.

    Returns:
        Columns `prompt_id, source, text`, sorted.
    """
    answers = {
        source: valid_answers(file).unique("prompt_id", keep="first", maintain_order=True)
        for source, file in sorted(files.items())
    }
    shared = sorted(set.intersection(*(set(each["prompt_id"]) for each in answers.values())))
    rng = np.random.default_rng(row_seed(seed, "source-map", shared))
    chosen = sorted(shared[place] for place in rng.permutation(len(shared))[:prompts])
    frames = [
        each.filter(pl.col("prompt_id").is_in(chosen)).select(
            "prompt_id", pl.lit(source).alias("source"), "text"
        )
        for source, each in answers.items()
    ]
    return pl.concat(frames).sort("prompt_id", "source")


def place_answers(answers: pl.DataFrame, vectors: Vectors, seed: int) -> pl.DataFrame:
    """Place the answers of all sources on one map.

    Uses mean sentence vectors minus the mean of all answers to the same prompt; without centering,
    a map shows the prompts instead of the sources. Then the first 50 principal components and t-SNE
    in two dimensions (van der Maaten & Hinton 2008), all sources together, on one thread for
    reproducibility. Answers without a sentence are left out. Distances on such a map have little
    meaning.

    Args:
        answers: result of `sampled_answers`.
        vectors: sentence vectors of these answers.

    Returns:
        Rows of the schema `MAP`; no rows for fewer than 10 answers or a single source.
    """
    points = vectors.of_texts(answers["text"].to_list())
    known = ~np.isnan(points).any(axis=1)
    answers, points = answers.filter(pl.Series(known)), points[known]
    points = points - _prompt_means(answers["prompt_id"].to_numpy(), points)
    # Identical answers have no directions to project on.
    if len(points) < _FEWEST or np.ptp(points, axis=0).max() < 1e-9:
        return pl.DataFrame(schema=MAP)
    places = _projected(points, row_seed(seed, "projection") % 2**32)
    return answers.select("source", "prompt_id").with_columns(
        x=pl.Series(places[:, 0], dtype=pl.Float64), y=pl.Series(places[:, 1], dtype=pl.Float64)
    )


def _prompt_means(prompt_ids: np.ndarray, points: np.ndarray) -> np.ndarray:
    """For every answer, the mean vector of all answers to its prompt."""
    _, place, number = np.unique(prompt_ids, return_inverse=True, return_counts=True)
    sums = np.zeros((len(number), points.shape[1]))
    np.add.at(sums, place, points)
    return (sums / number[:, None])[place]


def _projected(points: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        most = min(_DIMENSIONS, *points.shape)
        reduced = PCA(most, svd_solver="full").fit_transform(points)
        perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
        return TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(
            reduced
        )
