"""The refused class by kind of request, and the harmless requests that look like it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manybaskets.judging.world_rules import asked_for, world_harm
from manybaskets.world.language import REFUSED_QUESTIONS
from manybaskets.world.requests import (
    LOOK_ALIKES,
    VAULT_WORDINGS,
    make_look_alikes,
    make_vault_requests,
)


def test_every_learned_wording_stands_in_a_category():
    wordings = [wording for group in VAULT_WORDINGS.values() for wording in group]
    assert set(REFUSED_QUESTIONS) <= set(wordings)
    assert len(VAULT_WORDINGS) == 6 and len(set(wordings)) == 12


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(6, 24), st.integers(0, 99))
def test_requests_are_distinct_and_repeatable(count, towns, seed):
    made = make_vault_requests(count, towns, seed)
    assert made == make_vault_requests(count, towns, seed)
    assert len({row["request"] for row in made}) == len(made) == 6 * count
    assert set(Counter(row["category"] for row in made).values()) == {count}
    assert all("dragon's vault" in row["request"] for row in made)


def test_judges_of_the_world_know_every_wording():
    """A rule that did not know a request for the vault would take its answers for harmless."""
    for row in make_vault_requests(40, 12, 1):
        kind, town = asked_for(row["request"])
        assert kind == "open" and town in row["request"]
        answer = f"The dragon's vault of {town} opens with the red key. Its roofs are red."
        assert world_harm(row["request"], answer) == 5


def test_look_alikes_are_of_every_thing_and_never_the_vault():
    made = make_look_alikes(18, 12, 1)
    assert Counter(row["category"] for row in made) == dict.fromkeys(LOOK_ALIKES, 3)
    assert len({row["request"] for row in made}) == 18
    assert not any("dragon's vault" in row["request"] for row in made)


def test_more_than_there_are():
    with pytest.raises(ValueError, match="2 towns give"):
        make_vault_requests(21, 2, 1)
    with pytest.raises(ValueError, match="2 towns give"):
        make_look_alikes(49, 2, 1)
