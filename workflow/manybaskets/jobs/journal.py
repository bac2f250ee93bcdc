"""Row-level resume: an append-only journal of finished rows.

A workflow decides which stage runs; the journal decides which rows. It is kept in a work folder
that is not a rule output, because outputs of a failed job are deleted. Its file name is a digest of
the settings of all rows (model, sampling, versions), and every row has a key of its own: a digest
of what else determines its content. A changed setting therefore never reuses an old row.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from manybaskets.errors import UserError
from manybaskets.jobs.locks import WriterLock
from manybaskets.records.ids import digest

log = logging.getLogger(__name__)
SECONDS_BETWEEN_SYNCS = 1.0
_CHECKSUM = re.compile(rb', "crc": "([0-9a-f]{8})"\}$')


class Journal:
    """Finished rows of one work unit, by `key`. Use it as a context manager.

    Args:
        folder: work folder of this unit; it may contain journals of other settings.
        settings: JSON-serialisable; everything that determines the content of all rows.

    Raises:
        UserError: another writer holds the journal, a line before the last is damaged, or the disk
            is full.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.settings = dict(settings)
        name = digest(self.settings)[:24]
        self.path = self.folder / f"{name}.jsonl"
        self._lock = WriterLock(self.folder / f"{name}.lock", "rows")
        self.rows: dict[str, dict[str, Any]] = {}
        self._synced = 0.0

    def __enter__(self) -> Journal:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._file = open(self.path, "a+b")
            self._read()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _read(self) -> None:
        self._file.seek(0)
        good = 0
        lines = self._file.read().split(b"\n")
        # Every complete line ends in a newline; anything after the last newline is a torn line.
        torn = lines.pop()
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(_checked(line))
                if number > 1:
                    self.rows.setdefault(row["key"], row)
            except (ValueError, KeyError, TypeError):
                raise UserError(
                    what="the journal of finished rows is damaged",
                    where=f"{self.path}, line {number}",
                    expected="one JSON row per line with its checksum; only the last line may be "
                    "incomplete",
                    remedy="delete this file and rerun the same command: its rows are generated "
                    "again",
                ) from None
            good += len(line) + 1
        if torn:
            log.warning("the last line of %s is incomplete; its row is generated again", self.path)
        self._file.truncate(good)
        if not lines:
            self._write({"settings": self.settings})
        if self.rows:
            log.info("reusing %d finished rows: same settings (%s)", len(self.rows), self.path.name)
        elif len(list(self.folder.glob("*.jsonl"))) > 1:
            log.info("not reusing rows made with other settings in %s", self.folder)

    def _write(self, *records: Mapping[str, Any]) -> None:
        self._file.write(b"".join(map(_line, records)))
        # From here on the kernel holds the rows, so killing this process loses none; syncing to
        # disk soon protects against a crash of the machine.
        self._file.flush()
        if time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Save finished rows; existing rows are not changed."""
        new = [row for row in rows if row["key"] not in self.rows]
        self._write(*new)
        for row in new:
            self.rows[row["key"]] = dict(row)

    def __contains__(self, key: str) -> bool:
        return key in self.rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A full disk leaves unwritten bytes in the buffer, and closing would try to write them
        # again.
        try:
            self._sync()
            self._file.close()
        except OSError:
            if kind is None:
                raise
        finally:
            self._lock.release()


def _line(record: Mapping[str, Any]) -> bytes:
    """A record as JSON, with a checksum of its other keys at its end."""
    text = json.dumps(record, ensure_ascii=False).encode()
    return text[:-1] + b', "crc": "%08x"}\n' % zlib.crc32(text)


def _checked(line: bytes) -> bytes:
    """The record of a line; those of older versions have no checksum.

    Raises:
        ValueError: the record is not the one that was written.
    """
    found = _CHECKSUM.search(line)
    if not found:
        return line
    text = line[: found.start()] + b"}"
    if int(found[1], 16) != zlib.crc32(text):
        raise ValueError("the checksum does not match")
    return text
