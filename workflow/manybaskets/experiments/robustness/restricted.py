"""The restricted folder, and a context for jobs that keeps its texts out of logs and errors.

Only the owner may open the folder (mode 0700) and its files (0600). Logs and errors of such a job
are split: messages of this package, which contain only counts and ids, go to the job's log;
everything else, which may quote a prompt or an answer, goes to a log in the restricted folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from manybaskets.errors import PassingError, UserError
from manybaskets.jobs.causes import cause_of

NOTICE = """This folder contains prompts that ask for harmful content, models' answers to them, and
judges' reasons. It is the material of a safety evaluation.

- Only its owner can open it. Do not copy it to places that others can read, and do not publish it.
- Everything outside of this folder contains only ids, scores and counts, and may be shared.
- The prompts may have their own licence; the workflow does not redistribute anything here.
- The folder can be deleted: scores, tables and figures remain, and a new run creates it again.
"""

# Modules whose errors contain ids, counts, paths and settings, but never a row's text.
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
_USUAL_MASK = os.umask(0)
os.umask(_USUAL_MASK)


class WithheldError(Exception):
    """An unexpected error in a job with restricted texts; its message is in the restricted log."""


def make_private(folder: Path) -> None:
    """Create the restricted folder or make it private: a workflow engine may have created it for an
    output. From here on this process creates files that only their owner can read.

    Raises:
        UserError: the folder belongs to another user, so its permissions cannot be set.
    """
    os.umask(0o077)
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except PermissionError:
        raise UserError(
            what="the permissions of the restricted folder cannot be set",
            where=str(folder),
            expected="a folder owned by the user who runs the study",
            remedy="run this as the folder's owner, or delete the folder",
        ) from None
    notice = folder / "NOTICE.txt"
    if not notice.exists() or notice.read_text(encoding="utf-8") != NOTICE:
        notice.write_text(NOTICE, encoding="utf-8")
    notice.chmod(0o600)


@contextlib.contextmanager
def restored_mask() -> Iterator[None]:
    """Let this process create files with its usual permissions again after the block."""
    try:
        yield
    finally:
        os.umask(_USUAL_MASK)


def publish(files: Iterable[Path]) -> None:
    """Give files without texts, written by such a job, normal permissions."""
    for file in files:
        Path(file).chmod(0o666 & ~_USUAL_MASK)


@contextlib.contextmanager
def withheld(folder: Path, log_path: str | Path) -> Iterator[None]:
    """Keep texts out of a job's log and errors while the block runs, inside of `jobs.job`.

    Output of libraries and their processes goes to a log in the restricted folder, as does every
    error that may quote a text; only its type and location are re-raised.

    Args:
        folder: the restricted folder; it is made private first.
        log_path: the job's log; the log in the restricted folder gets the same name.

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
                what=f"this job failed in {_place(error)}; the message may quote a restricted "
                "text and is not shown here",
                where=str(path),
                expected="a job that finishes without errors",
                remedy="read the message in this file, which only you can open",
            ) from None
        except Exception as error:
            cause = cause_of(error)
            if cause:
                raise cause from None
            traceback.print_exc(file=stream)
            raise _reduced(error, path) from None


def _reduced(error: Exception, path: Path) -> WithheldError:
    frames = "".join(
        f"\n    {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    )
    return WithheldError(
        f"{type(error).__name__}, raised at{frames}\n  the message may quote a restricted text; "
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
    return f"{_raised_in(error)}, line {trace.tb_lineno}" if trace else "an unknown location"


class _OfThisPackage(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.name.split(".")[0] == "manybaskets"


@contextlib.contextmanager
def _redirected(stream: TextIO) -> Iterator[None]:
    """Redirect output of Python, C code and child processes, and all logging, to one file."""
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
