"""One writer at a time: a lock file that names who writes.

The kernel frees a lock whose holder died, also after kill -9, so nothing is ever stale: whoever comes
next takes over. Network file systems carry such locks between machines if they are mounted with them
(NFS by default, Lustre with `flock`).
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
    """A lock for the writer of some results.

    Args:
        path: the lock file; it goes away with the lock.
        written: what is protected, for the message.
    """

    def __init__(self, path: Path, written: str) -> None:
        self.path, self.written = path, written
        self._file: TextIO | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            PassingError: another process holds it; names host, batch job and process.
            UserError: the file system has no locks.
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
                file.close()  # its holder removed it after it was opened here
        self._file.seek(0)
        self._file.truncate()
        self._file.write(writer_identity())
        self._file.flush()

    def release(self) -> None:
        """Give the lock back and remove its file."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        self._file.close()
        self._file = None

    def _refuse(self, error: OSError, file: TextIO) -> None:
        if error.errno in _NOT_OFFERED:
            raise UserError(
                what=f"the file system has no locks ({error.strerror}), so two jobs could write the "
                f"same {self.written}",
                where=str(self.path.parent),
                expected="a file system with locks (NFS; Lustre mounted with `flock`)",
                remedy="run in a folder on such a file system, or ask its administrators",
            ) from None
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise error
        file.seek(0)
        holder = file.read().strip() or "a process that has just started"
        raise PassingError(
            what=f"two jobs write the same {self.written}",
            where=f"{self.path}, held by {holder}",
            expected="one writer at a time",
            remedy="wait for the other job or end it (on a cluster: squeue, scancel), then run again",
        ) from None


def writer_identity() -> str:
    """Who writes: host, batch job where there is one, process."""
    job = os.environ.get("SLURM_JOB_ID")
    return f"host {socket.gethostname()}, {f'job {job}, ' if job else ''}process {os.getpid()}"


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
