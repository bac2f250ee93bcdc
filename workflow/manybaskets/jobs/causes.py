"""Causes that libraries report in their own ways: a full disk, too little memory."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from manybaskets.errors import PassingError, UserError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# safetensors and polars report the system's error as text.
_DISK_FULL_TEXTS = (
    "No space left on device",
    "Disk quota exceeded",
    f"os error {errno.ENOSPC})",
    f"os error {errno.EDQUOT})",
)
_CUT_SHORT = re.compile(r"^\d+ requested and \d+ written")
_MEMORY_TEXTS = (
    "Cannot allocate memory",
    "cannot allocate memory",
    "can't allocate memory",
    "failed to map segment from shared object",
    "Unable to allocate",
    f"os error {errno.ENOMEM})",
)


def cause_of(error: BaseException) -> UserError | None:
    """What to say about an error of the machine that a library raised in its own way.

    Args:
        error: any error; those that led to it are also looked at.

    Returns:
        A message about the disk or the memory; None for another error.
    """
    for each in _chain(error):
        if disk_is_full(each):
            return UserError(
                what="the disk is full",
                where=str(
                    getattr(each, "filename", None) or "the results folder or the temporary folder"
                ),
                expected="space for this stage's output",
                remedy="free disk space and rerun the same command: finished rows are kept",
            )
        if _memory_ran_out(each):
            return PassingError(
                what=f"the job ran out of memory ({type(each).__name__})",
                where="main memory of this job",
                expected="as much memory as the job's rows and models need",
                remedy="raise the rule's memory (`--set-resources RULE:mem_mb=…`) or run fewer jobs "
                "at a time, then rerun the same command: finished rows are kept",
            )
    return None


def disk_is_full(error: BaseException) -> bool:
    """Whether an error is that of a full disk or an exceeded quota."""
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return True
    if isinstance(error, UserError):
        return False
    # numpy has no error number for a file that takes only the beginning of an array.
    return _says(error, _DISK_FULL_TEXTS) or bool(_CUT_SHORT.search(str(error)))


def _memory_ran_out(error: BaseException) -> bool:
    if isinstance(error, UserError):
        return False
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return _says(error, _MEMORY_TEXTS)


def _says(error: BaseException, texts: tuple[str, ...]) -> bool:
    return any(text in str(error) for text in texts)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
