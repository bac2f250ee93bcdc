"""Preference rates and flips, from judged scores of the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.score_book import ScoreBook
from manybaskets.experiments.benchmarks.student_agreement import exact_interval

PREFERENCES = pl.Schema(
    {
        "preference": pl.String,
        "benchmark": pl.String,
        "model": pl.String,
        "baseline": pl.String,
        "wins": pl.Int64,  # items on which the model scores higher than the baseline
        "losses": pl.Int64,
        "ties": pl.Int64,
        "n": pl.Int64,  # items that both have: wins + losses + ties
        "unpaired": pl.Int64,  # items that only one of them has, left out
        "rate": pl.Float64,  # 100 · wins / n
        "low": pl.Float64,
        "high": pl.Float64,
        "flips": pl.Int64,  # null without teachers
        "flip_items": pl.String,
    }
)


def flipped(
    teacher: Mapping[str, float], student: Mapping[str, float], other: Mapping[str, float]
) -> list[str]:
    """Items on which the teacher is the best of the three, and its student the worst.

    Only strict orders count: teacher > other > student. Source: Feuer & Hegde 2025.

    Args:
        teacher: score by item, like the others.
        other: the student of another teacher.
    """
    shared = [item for item in student if item in teacher and item in other]
    return [item for item in shared if teacher[item] > other[item] > student[item]]


def preference_table(books: Mapping[str, ScoreBook], confidence: float) -> pl.DataFrame:
    """Wins, ties and flips of two models, in both directions (schema `PREFERENCES`).

    Ties count for neither model, but belong to `n`. The interval is the exact binomial one.

    Raises:
        UserError: a model has no item scores on the benchmark, or the two have no item in common.
    """
    rows = []
    section = next(iter(books.values())).section
    for name, each in section.preferences.items():
        book = books[section.results_of(each.results)]
        students = [_items(book, model, each.benchmark, name) for model in each.students]
        teachers = [_items(book, model, each.benchmark, name) for model in each.teachers or ()]
        for own, other in ((0, 1), (1, 0)):
            first, second = students[own], students[other]
            shared = [item for item in first if item in second]
            if not shared:
                raise _unusable(
                    f"{each.students[0]} and {each.students[1]} have no item in common", name
                )
            wins = sum(first[item] > second[item] for item in shared)
            losses = sum(first[item] < second[item] for item in shared)
            low, high = exact_interval(wins, len(shared), confidence)
            flips = flipped(teachers[own], first, second) if teachers else None
            rows.append(
                {
                    "preference": name,
                    "benchmark": each.benchmark,
                    "model": each.students[own],
                    "baseline": each.students[other],
                    "wins": wins,
                    "losses": losses,
                    "ties": len(shared) - wins - losses,
                    "n": len(shared),
                    "unpaired": len(first) + len(second) - 2 * len(shared),
                    "rate": 100 * wins / len(shared),
                    "low": 100 * low,
                    "high": 100 * high,
                    "flips": None if flips is None else len(flips),
                    "flip_items": _listed(flips),
                }
            )
    return pl.DataFrame(rows, schema=PREFERENCES)


def _items(book: ScoreBook, model: str, benchmark: str, name: str) -> dict[str, float]:
    score = book.get(model, benchmark)
    if score is None or not score.items:
        raise _unusable(f"{model} has no item scores on {benchmark}", name)
    return score.items


def _unusable(what: str, name: str) -> UserError:
    return UserError(
        what=what,
        where=f"benchmarks.preferences.{name}",
        expected="scores of the same items for both models and their teachers",
        remedy="add `samples` to the results of the harness, or results of kind `item_csv`",
    )


def _listed(items: Sequence[str] | None) -> str | None:
    return None if items is None else ", ".join(items)
