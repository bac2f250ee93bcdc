"""Wrapper around every job: one log file, and one readable message if the job fails."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manybaskets.errors import PassingError, UserError, printable
from manybaskets.extensions import load_passed_on
from manybaskets.jobs.causes import cause_of
from manybaskets.jobs.devices import claimed
from manybaskets.jobs.environment import RUN
from manybaskets.jobs.installation import missing_package
from manybaskets.jobs.locks import WriterLock
from manybaskets.jobs.run_identity import check_code
from manybaskets.records.made_files import check_inputs, record_outputs


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

    A job of Snakemake first checks that the code is that of its run and that its inputs are what
    other jobs wrote; when it ends, the digests of its outputs are recorded.

    Args:
        gpus: number of GPUs that the job was given, or may claim on a machine without a scheduler.
    """
    signal.signal(signal.SIGTERM, _stop)
    # Otherwise a failed write to a log on a full disk would print a traceback.
    logging.raiseExceptions = False
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
        stream = _Log(path, "w")
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
            with _checked_files(path):
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
        cause = cause_of(error)
        message = str(cause) if cause else _unexpected(error, stream)
    try:
        # The terminal first: on a full disk the log cannot be written.
        terminal.write(f"\nERROR: {message}\n  log:      {path}\n\n")
        terminal.flush()
        # If a job stopped before its work began, an existing log belongs to another job.
        stream = stream or _Log(path, "a")
        stream.write(f"\nERROR: {message}\n")
        stream.flush()
    except OSError:
        pass
    finally:
        lock.release()
        # No SystemExit: libraries' exit handlers must not bury the message under their own.
        os._exit(1)


class _Log(io.TextIOWrapper):
    """The log of a job, without characters that would steer the terminal that shows it."""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(open(path, f"{mode}b"), encoding="utf-8", line_buffering=True)  # noqa: SIM115 - open to the end

    def write(self, text: str) -> int:
        # A progress bar goes back to the start of its line.
        bar = "\r" if text.startswith("\r") else ""
        return super().write(bar + printable(text.removeprefix("\r")))


@contextlib.contextmanager
def _checked_files(log_path: Path) -> Iterator[None]:
    """Check the code and the inputs of a job of Snakemake, and record its outputs.

    A script finds what it is to read and write in its own `snakemake`; without one, as in a test,
    there is nothing to check.
    """
    asked = getattr(sys.modules["__main__"], "snakemake", None)
    results = _results_of(log_path)
    if asked is None or results is None:
        yield
        return
    _close_terminal()
    check_code()
    inputs, outputs = _paths(asked.input), _paths(asked.output)
    check_inputs(results, inputs)
    yield
    record_outputs(results, outputs, inputs, asked.rule)


def _paths(files: Any) -> list[Path]:
    return [Path(file) for file in files]


def _results_of(log_path: Path) -> Path | None:
    """Folder of the study, by the path of a log."""
    return next((each.parent for each in log_path.parents if each.name == "logs"), None)


def _close_terminal() -> None:
    """Answer every question that a library asks with an end of file."""
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)


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
    return printable(
        f"{type(error).__name__}: {error}\n  Unexpected error (this looks like a bug, not a "
        "mistake in your input). The full traceback is in the log."
    )
