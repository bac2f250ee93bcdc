"""The restricted folder, and jobs that handle its texts without telling them to anybody.

Only the owner may open the folder (mode 0700) and its files (0600). Logs and errors of such a job go
two ways: what this package says itself, which holds counts and ids, to the job's log; everything else,
which may quote a prompt or an answer, to a log in the restricted folder.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from manybaskets.errors import PassingError, UserError

NOTICE = """This folder holds prompts that ask for harmful things, what models answered to them, and
what judges said about the answers. It is the material of a safety evaluation.

- Only its owner can open it. Do not copy it to places that others can read, and do not publish it.
- Everything outside of this folder holds ids, scores and counts only, and may be shared.
- The prompts may have a licence of their own; nothing here is redistributed by the workflow.
- The folder can be deleted: scores, tables and figures remain, and a new run makes it again.
"""

# Modules whose errors hold ids, counts, paths and settings, and never a row's text.
_SPEAK_FREELY = (
    "manybaskets.experiments.robustness.",
    "manybaskets.judging.",
    "manybaskets.records.responses",
    "manybaskets.jobs.journal",
    "manybaskets.generation.runs",
    "manybaskets.engines.adapter_probe",
    "manybaskets.jobs.locks",
    "manybaskets.models.",
)
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_USUAL_MASK = os.umask(0)
os.umask(_USUAL_MASK)


class WithheldError(Exception):
    """Something unforeseen in a job with restricted texts; its message is in the restricted log."""


def make_private(folder: Path) -> None:
    """Make the restricted folder, or take it from all others: a workflow engine may have made it for
    an output. From here on this process makes files that only their owner can read.

    Raises:
        UserError: the folder is another user's, so that its rights cannot be set.
    """
    os.umask(0o077)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except PermissionError:
        raise UserError(
            what="the rights of the restricted folder cannot be set",
            where=str(folder),
            expected="a folder of the user who runs the study",
            remedy="let its owner run this, or delete the folder",
        ) from None
    notice = folder / "NOTICE.txt"
    if not notice.exists() or notice.read_text(encoding="utf-8") != NOTICE:
        notice.write_text(NOTICE, encoding="utf-8")
    notice.chmod(0o600)


def publish(files: Iterable[Path]) -> None:
    """Give files without texts, which a job of this kind wrote, the rights that others have."""
    for file in files:
        Path(file).chmod(0o666 & ~_USUAL_MASK)


@contextlib.contextmanager
def withheld(folder: Path, log_path: str | Path) -> Iterator[None]:
    """Keep texts out of a job's log and errors while the block runs, inside of `jobs.job`.

    Output of libraries and of their processes goes to a log in the restricted folder. So does every
    error that may quote a text; what goes on is its kind and where it was raised.

    Args:
        folder: the restricted folder; it is made private first.
        log_path: the job's log, after which that in the restricted folder is called.

    Raises:
        UserError, WithheldError: instead of errors that may quote a text.
    """
    make_private(folder)
    path = _own_log(Path(folder), Path(log_path))
    with open(path, "w", encoding="utf-8", buffering=1) as stream, _redirected(stream):
        try:
            yield
        except UserError as error:
            if _raised_in(error).startswith(_SPEAK_FREELY):
                raise
            traceback.print_exc(file=stream)
            kind = PassingError if isinstance(error, PassingError) else UserError
            raise kind(
                what=f"this job failed in {_place(error)}; the message may quote a restricted text and "
                "is withheld here",
                where=str(path),
                expected="a job that goes through",
                remedy="read the message in that file, which only you can open",
            ) from None
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise
            traceback.print_exc(file=stream)
            raise _reduced(error, path) from None
        except Exception as error:
            traceback.print_exc(file=stream)
            raise _reduced(error, path) from None


def _reduced(error: Exception, path: Path) -> WithheldError:
    frames = "".join(
        f"\n    {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    )
    return WithheldError(
        f"{type(error).__name__}, raised at{frames}\n  its message may quote a restricted text; "
        f"it is in {path}"
    )


def _own_log(folder: Path, log_path: Path) -> Path:
    logs = folder.parent / "logs"
    inside = log_path.is_relative_to(logs)
    path = folder / "logs" / (log_path.relative_to(logs) if inside else log_path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _last_frame(error: BaseException):
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return trace


def _raised_in(error: BaseException) -> str:
    trace = _last_frame(error)
    return trace.tb_frame.f_globals.get("__name__", "") if trace else ""


def _place(error: BaseException) -> str:
    trace = _last_frame(error)
    return f"{_raised_in(error)}, line {trace.tb_lineno}" if trace else "an unknown place"


class _OfThisPackage(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.name.split(".")[0] == "manybaskets"


@contextlib.contextmanager
def _redirected(stream: TextIO) -> Iterator[None]:
    """Output of Python, of C code and of child processes, and all logging, into one file."""
    root, own = logging.getLogger(), logging.StreamHandler(stream)
    public, quiet = list(root.handlers), _OfThisPackage()
    for handler in public:
        handler.addFilter(quiet)
    root.addHandler(own)
    sys.stdout.flush()
    sys.stderr.flush()
    descriptors = {number: os.dup(number) for number in (1, 2)}
    try:
        for number in descriptors:
            os.dup2(stream.fileno(), number)
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            yield
    finally:
        stream.flush()
        for number, kept in descriptors.items():
            os.dup2(kept, number)
            os.close(kept)
        root.removeHandler(own)
        for handler in public:
            handler.removeFilter(quiet)
