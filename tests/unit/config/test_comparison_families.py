"""Families of comparisons: primary measures and corrections, checked when the config is read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from manybaskets.config.evaluation import Comparison

FAMILY = {"baseline": "human", "conditions": ["multi"], "measures": ["vendi", "own_nll"]}


def test_a_primary_measure_must_be_one_of_the_family() -> None:
    with pytest.raises(ValidationError, match="'mtld' is not in the family's measures"):
        Comparison(**FAMILY, primary=["mtld"])


def test_primary_measures_need_holms_correction() -> None:
    with pytest.raises(ValidationError, match="set `correction` to holm, or remove `primary`"):
        Comparison(**FAMILY, primary=["vendi"], correction="benjamini-yekutieli")


def test_parameters_of_finished_studies_do_not_have_keys_that_are_not_set() -> None:
    old = {"baseline", "mixes", "prompt_set", "measures"}
    assert set(Comparison(**FAMILY).model_dump()) == old
    named = Comparison(**FAMILY, primary=["vendi"])
    assert set(named.model_dump()) == {*old, "primary"}
    assert Comparison(**named.model_dump()) == named
