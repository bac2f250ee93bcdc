"""Wrapper around every job: one log file, and one readable message if the job fails."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from manybaskets.errors import PassingError, UserError
from manybaskets.extensions import load_passed_on
from manybaskets.jobs.devices import claimed
from manybaskets.jobs.environment import RUN
from manybaskets.jobs.installation import missing_package
from manybaskets.jobs.locks import WriterLock


class Stopped(BaseException):
    """The job received SIGTERM, which schedulers send before a time limit. Not an Exception, so
    that no handler on the way mistakes it for a failure that can be retried."""


class _Refused(Exception):
    """An earlier attempt of this job in this run failed for a reason that a retry cannot fix."""


@contextlib.contextmanager
def job(log_path: str | Path, gpus: int = 0) -> Iterator[None]:
    """Send a job's output to its log; on failure, print a message for the user and exit with 1.

    A UserError is printed in full on the terminal; for any other failure the terminal names the
    log, which contains the traceback. SIGTERM ends the work cleanly: finished rows are written
    first. If two jobs share a log, they do the same work, and the second one stops. After a
    UserError, further attempts in the same run stop at once.

    Args:
        gpus: number of GPUs that the job was given, or may claim on a machine without a scheduler.
    """
    signal.signal(signal.SIGTERM, _stop)
    terminal = sys.stderr
    path = Path(log_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(path.with_name(f".{path.name}.lock"), "results")
    stream = None
    try:
        lock.acquire()
        refusal = refusal_of(path)
        if refusal:
            raise _Refused(refusal)
        stream = open(path, "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - open to the end
        logging.basicConfig(
            stream=stream, level=logging.INFO, format="%(asctime)s %(message)s", force=True
        )
        logging.captureWarnings(True)
        with (
            contextlib.redirect_stdout(stream),
            contextlib.redirect_stderr(stream),
            claimed(gpus),
        ):
            load_passed_on()
            yield
        stream.close()
        lock.release()
        return
    except _Refused as error:
        message = f"{error}\n  Not retried: a retry cannot fix this."
    except UserError as error:
        message = f"{error}"
        if not isinstance(error, PassingError):
            _refuse(path, message)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            message = _unexpected(error, stream)
        else:
            message = str(
                UserError(
                    what="the disk is full",
                    where=str(error.filename or "the results folder or the temporary folder"),
                    expected="space for this stage's output",
                    remedy="free disk space and rerun the same command: finished rows are kept",
                )
            )
    except Stopped:
        message = str(
            UserError(
                what="the job was terminated (SIGTERM)",
                where=f"process {os.getpid()}",
                expected="enough time for the job; a scheduler ends jobs at their time limit",
                remedy="rerun the same command: finished rows and checkpoints are kept; if the "
                "time limit was the cause, raise the rule's resource `runtime` (minutes)",
            )
        )
    except ModuleNotFoundError as error:
        missing = missing_package(error)
        message = str(missing) if missing else _unexpected(error, stream)
    except Exception as error:
        message = _unexpected(error, stream)
    # The terminal first: on a full disk the log cannot be written.
    terminal.write(f"\nERROR: {message}\n  log:      {path}\n\n")
    terminal.flush()
    with contextlib.suppress(OSError):
        # If a job stopped before its work began, an existing log belongs to another job.
        stream = stream or open(path, "a", encoding="utf-8")  # noqa: SIM115
        stream.write(f"\nERROR: {message}\n")
        stream.flush()
    lock.release()
    # No SystemExit: libraries' exit handlers must not bury the message under their own.
    os._exit(1)


def refusal_of(log_path: str | Path) -> str | None:
    """Why an earlier attempt of this job failed permanently in this run, or None."""
    try:
        told = json.loads(_refusal(log_path).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return told["message"] if told["run"] == os.environ.get(RUN) else None


def _refuse(log_path: Path, message: str) -> None:
    run = os.environ.get(RUN)
    if run:
        with contextlib.suppress(OSError):
            told = json.dumps({"run": run, "message": message})
            _refusal(log_path).write_text(told, encoding="utf-8")


def _refusal(log_path: str | Path) -> Path:
    path = Path(log_path)
    return path.with_name(f".{path.name}.refused")


def _stop(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the work ends cleanly
    raise Stopped


def _unexpected(error: Exception, stream) -> str:
    if stream:
        with contextlib.suppress(OSError):
            traceback.print_exc(file=stream)
    return (
        f"{type(error).__name__}: {error}\n  Unexpected error (this looks like a bug, not a "
        "mistake in your input). The full traceback is in the log."
    )
