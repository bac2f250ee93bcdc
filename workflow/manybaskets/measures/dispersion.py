"""Distances between answers: to the nearest other."""

from __future__ import annotations

import numpy as np

from manybaskets.measures.inputs import Inputs
from manybaskets.measures.registry import measure
from manybaskets.measures.semantic import unit_vectors
from manybaskets.measures.subsets import Evaluation, Subsets
from manybaskets.measures.variants import LEN_MATCHED

_KNOWN = 24  # nearest neighbours kept per answer: one of two is in a half-sample
_CELLS_AT_ONCE = 8_000_000


class Neighbours:
    """Nearest neighbours of each vector, and their distances.

    The neighbours of all vectors are searched once, block by block. In a set of rows, a vector's
    nearest is the first of its neighbours that is in the set; if no kept neighbour is, all rows of
    the set are searched.

    Args:
        vectors: unit vectors, float64 [rows, dimensions].
        there: mask of rows that count.
    """

    def __init__(self, vectors: np.ndarray, there: np.ndarray) -> None:
        self.vectors, self.there = vectors, there
        rows = np.flatnonzero(there)
        kept = max(min(_KNOWN, len(rows) - 1), 0)
        self.rows = np.full((len(vectors), kept), -1, dtype=np.int64)
        self.distance = np.full((len(vectors), kept), np.inf)
        # Single precision is enough to find neighbours; distances are computed in double precision.
        single = vectors[rows].astype(np.float32)
        for block in _blocks(len(rows), len(rows)) if kept else ():
            similarity = single[block] @ single.T
            own = np.arange(block.start, block.stop)
            similarity[own - block.start, own] = -np.inf
            near = np.argpartition(similarity, -kept, axis=1)[:, -kept:]
            self._keep(rows[block], rows[near])

    def _keep(self, rows: np.ndarray, near: np.ndarray) -> None:
        distance = np.empty(near.shape)
        for place in range(near.shape[1]):
            others = self.vectors[near[:, place]]
            distance[:, place] = 1.0 - np.einsum("ij,ij->i", self.vectors[rows], others)
        order = np.argsort(distance, axis=1, kind="stable")
        self.rows[rows] = np.take_along_axis(near, order, axis=1)
        self.distance[rows] = np.take_along_axis(distance, order, axis=1)

    def mean(self, index: np.ndarray) -> float:
        """Mean distance to the nearest other of these rows; NaN for fewer than two counted rows."""
        index = index[self.there[index]]
        if len(index) < 2:
            return float("nan")
        member = np.zeros(len(self.vectors), dtype=bool)
        member[index] = True
        here = member[self.rows[index]]
        first = here.argmax(axis=1)
        nearest = self.distance[index, first]
        missed = np.flatnonzero(~here[np.arange(len(index)), first])
        for block in _blocks(len(missed), len(index)):
            places = missed[block]
            similarity = self.vectors[index[places]] @ self.vectors[index].T
            similarity[np.arange(len(places)), places] = -np.inf
            nearest[places] = 1.0 - similarity.max(axis=1)
        # Distances are not negative, but rounding may make them so.
        return float(np.maximum(nearest, 0.0).mean())


def _blocks(rows: int, width: int) -> list[slice]:
    """Slices of rows, so that a table of `width` columns stays small."""
    height = max(1, _CELLS_AT_ONCE // max(width, 1))
    return [slice(start, min(start + height, rows)) for start in range(0, rows, height)]


@measure(
    label="Chamfer distance",
    unit="cosine distance",
    direction="higher",
    level="set",
    needs=("responses", "embeddings"),
    resampling="groups",
    length_controls=(LEN_MATCHED,),
)
def chamfer(inputs: Inputs) -> Evaluation:
    """Mean over answers of the cosine distance to the nearest other answer; higher is more diverse.

    An answer's vector is the mean of its sentence vectors, at length 1. Near-copies show here before
    they show in a mean over all pairs. It falls with the number of answers: compare equal sets
    only. Answers without a sentence are left out; null below two.
    Source: Cox et al. 2021 (CHI), "Directed Diversity".
    """
    near = inputs.shared("neighbours", lambda: Neighbours(*unit_vectors(inputs)))

    def means(subsets: Subsets) -> np.ndarray:
        return np.array([near.mean(index) for index in subsets.indices])

    return Evaluation(means, near.there)
