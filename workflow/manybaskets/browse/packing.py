"""Files that a page can read from a disk: scripts that hold gzip in base64.

Browsers let a page that is opened from a disk load scripts and nothing else. Such a script calls one
function with a name and a text of base64 letters, so nothing that a model wrote is ever a script.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np

Write = Callable[[str, bytes], None]  # name of a file below the page's folder, and its content
# Bits of a 32-bit number's fraction that are not kept: what is left has five significant digits.
_DROPPED = 7


def packed(name: str, content: bytes) -> bytes:
    """A script that hands `content` to the page.

    Args:
        name: of the file below `data/`, without its ending.
    """
    # Without a time, so that the same content gives the same bytes.
    letters = base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode("ascii")
    return f'manyBaskets("{name}","{letters}");\n'.encode("ascii")


def write_packed(write: Write, name: str, content: bytes) -> None:
    """Write a file of `data/`."""
    write(f"data/{name}.js", packed(name, content))


def write_value(write: Write, name: str, value: Any) -> None:
    """Write a JSON value as a file of `data/`."""
    write_packed(write, name, to_json(value))


def to_json(value: Any) -> bytes:
    """A value as compact JSON; a lone half of a surrogate pair becomes a replacement character."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", errors="replace")


def number_bytes(values: np.ndarray) -> bytes:
    """32-bit numbers with five significant digits, byte by byte: first bytes first, then second …

    In this order equal bytes are neighbours, which packs to a third.

    Args:
        values: float array of any shape, in C order; NaN for nothing.
    """
    bits = np.ascontiguousarray(values, dtype="<f4").view("<u4")
    rounded = (bits + (1 << (_DROPPED - 1))) & np.uint32(0xFFFFFFFF << _DROPPED & 0xFFFFFFFF)
    kept = np.where(np.isfinite(values), rounded, np.uint32(0x7FC00000)).astype("<u4")
    return np.ascontiguousarray(kept.reshape(-1).view(np.uint8).reshape(-1, 4).T).tobytes()


def five_digits(values: np.ndarray) -> np.ndarray:
    """Values rounded to five significant digits; NaN stays."""
    values = np.asarray(values, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(values == 0, 0, np.floor(np.log10(np.abs(values))))
    factor = 10.0 ** (4 - np.nan_to_num(size))
    return np.round(values * factor) / factor
