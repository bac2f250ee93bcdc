"""To which digits two numbers agree."""

from __future__ import annotations

import pytest
from repository import ROOT

from manybaskets.published.collapse_numbers import load
from manybaskets.published.printed_digits import digit_agreement


@pytest.mark.parametrize(
    ("printed", "reproduced", "found"),
    [("4.34", 4.34, "same digits"), ("4.34", 4.3389, "after rounding"), ("4.34", 4.3451, "no"),
     ("3.23", 3.224925, "rounded in steps"), ("3.22", 3.224925, "after rounding"),
     ("0.20", 0.2, "same digits"), ("0.20", 0.23, "no"), ("0.20", 0.204, "after rounding"),
     ("0.2", 0.23, "after rounding"), ("2.5", 2.45, "after rounding"), ("2.4", 2.45, "after rounding"),
     ("2.317484e7", 23174841.0, "after rounding"), ("40", 39.6, "after rounding"),
     ("-1.5", -1.46, "after rounding"),
     ("1.32e-269", 4.311021168430715e-06, "no"), ("4.311e-6", 4.311021168430715e-06, "after rounding"), ("1.0", None, None), ("1.0", float("nan"), None)],
)  # fmt: skip
def test_agreement_is_to_the_printed_digits(printed, reproduced, found):
    assert digit_agreement(printed, reproduced) == found


def test_the_cell_that_was_rounded_in_steps_is_marked():
    numbers = load(ROOT / "resources" / "published" / "collapse.csv")
    (row,) = numbers.filter(printed="3.224925").to_dicts()
    assert digit_agreement("3.23", row["value"]) == "rounded in steps"
    assert "printed as 3.23" in row["note"]
