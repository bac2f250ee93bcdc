"""What every job does around its work: one log file, one readable message when it fails."""

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
from manybaskets.jobs.locks import WriterLock


class Stopped(BaseException):
    """The job was told to end (SIGTERM): a scheduler sends this before a time limit. It is no
    Exception, so that nothing on the way takes it for a failure that can be tried again."""


class _Refused(Exception):
    """An earlier try of this job, in this run, failed for a reason that no further try mends."""


@contextlib.contextmanager
def job(log_path: str | Path, gpus: int = 0) -> Iterator[None]:
    """Send all output of a job to its log. A failure prints what a user needs to know and exits with 1.

    A mistake of the user's is told in full on the terminal; of anything else the terminal names the
    log, which holds the traceback. SIGTERM ends the work in order: what is finished is written first.
    Of two jobs with one log, which are two of the same work, the second stops. After a mistake of the
    user's further tries of the same run stop at once.

    Args:
        gpus: GPUs that the job was given, or on a machine without scheduler may claim.
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
        message = f"{error}\n  another try does not mend this, so none was made"
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
                    remedy="free some space and run again: finished rows are kept",
                )
            )
    except Stopped:
        message = str(
            UserError(
                what="the job was told to end (SIGTERM)",
                where=f"process {os.getpid()}",
                expected="as much time as the job needs; a scheduler ends jobs at their time limit",
                remedy="run again: finished rows and checkpoints are kept; raise the rule's "
                "resource `runtime` (minutes) where the time limit was the cause",
            )
        )
    except Exception as error:
        message = _unexpected(error, stream)
    # The terminal first: on a full disk the log takes no more.
    terminal.write(f"\nERROR: {message}\n  log:      {path}\n\n")
    terminal.flush()
    with contextlib.suppress(OSError):
        # The log of a job that stopped before its work is, where there is one, another's.
        stream = stream or open(path, "a", encoding="utf-8")  # noqa: SIM115
        stream.write(f"\nERROR: {message}\n")
        stream.flush()
    lock.release()
    # No SystemExit: libraries' exit handlers must not bury the message under their own.
    os._exit(1)


def refusal_of(log_path: str | Path) -> str | None:
    """Why an earlier try of a job in this run failed for good; None if none did."""
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
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the work ends in order
    raise Stopped


def _unexpected(error: Exception, stream) -> str:
    if stream:
        with contextlib.suppress(OSError):
            traceback.print_exc(file=stream)
    return f"{type(error).__name__}: {error}\n  this is no mistake of yours that we foresaw; the log has all of it"
