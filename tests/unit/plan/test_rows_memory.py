"""Memory that is asked for follows the size of the user's files."""

from __future__ import annotations

from manybaskets.plan.rows_memory import rows_mb


def test_memory_follows_the_size_of_the_files(tmp_path):
    """A million rows of 0.9 kB took 4.1 GB; the request is above it, and below twice as much."""
    rows, packed = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    with open(rows, "wb") as file:
        file.truncate(900_000_000)
    assert 4_900 < rows_mb(rows) < 8_000
    with open(packed, "wb") as file:
        file.truncate(200_000_000)
    assert rows_mb(packed) > rows_mb(rows)
    assert rows_mb(rows, packed) > rows_mb(rows) + rows_mb(packed) - 1_000
    assert rows_mb(None, tmp_path / "none.jsonl") == 500
