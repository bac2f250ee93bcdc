"""Mixes of several sources that are nearly answers of one."""

import pytest

from manybaskets.config.mixes import read_mix_settings
from manybaskets.report.dominated_mixes import dominated_mixes


def weighted(**weights: float):
    return read_mix_settings({"kind": "weighted", "weights": weights})


def test_a_source_with_nine_tenths_is_named_with_its_share_and_the_effective_number():
    found = dominated_mixes({"uneven": weighted(small=1, large=9), "even": weighted(a=1, b=1)})
    assert len(found) == 1
    assert found[0].startswith("Source large has 90.0 % of mix uneven")
    assert "1.22 equal sources" in found[0]  # 1 / (.81 + .01)


@pytest.mark.parametrize("weights", [{"a": 4, "b": 1}, {"a": 1}])
def test_four_fifths_and_mixes_of_one_source_are_left_alone(weights):
    assert dominated_mixes({"mix": weighted(**weights)}) == []
