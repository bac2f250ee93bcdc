"""Growth of the vocabulary against a loop over all orders of the answers."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manybaskets.measures import growth
from manybaskets.records.responses import RESPONSES, write_responses

WORDS = st.lists(
    st.sampled_from(["one", "two", "three", "four", "five", "six"]), min_size=1, max_size=6
)


def mean_types(texts, answers):
    """Distinct words in the first so many answers, averaged over all orders."""
    orders = list(permutations(texts))
    return np.mean([len({w for text in o[:answers] for w in text.split()}) for o in orders])


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS.map(" ".join), min_size=1, max_size=5))
def test_growth_is_the_mean_over_all_orders(texts):
    total = sum(len(text.split()) for text in texts)
    sizes = np.array([total * m / len(texts) for m in range(1, len(texts) + 1)])
    tokens, types = growth.vocabulary_growth(texts, sizes)
    assert tokens == pytest.approx(sizes)
    wanted = [mean_types(texts, m) for m in range(1, len(texts) + 1)]
    assert types == pytest.approx(wanted, abs=1e-9)
    again = growth.vocabulary_growth(texts[::-1], sizes)
    assert again[1] == pytest.approx(types, abs=1e-12)


def test_no_point_lies_beyond_what_a_condition_has():
    tokens, types = growth.vocabulary_growth(["a b c", "d e f"], np.array([1.0, 3.0, 6.0, 6.5, 99]))
    assert tokens.tolist() == [3.0, 6.0] and types == pytest.approx([3.0, 6.0])


def test_the_grid_is_log_spaced_and_ends_at_the_shortest_condition():
    sizes = growth.growth_points(50_000)
    assert sizes[0] == pytest.approx(1000) and sizes[-1] == pytest.approx(50_000)
    assert np.ptp(np.diff(np.log(sizes))) < 1e-9
    assert growth.growth_points(500)[0] == pytest.approx(50)
    assert len(growth.growth_points(1)) == 0


def test_words_do_not_grow_together_and_empty_answers_do_not_count():
    tokens, types = growth.vocabulary_growth(["the end", "Start now", "…"], np.array([2.0, 4.0]))
    assert tokens.tolist() == [2.0, 4.0] and types == pytest.approx([2.0, 4.0])
    tokens, types = growth.vocabulary_growth(["the end", "the start", "…"], np.array([2.0]))
    assert types == pytest.approx([2.0])
    assert len(growth.vocabulary_growth(["…"], np.array([4.0]))[0]) == 0


def answers(path, texts):
    """Responses of one answer per prompt."""
    rows = [
        {"prompt_id": f"p{i}-0", "sample": 0, "turn": 0, "text": text, "finish_reason": "stop"}
        for i, text in enumerate(texts)
    ]
    write_responses([dict.fromkeys(RESPONSES) | row for row in rows], path, {})
    return path


def test_conditions_share_prompts_and_the_end_of_their_curves(tmp_path):
    long, short = (
        [f"w{i} x y z" for i in range(30)],
        [f"w{i} x" if i < 20 else "x x" for i in range(30)],
    )
    files = {
        ("llama", "multi", 1, "test"): answers(tmp_path / "a.parquet", long),
        ("llama", "human", 1, "test"): answers(tmp_path / "b.parquet", short),
    }
    shared = [f"p{i}-0" for i in range(20)]
    matched = {"test": {"prompt_ids": shared, "token_budget": 40}}
    table = growth.growth_table(files, matched)
    assert table.schema == growth.GROWTH
    ends = dict(table.group_by("mix").agg(pl.col("tokens").max()).rows())
    assert ends == {"multi": pytest.approx(40), "human": pytest.approx(40)}
    last = table.filter(pl.col("tokens") == pl.col("tokens").max().over("mix"))
    by_mix = dict(last.select("mix", "types").rows())
    assert by_mix["human"] == pytest.approx(21)  # all of its words: w0 to w19, and x
    turned = dict(reversed(files.items()))
    assert growth.growth_table(turned, matched).equals(table)
