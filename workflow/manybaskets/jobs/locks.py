"""One writer at a time: a lock file that names its holder.

The kernel releases the lock of a dead process, also after kill -9, so locks never become stale.
Network file systems share such locks between machines if mounted accordingly (NFS by default,
Lustre with `flock`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import TextIO

from manybaskets.errors import PassingError, UserError

_NOT_OFFERED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class WriterLock:
    """A lock for the writer of results.

    Args:
        path: the lock file; it is removed with the lock.
        written: what the lock protects, for the error message.
    """

    def __init__(self, path: Path, written: str) -> None:
        self.path, self.written = path, written
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            PassingError: another process holds it; the message names host, batch job and process.
            UserError: the file system does not support locks.
        """
        while self._file is None:
            file = open(self.path, "a+", encoding="utf-8")  # noqa: SIM115 - open as long as held
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                with file:
                    self._refuse(error, file)
            if _is_at(file, self.path):
                self._file = file
            else:
                file.close()  # its holder removed the file after it was opened here
        self._file.seek(0)
        self._file.truncate()
        self._file.write(writer_identity())
        self._file.flush()

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._file.close()
        self._file = None

    def _refuse(self, error: OSError, file: TextIO) -> None:
        if error.errno in _NOT_OFFERED:
            raise UserError(
                what=f"the file system does not support locks ({error.strerror}), so two jobs "
                f"could write the same {self.written}",
                where=str(self.path.parent),
                expected="a file system with locks (NFS; Lustre mounted with `flock`)",
                remedy="move the study to such a file system, or ask the administrators to enable "
                "locks",
            ) from None
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise error
        file.seek(0)
        holder = file.read().strip() or "a process that has just started"
        raise PassingError(
            what=f"another job is writing the same {self.written}",
            where=f"{self.path}, held by {holder}",
            expected="one writer at a time",
            remedy="wait for the other job or cancel it (on a cluster: squeue, scancel), then "
            "rerun the same command",
        ) from None


def writer_identity() -> str:
    """The current writer: host, batch job (if any) and process."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"host {socket.gethostname()}, {f'job {job}, ' if job else ''}process {os.getpid()}"


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
