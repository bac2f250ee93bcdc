"""Times of a study's files, kept with them, so that copied results are as up to date as they were.

Snakemake compares the times of files. Copying may change them, and in a new clone all shipped files
are newer than all results, so that finished jobs would run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.records.writing import write_json, write_text

RECORD = "file-times.json"
_PLACE = Path(".snakemake/many-baskets-place")
_LEFT_OUT = ("work", "logs")


def absent_inputs(results: Path) -> frozenset[str]:
    """The user's files that copied results were made from and that are missing here."""
    return frozenset(_read(results).get("absent", []))


def record_times(results: Path, inputs: Iterable[Path], up_to_date: bool = False) -> None:
    """Write the times of a study's files, after a run.

    An input that was only touched keeps the time of its first record.

    Args:
        results: folder of the study.
        inputs: files and folders outside it that its jobs read.
        up_to_date: nothing of the study is left to do, so that all files may be equally old. Their
            own times may say otherwise: what was made again and is the same is newer than what was
            made from it.
    """
    if not results.is_dir():
        return
    before = _read(results)
    absent = [name for name in before.get("absent", []) if not Path(name).exists()]
    known = before.get("inputs", {})
    newest = max(map(_time, _files(results)), default=0) if up_to_date else None
    read = {str(file): _seen(file, known.get(str(file))) for file in inputs if file.exists()}
    write_json(
        {
            "place": _place(),
            "results": {
                str(file.relative_to(results)): [file.stat().st_size, newest or _time(file)]
                for file in _files(results)
            },
            "inputs": {name: known[name] for name in absent} | read,
            "absent": absent,
        },
        results / RECORD,
    )


def restore_times(results: Path, inputs: Iterable[Path]) -> int:
    """Give copied results, and inputs that were only touched, the times of the original.

    Does nothing for results without a record, and to results where they were made.

    Args:
        results: folder of the study.
        inputs: files and folders outside it that its jobs read.

    Returns:
        Number of files whose time changed.

    Raises:
        UserError: a file's time cannot be set.
    """
    record = _read(results)
    if not record:
        return 0
    copied = record["place"] != _place()
    try:
        changed = _restore_results(results, record["results"]) if copied else 0
        absent = []
        for file in inputs:
            known = record["inputs"].get(str(file))
            if known and not file.exists():
                absent.append(str(file))
            elif known and known[0] and known[1] != _time(file) and known[0] == _digest(file):
                os.utime(file, ns=(known[1], known[1]))
                changed += 1
        if copied:
            write_json(record | {"place": _place(), "absent": absent}, results / RECORD)
    except OSError as error:
        raise UserError(
            what=f"the time of a copied file cannot be set: {error.strerror}",
            where=str(error.filename or results),
            expected="files whose times you may change, as those of your own copy are",
            remedy=f"copy {results} and the project to a place that you may write to",
        ) from None
    return changed


def _restore_results(results: Path, times: Mapping[str, Sequence[int]]) -> int:
    changed = 0
    for file in _files(results):
        size, time = times.get(str(file.relative_to(results)), (None, None))
        if file.stat().st_size == size and _time(file) != time:
            os.utime(file, ns=(time, time))
            changed += 1
    return changed


def _seen(file: Path, known: Sequence[Any] | None) -> list[Any]:
    """Digest and time of an input: those of the earlier record where its content is the same."""
    if known and known[1] == _time(file):
        return list(known)  # not read again: it may be large
    digest = _digest(file)
    same = known and digest is not None and digest == known[0]
    return [digest, min(known[1], _time(file)) if same else _time(file)]


def _read(results: Path) -> Mapping[str, Any]:
    try:
        return json.loads((results / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}  # as if it had never been written: times are compared as they are


def _place() -> str:
    """A name of this working directory that a copy of its results does not have."""
    if not _PLACE.exists():
        write_text(uuid.uuid4().hex, _PLACE)
    return _PLACE.read_text(encoding="utf-8")


def _files(results: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(results):
        if Path(folder) == results:
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
        yield from (
            Path(folder, name)
            for name in files
            if name != RECORD and not Path(folder, name).is_symlink()
        )


def _digest(file: Path) -> str | None:
    """SHA-256 of a file; None for a folder."""
    if file.is_dir():
        return None
    with open(file, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _time(file: Path) -> int:
    return file.stat().st_mtime_ns
