"""Split prompts into train, validation, test and parts, independent of row order.

Every choice orders prompts by a hash of (seed, purpose, id), so row position has no effect, and
samples systematically within categories, so totals are exact and each category keeps its share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import NoReturn

import polars as pl

from manybaskets.config.data import Split
from manybaskets.errors import UserError
from manybaskets.names import TEST, TRAIN, VALIDATION
from manybaskets.records.ids import digest


def split(frame: pl.DataFrame, split: Split, seed: int) -> pl.DataFrame:
    """Add `split`, `part` and `used` to cleaned prompts.

    - `split` is `train`, `validation` or `test`. The test set's size is its share of rows, rounded
      up (as in scikit-learn). With `group_repeats`, prompts with the same text stay together, as do
      conversations that begin with the same question; unique prompts fill up the count, so that it
      deviates (by about one group size) only if there are too few of them. Validation is a share of
      the rest, also rounded up, spread over categories and parts.
    - `part` is 1..k for train and validation rows together, with sizes that differ by at most one;
      null for test rows.
    - `used` is true for the study's rows: all rows, or stratified samples of `max_train_prompts`
      (train and validation together, spread over the parts) and `max_test_prompts`.

    Counts within a category differ from the category's share by at most one; in the test set by
    more if a category has too few unique prompts.

    Args:
        frame: has `prompt_id, instruction, context, category`; the id is unique.
        split: shares and counts.
        seed: the study's seed.

    Raises:
        UserError: one side of the split would be empty, or a count exceeds the available rows.
    """
    ids = frame["prompt_id"].to_list()
    categories = frame["category"].fill_null("").to_list() if split.stratify else [""] * len(ids)
    test = _choose_test(frame, categories, split, seed)
    rest = [index for index in range(len(ids)) if index not in test]
    _check_sides(len(test), len(rest), split)

    def ranked(indices: Sequence[int], purpose: str) -> list[int]:
        keys = {index: (categories[index], digest(seed, purpose, ids[index])) for index in indices}
        return sorted(indices, key=keys.__getitem__)

    part: list[int | None] = [None] * len(ids)
    for position, index in enumerate(ranked(rest, "part")):
        part[index] = position % split.parts + 1

    def spread(indices: Sequence[int], count: int, purpose: str, filled: Sequence[int] = ()):
        if count == len(indices):
            return list(indices)
        return _spread(ranked(indices, purpose), categories, part, count, filled)

    held_out = _rounded_up(split.validation_share, len(rest))
    validation = set(spread(rest, held_out, "validation"))
    train = [index for index in rest if index not in validation]

    wanted = split.max_train_prompts or len(rest)
    some_validation = spread(sorted(validation), _rounded_up(split.validation_share, wanted), "use")
    some_train = spread(train, wanted - len(some_validation), "use", some_validation)
    some_test = spread(sorted(test), split.max_test_prompts or len(test), "use")
    _check_parts([part[index] for index in some_train], wanted, split)
    used = {*some_train, *some_validation, *some_test}
    names = [
        TEST if i in test else VALIDATION if i in validation else TRAIN for i in range(len(ids))
    ]
    return frame.with_columns(
        pl.Series("split", names, dtype=pl.String),
        pl.Series("part", part, dtype=pl.Int32),
        pl.Series("used", [index in used for index in range(len(ids))], dtype=pl.Boolean),
    )


def _choose_test(
    frame: pl.DataFrame, categories: Sequence[str], split: Split, seed: int
) -> set[int]:
    """Indices of the test rows."""
    size = _rounded_up(split.test_share, frame.height)
    if size == 0:
        return set()
    units: dict[tuple[str, ...], list[int]] = defaultdict(list)
    names = ["instruction", "context"] if split.group_repeats else ["prompt_id"]
    for index, key in enumerate(frame.select(names).iter_rows()):
        units[key].append(index)
    ordered = sorted(
        (min(categories[index] for index in members), -len(members), digest(seed, TEST, *key))
        + (tuple(members),)
        for key, members in units.items()
    )
    groups = [members for *_, members in ordered]
    # Repeated prompts have the same chance as unique ones. Drawn by rows, a prompt that occurs
    # three times would have three times the chance, or no chance if drawn only to fit the count.
    repeated = [members for members in groups if len(members) > 1]
    count = round(Fraction(str(split.test_share)) * len(repeated))
    chosen = {repeated[position] for position in _positions(len(repeated), count)}
    # Unique prompts follow the repeats of their category and bring the count back to its share.
    test: set[int] = set()
    passed = 0
    for members in groups:
        passed += len(members)
        behind = 2 * size * passed - 2 * frame.height * len(test) > frame.height
        if members in chosen or (len(members) == 1 and behind):
            test.update(members)
    return test


def _positions(available: int, count: int) -> list[int]:
    """`count` evenly spaced positions out of `available`: floor((j + 0.5) * available / count)."""
    return [(2 * j + 1) * available // (2 * count) for j in range(count)]


def _spread(
    ranked: Sequence[int],
    categories: Sequence[str],
    part: Sequence[int | None],
    count: int,
    filled: Sequence[int],
) -> list[int]:
    """Choose `count` rows with each category's share and equal numbers per part.

    Args:
        ranked: row indices sorted by category and hash.
        categories, part: one value per row of the frame.
        count: rows to choose, at most the available number.
        filled: rows chosen earlier; their parts count as well.
    """
    quota: dict[str, int] = defaultdict(int)
    for position in _positions(len(ranked), count):
        quota[categories[ranked[position]]] += 1
    cells: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index in reversed(ranked):  # so that pop() returns the first by hash
        cells[categories[index]][part[index] or 0].append(index)
    taken: dict[int, int] = defaultdict(int)
    for index in filled:
        taken[part[index] or 0] += 1
    chosen = []
    # Narrow choices first: a category with few rows uses the parts it has, the others even it out.
    for category in sorted(cells, key=lambda name: (len(cells[name]), quota[name], name)):
        parts = cells[category]
        for _ in range(quota[category]):
            emptiest = min(
                (number for number in parts if parts[number]),
                key=lambda number: (taken[number], -len(parts[number]), number),
            )
            chosen.append(parts[emptiest].pop())
            taken[emptiest] += 1
    return chosen


def _rounded_up(share: float, rows: int) -> int:
    """A share of rows, rounded up; uses the decimal as written, not its binary approximation."""
    return ceil(Fraction(str(share)) * rows)


def _check_sides(test: int, rest: int, split: Split) -> None:
    rows = test + rest
    if rest == 0 or (test == 0 and split.test_share > 0):
        side = "training" if rest == 0 else "test"
        _fail("test_share", split.test_share, f"the {side} set would be empty with {rows} prompts",
              "prompts on both sides; prompts with the same text stay together "
              "(`split.group_repeats`)",
              "use more rows or change the share; 0 means no test set")  # fmt: skip
    if split.parts > rest:
        _fail("parts", split.parts, f"only {rest} training prompts are available",
              "at least one training prompt per part", "use more rows or fewer parts")  # fmt: skip
    for key, available in (("max_train_prompts", rest), ("max_test_prompts", test)):
        wanted = getattr(split, key)
        if wanted is not None and wanted > available:
            _fail(key, wanted, f"only {available} such prompts are available after the split",
                  f"at most {available}", "lower it, or set it to null to use all")  # fmt: skip


def _check_parts(parts: Sequence[int | None], wanted: int, split: Split) -> None:
    """Every part needs a training row, or a mix with one source per part would lose a source."""
    empty = sorted(set(range(1, split.parts + 1)) - set(parts))
    if not parts:
        _fail("validation_share", split.validation_share,
              f"{wanted} training prompts leave no prompt to train on",
              "a validation set smaller than the training set",
              "use more rows or a smaller validation share")  # fmt: skip
    if empty:
        _fail("parts", split.parts,
              f"{len(parts)} prompts to train on (and {wanted - len(parts)} for validation) leave "
              f"the parts {empty} empty",
              "at least one prompt to train on in every part",
              "use more rows (`split.max_train_prompts`, a larger dataset) or fewer parts")  # fmt: skip


def _fail(key: str, value: float, what: str, expected: str, remedy: str) -> NoReturn:
    raise UserError(
        what=f"split.{key} = {value} is impossible: {what}",
        where=f"config, split.{key}",
        expected=expected,
        remedy=remedy,
    )
