"""Tables that one rule writes, made of whatever statistics a test has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from manybaskets.presentation.page import Table
from manybaskets.presentation.tables import TABLES, make_tables


def rule_tables(
    rule: str, frames: Mapping[str, pl.DataFrame], context: Any = None
) -> dict[str, Table]:
    """The tables of a rule that need these statistics and no published numbers, by name."""
    names = [
        name
        for name, definition in TABLES.items()
        if definition.rule == rule
        and definition.needs
        and set(definition.needs) <= set(frames)
        and "published" not in name
    ]
    return make_tables(names, frames, context)
