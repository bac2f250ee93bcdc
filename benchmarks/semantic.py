"""Semantic measures on made-up vectors, against the matrix of all pairs at a size that it can do.

    python benchmarks/semantic.py
    python benchmarks/semantic.py --answers 100000 --pairs 3000 --repeats 5

Answers are unit vectors around 200 topics, one sentence each. Times are medians of seconds, ratios
medians of the ratios of one run of each after the other; stops with an error if values differ.

Targets, on one core: the semantic distance of 100,000 answers of 384 dimensions with its jackknife
in less than 2 seconds and, with the vectors, 1 GiB; their Vendi scores in less than 10 seconds.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from vendi_score import vendi as package

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow"))

from manybaskets.measures import Inputs, SentenceVectors, get
from manybaskets.measures.mauve import scores
from manybaskets.measures.subsets import Subsets

DIMENSIONS, TOPICS, DRAWS = 384, 200, 200


def vectors_of(answers: int, seed: int, spread: float = 0.7) -> np.ndarray:
    """Unit vectors around topics, float32, made part by part."""
    topics = np.random.default_rng(0).normal(size=(TOPICS, DIMENSIONS)).astype(np.float32) + 0.3
    found = np.empty((answers, DIMENSIONS), dtype=np.float32)
    rng = np.random.default_rng(seed)
    for start in range(0, answers, 4096):
        part = found[start : start + 4096]
        noise = rng.standard_normal(part.shape, dtype=np.float32)
        part[:] = topics[rng.integers(0, TOPICS, len(part))] + spread * noise
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def inputs_of(vectors: np.ndarray) -> Inputs:
    """One answer of one sentence per prompt."""
    names = [f"{row:07d}" for row in range(len(vectors))]
    frame = pl.DataFrame({"prompt_id": names, "text": names})
    given = SentenceVectors(vectors, np.arange(len(vectors)))
    return Inputs(frame=frame, token_budget=1, embeddings=given)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Float64, and of length 1 to that precision."""
    wide = vectors.astype(np.float64)
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds of some work, and its result."""
    started = time.perf_counter()
    found = work()
    return time.perf_counter() - started, found


def peak() -> float:
    """Most memory that this process has held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def ours(vectors: np.ndarray, name: str = "semantic_between") -> Callable[[], object]:
    """The measure on all answers from the beginning."""
    everything = np.arange(len(vectors))
    return lambda: get(name).function(inputs_of(vectors))(everything)


def between_with_jackknife(vectors: np.ndarray) -> tuple[float, np.ndarray]:
    """The semantic distance, and it without each answer."""
    everything = np.arange(len(vectors))
    evaluate = get("semantic_between").function(inputs_of(vectors))
    return evaluate(everything), evaluate.left_out(everything, everything, len(everything))


def matrix_with_jackknife(vectors: np.ndarray) -> tuple[float, np.ndarray]:
    """The same from the matrix of all pairs."""
    distance = 1.0 - vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(distance, 0.0)
    count, rows = len(vectors), distance.sum(axis=1)
    total = rows.sum()
    return total / (count * (count - 1)), (total - 2 * rows) / ((count - 1) * (count - 2))


def nearest_by_matrix(vectors: np.ndarray) -> float:
    """Chamfer distance from the matrix of all pairs."""
    wide = unit(vectors)
    similarity = wide @ wide.T
    np.fill_diagonal(similarity, -np.inf)
    return float(1.0 - similarity.max(axis=1).mean())


def chamfer_with_draws(vectors: np.ndarray) -> Callable[[], object]:
    """Chamfer distance of all answers and of random halves of them."""
    count, rng = len(vectors), np.random.default_rng(0)
    halves = [np.sort(rng.permutation(count)[: count // 2]) for _ in range(DRAWS)]
    sets = Subsets([np.arange(count), *halves], count)
    return lambda: get("chamfer").function(inputs_of(vectors)).many(sets)


def vendi_left_out(vectors: np.ndarray) -> np.ndarray:
    """Vendi scores without each answer."""
    everything = np.arange(len(vectors))
    evaluate = get("vendi").function(inputs_of(vectors))
    return evaluate.left_out(everything, everything, len(everything))


def compared(
    first: Callable[[], object], other: Callable[[], object], repeats: int, close: float
) -> tuple[float, float, float]:
    """Median seconds of both, and the median ratio; both must agree."""
    pairs = []
    for _ in range(repeats):
        (fast, found), (slow, expected) = timed(first), timed(other)
        for one, two in zip(np.atleast_1d(found), np.atleast_1d(expected), strict=True):
            assert np.allclose(one, two, rtol=0, atol=close), (one, two)
        pairs.append((fast, slow, slow / fast))
    return tuple(np.median(pairs, axis=0))


def flat(pair: tuple[float, np.ndarray]) -> np.ndarray:
    return np.concatenate([[pair[0]], pair[1]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=3000, help="answers for the matrix of pairs")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    count, pairs, repeats = arguments.answers, arguments.pairs, arguments.repeats

    many, few = vectors_of(count, 1), vectors_of(pairs, 2)
    found = [timed(lambda: between_with_jackknife(many)) for _ in range(repeats)]
    print(f"{count} answers of {DIMENSIONS} dimensions")
    seconds = np.median([each for each, _ in found])
    print(
        f"  semantic distance with jackknife  {seconds:8.2f} s, peak {peak():.2f} GiB", flush=True
    )
    seconds = np.median([timed(ours(many, "vendi"))[0] for _ in range(repeats)])
    print(
        f"  Vendi score                       {seconds:8.2f} s, peak {peak():.2f} GiB", flush=True
    )

    print(f"{pairs} answers: ours, the other, median of the ratios")
    fast, slow, ratio = compared(
        lambda: flat(between_with_jackknife(few)),
        lambda: flat(matrix_with_jackknife(few)),
        repeats,
        1e-9,
    )
    print(f"  semantic distance, matrix of pairs {fast:7.3f} s {slow:7.3f} s {ratio:6.1f}")
    wide = few.astype(np.float64)
    fast, slow, ratio = compared(
        ours(few, "vendi"), lambda: package.score_dual(wide), repeats, 1e-6
    )
    print(f"  Vendi score, vendi-score's dual    {fast:7.3f} s {slow:7.3f} s {ratio:6.1f}")
    fast, slow, ratio = compared(ours(few, "vendi"), lambda: package.score_X(wide), repeats, 1e-6)
    hours = slow * (count / pairs) ** 3 / 3600
    print(f"  Vendi score, its kernel form       {fast:7.3f} s {slow:7.3f} s {ratio:6.1f}; "
          f"{hours:.0f} h at {count}, extrapolated as n³")  # fmt: skip
    fast, slow, ratio = compared(
        ours(few, "chamfer"), lambda: nearest_by_matrix(few), repeats, 1e-9
    )
    hours = fast * (count / pairs) ** 2 / 3600
    print(f"  Chamfer distance, matrix of pairs  {fast:7.3f} s {slow:7.3f} s {ratio:6.1f}; "
          f"ours {hours:.2f} h at {count}, extrapolated as n²")  # fmt: skip

    print("1502 answers")
    study = vectors_of(1502, 3)
    seconds = np.median([timed(chamfer_with_draws(study))[0] for _ in range(repeats)])
    print(f"  Chamfer distance with {DRAWS} half-samples {seconds:6.2f} s")
    seconds = np.median([timed(lambda: vendi_left_out(study))[0] for _ in range(repeats)])
    evaluate, left = get("vendi").function(inputs_of(study)), vendi_left_out(study)
    for row in (0, 700):
        others = np.flatnonzero(np.arange(len(study)) != row)
        assert abs(left[row] - evaluate(others)) < 1e-7
    print(f"  Vendi score without each answer      {seconds:6.2f} s")
    human = vectors_of(1502, 4, 1.0).astype(np.float64)
    seconds, values = timed(lambda: scores(study.astype(np.float64), human))
    print(
        f"  MAUVE, 5 k-means seeds {seconds:6.2f} s: {values.mean():.3f} ± {values.std(ddof=1):.3f}"
    )


if __name__ == "__main__":
    main()
