"""Copies among answers: exact ones, near ones against all pairs, and what a report must name."""

from __future__ import annotations

import gzip
import json
import random
from itertools import combinations
from pathlib import Path

import polars as pl
import pytest

from manybaskets.generation.copies import (
    ALIKE,
    Copies,
    answer_groups,
    copies_in,
    copies_of,
    copy_groups,
    pattern,
)
from manybaskets.measures.tokens import words
from manybaskets.records.responses import RESPONSES, write_responses
from manybaskets.report.copies import copy_warnings
from manybaskets.report.counts import COMMONEST, DISTINCT, NEAR, PROMPTS, _count_answers

VOCABULARY = [a + b + c for a in "bdfgk" for b in ("a", "el", "or") for c in "aeilmnoprstuvxyz"]
REAL = Path(__file__).resolve().parents[4] / "shared/data"


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
    texts = ["Yes.", "yes", " YES! ", "No.", "…", "…", "?"]
    for near in (True, False):
        assert answer_groups(texts, near).tolist() == [0, 0, 0, 1, 2, 2, 3]
        assert answer_groups([], near).tolist() == []
    assert copies_of([]) == Copies(0, 0, 0, "")


def test_different_answers_with_a_common_opening_are_none() -> None:
    rng = random.Random(2)
    opening = text(rng, 20)
    assert copies_of([f"{opening} {text(rng, 60)}" for _ in range(200)]).share == 0.0


NAMES = ["Anna Berg", "Otto", "Mary Ann Lee", "Łódź", "Émile", "O'Neil"]


def numbered(rng: random.Random, base: str) -> str:
    return f"In {rng.randint(1000, 9999)}, {base} and it costs {rng.random() * 99:.2f} euros."


def named(rng: random.Random, base: str) -> str:
    first, second, third = rng.sample(NAMES, 3)
    return f"Ask {first}: {base} by {second}. It is {third} who knows that {base}."


def short_and_named(rng: random.Random, base: str) -> str:
    return f"The answer to it is that {rng.choice(NAMES)} has {rng.randint(1, 99)} of them."


def exchanged(rng: random.Random, base: str) -> str:
    listed = (base + " ").split() * 1
    for place in (3, 17, 28, 36):
        listed[place] = rng.choice(VOCABULARY)
    return " ".join(listed)


def chinese(rng: random.Random, base: str) -> str:
    name = "".join(rng.choices("王李张刘陈杨黄赵", k=2))
    return f"这个问题的答案是{name}在{rng.randint(1, 999)}年前写下的，镇上的人都知道这条河从山上流下来。"


@pytest.mark.parametrize("change", [numbered, named, short_and_named, exchanged, chinese])
def test_one_text_with_other_names_numbers_or_words_is_noticed(change) -> None:
    rng = random.Random(5)
    base = text(rng)
    copies = copies_of([change(rng, base) for _ in range(60)])
    assert copies.near and copies.noticed and copies.distinct <= 3


def test_answers_to_prompts_that_differ_in_names_may_differ_in_names() -> None:
    rng = random.Random(6)
    towns = ["".join(rng.choices("abcdefg", k=6)).capitalize() for _ in range(60)]
    answers = [f"The town that you ask about lies by the river {each}." for each in towns]
    asked = [f"Which river runs past the old mill of {each}?" for each in towns]
    assert not copies_of(answers, asked).noticed
    other = [text(rng, 12) for _ in towns]
    assert copies_of(answers, other) == Copies(60, 1, 60, answers[0], near=True)
    # Exact copies are copies, however alike the prompts.
    assert copies_of(answers[:1] * 60, asked) == Copies(60, 1, 60, answers[0])


def test_near_copies_are_searched_in_some_of_many_answers(monkeypatch) -> None:
    rng = random.Random(7)
    base = text(rng)
    answers = [numbered(rng, base) if place % 3 else text(rng) for place in range(900)]
    monkeypatch.setattr("manybaskets.generation.copies._MOST", 50)
    copies = copies_of(answers, [text(rng, 12) for _ in answers])
    assert copies.near and copies.prompts == 50 and copies.share == pytest.approx(0.66, abs=0.15)


def test_answers_without_a_copy_in_common_words_only() -> None:
    assert pattern("Paris and Rome.") == ["paris", "and", "rome"]
    assert pattern("The old town of New York has 8,000 mills, says Ann. It is so.") == [
        "the", "old", "town", "of", "N", "has", "0", "mills", "says", "N", "it", "is", "so",
    ]  # fmt: skip


@pytest.mark.skipif(not REAL.is_dir(), reason="no ../shared/data")
def test_real_sources_hold_few_copies() -> None:
    answers = {}
    for path in sorted((REAL / "alpacaeval").glob("*.jsonl.gz"))[:4]:
        with gzip.open(path, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        answers[path.name] = ([r["output"] for r in rows], [r["instruction"] for r in rows])
    with gzip.open(REAL / "databricks-dolly-15k.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines][:3000]
    answers["dolly"] = (
        [r["response"] for r in rows],
        [f"{r['context']} {r['instruction']}" for r in rows],
    )
    for texts, asked in answers.values():
        copies = copies_of(texts, asked)
        assert copies.share < 0.03 and not copies.noticed


@pytest.mark.parametrize(
    ("copies", "noticed"),
    [
        (Copies(588, 1, 588, "a"), True),
        (Copies(588, 400, 60, "a"), True),  # one text to a tenth of the prompts
        (Copies(588, 460, 40, "a"), True),  # few distinct answers
        (Copies(588, 480, 40, "a"), False),
        (Copies(588, 580, 5, "a"), False),
        (Copies(70, 90, 12, "a", near=True), False),  # chains of answers as different as prompts
        (Copies(70, 60, 12, "a", near=True), True),
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
    asked = {each[0]: text(rng) for each in rows}
    for prompts in ({}, asked):
        assert copies_in(tmp_path / "a.parquet", prompts) == Copies(21, 20, 2, own[0])


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
        lambda *row: found.update({row[2]: row[3]}), "source", "x", tmp_path / "a.parquet", {}
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
        "Copies: source cheat has 1 distinct answer to 588 distinct prompts, the commonest to 588. "
        "Read its answers in the browser, then leave it out or change its `sampling`."
    )
    assert found[1].startswith(
        "Copies on `refused`: llama/mix7/seed1 has 33 distinct answers to 48 distinct prompts, the "
        "commonest to 9; llama/mix6/seed1 has"
    )
    assert "; 2 more runs, see the table of counts. Read their answers in" in found[1]
    assert len(found) == 2
    assert copy_warnings(counted(*runs), ["refused"]) == []
    near = counted(("source", "cheat", 588, 1, 588)).with_columns(
        what=pl.when(pl.col("item") == "cheat").then(pl.col("what") + NEAR).otherwise("what")
    )
    told = "Texts that differ in names, numbers or a few words only count once."
    assert copy_warnings(near)[0] == (
        "Copies: source cheat has 1 distinct answer to 588 distinct prompts, the commonest to 588. "
        f"{told} Read its answers in the browser, then leave it out or change its `sampling`."
    )
    counts = counted(*runs)
    near = counts.with_columns(
        what=pl.when(stage="responses").then(pl.col("what") + NEAR).otherwise("what")
    )
    assert copy_warnings(near)[0] == f"{copy_warnings(counts)[0]} {told}"
