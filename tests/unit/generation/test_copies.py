"""Copies among answers: exact ones, near ones against all pairs, and what a report must name."""

from __future__ import annotations

import random
from itertools import combinations

import polars as pl
import pytest

from manybaskets.generation.copies import ALIKE, Copies, copies_in, copies_of, copy_groups
from manybaskets.measures.tokens import words
from manybaskets.records.responses import RESPONSES, write_responses
from manybaskets.report.copies import copy_warnings
from manybaskets.report.counts import COMMONEST, DISTINCT, PROMPTS, _count_answers

VOCABULARY = [f"w{number}" for number in range(300)]


def text(rng: random.Random, size: int = 40) -> str:
    return " ".join(rng.choices(VOCABULARY, k=size))


def jaccard(first: str, second: str) -> float:
    sets = [set(zip(w, w[1:], w[2:], strict=False)) for w in (words(first), words(second))]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_groups_are_those_of_all_pairs() -> None:
    rng = random.Random(1)
    texts = []
    for _ in range(25):
        base = text(rng).split()
        for changes in range(8):
            changed = list(base)
            for place in rng.sample(range(40), changes):
                changed[place] = rng.choice(VOCABULARY)
            texts.append(" ".join(changed))
    rng.shuffle(texts)
    group = copy_groups(texts)
    close = [(a, b) for a, b in combinations(range(len(texts)), 2)
             if jaccard(texts[a], texts[b]) >= ALIKE]  # fmt: skip
    missed = sum(group[a] != group[b] for a, b in close)
    assert len(close) > 100 and missed <= 0.02 * len(close)
    # Groups join texts that are alike or have a chain of such texts between them.
    parents = list(range(len(texts)))
    for a, b in close:
        old, new = parents[b], parents[a]
        parents = [new if each == old else each for each in parents]
    assert all(
        parents[a] == parents[b]
        for a, b in combinations(range(len(texts)), 2)
        if group[a] == group[b]
    )


def test_case_punctuation_and_spaces_make_no_new_answer() -> None:
    assert copy_groups(["Yes.", "yes", " YES! ", "No.", "…", "…", "?"]).tolist() == [
        0, 0, 0, 1, 2, 2, 3,
    ]  # fmt: skip
    assert copy_groups([]).tolist() == []


def test_different_answers_with_a_common_opening_are_none() -> None:
    rng = random.Random(2)
    opening = text(rng, 20)
    assert copies_of([f"{opening} {text(rng, 30)}" for _ in range(200)]).share == 0.0


@pytest.mark.parametrize(
    ("copies", "noticed"),
    [
        (Copies(588, 1, 588, "a"), True),
        (Copies(588, 400, 60, "a"), True),  # one text to a tenth of the prompts
        (Copies(588, 290, 40, "a"), True),  # few distinct answers
        (Copies(588, 580, 5, "a"), False),
        (Copies(9, 1, 9, "a"), False),  # too few to say anything
        (Copies(0, 0, 0, ""), False),
    ],
)
def test_what_a_report_must_name(copies: Copies, noticed: bool) -> None:
    assert copies.noticed == noticed


def test_a_file_counts_one_answer_per_prompt_text(tmp_path) -> None:
    rng = random.Random(3)
    own = [text(rng) for _ in range(20)]
    rows = [(f"{n:02x}-{again}", sample, own[n]) for n in range(20) for again in (0, 1)
            for sample in (0, 1)]  # fmt: skip
    rows.append(("ff-0", 0, own[0]))
    frame = pl.DataFrame(
        {
            "prompt_id": [each[0] for each in rows],
            "sample": [each[1] for each in rows],
            "turn": 0,
            "text": [each[2] for each in rows],
            "finish_reason": "stop",
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "attempts": 1,
            "error": None,
        },
        schema=RESPONSES,
    )
    write_responses(frame, tmp_path / "a.parquet", {})
    assert copies_in(tmp_path / "a.parquet") == Copies(21, 20, 2, own[0])


@pytest.mark.parametrize(("copied", "counts"), [(40, (40, 1, 40)), (3, None)])
def test_stages_count_copies_where_a_report_must_name_them(tmp_path, copied, counts) -> None:
    rng = random.Random(4)
    texts = ["One answer for all."] * copied + [text(rng) for _ in range(40 - copied)]
    rows = [
        {"prompt_id": f"{n:02x}-0", "sample": 0, "turn": 0, "text": each, "finish_reason": "stop",
         "prompt_tokens": 1, "completion_tokens": 1, "attempts": 1, "error": None}
        for n, each in enumerate(texts)
    ]  # fmt: skip
    write_responses(rows, tmp_path / "a.parquet", {})
    found = {}
    _count_answers(
        lambda *row: found.update({row[2]: row[3]}), "source", "x", tmp_path / "a.parquet"
    )
    assert found["answers"] == 40
    told = tuple(found.get(what) for what in (PROMPTS, DISTINCT, COMMONEST))
    assert told == (counts or (None, None, None))


def counted(*items: tuple[str, str, int, int, int]) -> pl.DataFrame:
    rows = [("source", "human", "answers", 9)]
    for stage, item, *numbers in items:
        rows += [(stage, item, what, number)
                 for what, number in zip((PROMPTS, DISTINCT, COMMONEST), numbers, strict=True)]  # fmt: skip
    schema = {"stage": pl.String, "item": pl.String, "what": pl.String, "count": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_warnings_name_sources_and_the_worst_runs() -> None:
    assert copy_warnings(counted()) == []
    runs = [("responses", f"llama/mix{n}/seed1/refused", 48, 40 - n, 9) for n in range(8)]
    found = copy_warnings(counted(("source", "cheat", 588, 1, 588), *runs))
    assert found[0] == (
        "Copies: source cheat has 1 distinct answer to 588 prompts, the commonest to 588. Read "
        "everything about it with this in mind."
    )
    assert found[1].startswith(
        "Copies on `refused`: llama/mix7/seed1 has 33 distinct answers to 48 prompts, the commonest "
        "to 9; llama/mix6/seed1 has"
    )
    assert found[1].endswith("; 2 more runs, see the table of counts.") and len(found) == 2
