"""A run is of one config and one code: what its driver planned with.

Jobs of a batch scheduler read the config again, hours after the driver did. So the driver writes its
settings down when it starts, and its jobs read those. Code cannot be kept like that: a job that finds
other code than the driver's stops.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from manybaskets.errors import UserError
from manybaskets.jobs.environment import RUN
from manybaskets.records.writing import write_json

# Path of the file with what the driver of this run planned with.
IDENTITY = "MANYBASKETS_IDENTITY"
_FOLDER = Path(".snakemake/many-baskets-runs")
_CODE = ("*.py", "*.smk", "*.j2", "*.yaml", "*.yml", "*.json", "*.csv", "*.jinja")
_KEPT_DAYS = 30  # drivers that were killed leave their file
Seen = Sequence[Any]


def code_of(folders: Iterable[Path], files: Iterable[Path]) -> dict[str, Seen]:
    """Size, time and digest of every file that decides what jobs do.

    Args:
        folders: searched for code, and for texts that the code reads.
        files: more files.
    """
    inside = {
        file
        for folder in folders
        for pattern in _CODE
        for file in Path(folder).rglob(pattern)
        if file.parent.name != "__pycache__"
    }
    return {
        str(file): _seen(file) for file in sorted({*inside, *map(Path, files)}) if file.is_file()
    }


def begin_run(settings: Mapping[str, Any], where: str, code: Mapping[str, Seen]) -> None:
    """Write down what this run's driver planned with; jobs find it through the environment.

    Args:
        settings: the settings of the config.
        where: names of the config files, for messages.
        code: what `code_of` returned when the driver started.
    """
    _FOLDER.mkdir(parents=True, exist_ok=True)
    for file in _FOLDER.glob("*.json"):
        if time.time() - file.stat().st_mtime > _KEPT_DAYS * 86400:
            file.unlink(missing_ok=True)
    file = (_FOLDER / f"{os.environ[RUN]}.json").resolve()
    write_json({"settings": settings, "where": where, "code": code}, file)
    os.environ[IDENTITY] = str(file)


def end_run() -> None:
    """Remove what `begin_run` wrote."""
    file = os.environ.pop(IDENTITY, None)
    if file:
        Path(file).unlink(missing_ok=True)


def driver_settings() -> tuple[dict[str, Any], str] | None:
    """The settings that the driver of this job planned with, and the names of their files.

    Returns:
        None where no driver of a run started this process.

    Raises:
        UserError: the run has ended.
    """
    planned = _planned()
    return (planned["settings"], planned["where"]) if planned else None


def check_code() -> None:
    """Check that the code is that of the driver.

    Raises:
        UserError: files changed, were added or removed since; or the run has ended.
    """
    planned = _planned()
    changed = [
        file
        for file, seen in (planned["code"] if planned else {}).items()
        if not _is_the_same(Path(file), seen)
    ]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise UserError(
            what=f"the workflow's code changed during the run ({len(changed)} files)",
            where=", ".join(changed[:3]) + more,
            expected="the same code in all jobs of a run, because results are recorded as its own",
            remedy="rerun the same command, which plans with the changed code; what is finished is "
            "kept",
        )


def changed_files(files: Mapping[str, Seen]) -> list[str]:
    """The files, of those that `code_of` has seen, that are different now."""
    return [file for file, seen in files.items() if not _is_the_same(Path(file), seen)]


def _planned() -> dict[str, Any] | None:
    file = os.environ.get(IDENTITY)
    if not file:
        return None
    try:
        return json.loads(Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            what="the run that started this job has ended",
            where=file,
            expected="a running Snakemake that waits for its jobs",
            remedy="rerun the same command; what is finished is kept",
        ) from None


def _seen(file: Path) -> Seen:
    status = file.stat()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return [status.st_size, status.st_mtime_ns, digest]


def _is_the_same(file: Path, seen: Seen) -> bool:
    """Whether a file is as it was; read only if its time is another."""
    try:
        status = file.stat()
        if [status.st_size, status.st_mtime_ns] == list(seen[:2]):
            return True
        return status.st_size == seen[0] and _seen(file)[2] == seen[2]
    except FileNotFoundError:
        return False
