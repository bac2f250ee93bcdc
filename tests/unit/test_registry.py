"""The registry: names once, in order, and a message that lists what exists."""

from __future__ import annotations

import pytest

from manybaskets.errors import UserError
from manybaskets.registry import Registry


@pytest.fixture()
def colours() -> Registry[int]:
    registry: Registry[int] = Registry("colour")
    registry.add("red", 1)
    registry.add("blue", 2)
    return registry


def test_values_come_in_the_order_of_their_registration(colours):
    assert colours.names() == ["red", "blue"]
    assert list(colours) == [1, 2] and len(colours) == 2
    assert colours.items() == [("red", 1), ("blue", 2)]
    assert "red" in colours and "green" not in colours
    assert colours.get("blue") == 2


def test_a_name_is_registered_once(colours):
    with pytest.raises(ValueError, match="the colour 'red' is already registered"):
        colours.add("red", 3)
    assert colours.get("red") == 1


def test_an_unknown_name_lists_what_exists(colours):
    with pytest.raises(UserError) as error:
        colours.get("green", "config, walls.colour")
    assert error.value.what == "there is no colour 'green'"
    assert error.value.where == "config, walls.colour"
    assert error.value.expected == "one of red, blue"


def test_an_empty_registry_says_so():
    with pytest.raises(UserError) as error:
        Registry("sound").get("bang")
    assert "nothing is registered" in error.value.expected
