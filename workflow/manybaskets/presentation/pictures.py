"""What a figure needs to be drawn: its kind, its tables and its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A figure before it is drawn.

    Attributes:
        kind: what draws it (`figures.drawing`); its caption is `captions/<kind>.rst`.
        title: for the report.
        tables: the tables of `statistics/` that it is drawn from.
        options: what it shows, as plain values.
        part: the part of the report that shows it: `runs`, `sources`, `robustness`,
            `preference` or `making`.
    """

    kind: str
    title: str
    tables: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    part: str = ""
