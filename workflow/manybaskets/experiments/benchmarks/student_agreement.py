"""Agreement of students and teachers: is the student of the better teacher the better one?"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from manybaskets.errors import UserError
from manybaskets.experiments.benchmarks.score_book import (
    ScoreBook,
    differences_as_text,
    different_settings,
)

AGREEMENT = pl.Schema(
    {
        "agreement": pl.String,
        "benchmark": pl.String,
        "students": pl.Float64,  # score of the first minus that of the second
        "teachers": pl.Float64,
        "agree": pl.Boolean,  # null for a tie
        "settings": pl.String,  # what differs between the scores of students and teachers
    }
)
RATES = pl.Schema(
    {
        "agreement": pl.String,
        "ties": pl.String,
        "agree": pl.Int64,
        "n": pl.Int64,
        "rate": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)
TIES_MISSING, TIES_DISAGREE = "left out", "count as disagreement"


def sign_agreement(first: float, second: float) -> bool | None:
    """Whether two differences have the same sign; None if one is a tie."""
    if first == 0 or second == 0:
        return None
    return (first > 0) == (second > 0)


def exact_interval(successes: int, number: int, confidence: float) -> tuple[float, float]:
    """Exact interval of a binomial share. Source: Clopper & Pearson 1934."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = beta.ppf(tail, successes, number - successes + 1) if successes else 0.0
    high = beta.ppf(1 - tail, successes + 1, number - successes) if successes < number else 1.0
    return float(low), float(high)


def agreement_table(books: Mapping[str, ScoreBook]) -> pl.DataFrame:
    """Differences of students and teachers on every benchmark that all four have (`AGREEMENT`).

    Raises:
        UserError: the scores of students and teachers were measured with different settings, and the
            config gives no reason for comparing them.
    """
    rows = []
    section = next(iter(books.values())).section
    for name, pair in section.agreement.items():
        own = books[section.results_of(pair.results)]
        other = books[pair.teacher_results] if pair.teacher_results else own
        known = set(own.benchmarks(pair.students)) & set(other.benchmarks(pair.teachers))
        for benchmark in [each for each in section.tasks if each in known]:
            students = [own.get(model, benchmark) for model in pair.students]
            teachers = [other.get(model, benchmark) for model in pair.teachers]
            if None in students or None in teachers:
                continue
            different = different_settings(students[0].settings, teachers[0].settings)
            text = differences_as_text(students[0].settings, teachers[0].settings, different)
            if different and not pair.other_settings_reason:
                raise UserError(
                    what=f"scores of students and teachers were measured with different settings: {text}",
                    where=f"benchmarks.agreement.{name}: {benchmark} in {students[0].file} and "
                    f"{teachers[0].file}",
                    expected="scores of one harness with the same settings",
                    remedy="evaluate the teachers as the students were, or state in "
                    "`other_settings_reason` why the scores are compared nevertheless",
                )
            first, second = (one.value - two.value for one, two in (students, teachers))
            rows.append(
                {
                    "agreement": name,
                    "benchmark": benchmark,
                    "students": first,
                    "teachers": second,
                    "agree": sign_agreement(first, second),
                    "settings": text or None,
                }
            )
    return pl.DataFrame(rows, schema=AGREEMENT)


def agreement_rates(agreement: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Share of benchmarks that agree, with ties left out and as disagreement (schema `RATES`)."""
    rows = []
    for (name,), group in agreement.group_by("agreement", maintain_order=True):
        agree = int(group["agree"].sum() or 0)
        decided = group["agree"].drop_nulls().len()
        for ties, number in ((TIES_MISSING, decided), (TIES_DISAGREE, group.height)):
            low, high = exact_interval(agree, number, confidence) if number else (None, None)
            rows.append(
                {
                    "agreement": name,
                    "ties": ties,
                    "agree": agree,
                    "n": number,
                    "rate": agree / number if number else None,
                    "low": low,
                    "high": high,
                }
            )
    return pl.DataFrame(rows, schema=RATES)
